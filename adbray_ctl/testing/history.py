"""A history in memory."""

from __future__ import annotations

from dataclasses import dataclass, field

from adbray_ctl.core.errors import UsageError
from adbray_ctl.core.history import NodeResult, NodeState, Run, RunDetail, RunOutcome, RunStart
from adbray_ctl.core.slot.record import NodeAt


@dataclass
class FakeHistory:
    """History. Every run is carried out by ``who``, whose process lives."""

    who: str = "operator@control"
    details: list[RunDetail] = field(default_factory=list)

    def begin(self, start: RunStart) -> int:
        number = len(self.details) + 1
        running = {"who": self.who, "ended_at": None, "outcome": RunOutcome.RUNNING, "error": ""}
        self.details.append(RunDetail(number=number, logs=(), **(start.model_dump() | running)))
        return number

    def mark(self, number: int, nodes: tuple[NodeAt, ...], state: NodeState, at: float) -> None:
        column = "started_at" if state is NodeState.RUNNING else "ended_at"

        def marked(node: NodeResult) -> NodeResult:
            if (node.node, node.host) not in nodes:
                return node
            return node.model_copy(update={"state": state, column: at})

        self._update(number, nodes=tuple(marked(node) for node in self.run(number).nodes))

    def log(self, number: int, path: str) -> None:
        self._update(number, logs=(*self.run(number).logs, path))

    def end(self, number: int, outcome: RunOutcome, at: float, error: str = "") -> None:
        self._update(number, outcome=outcome, ended_at=at, error=error)

    def runs(self, group: str | None, limit: int) -> tuple[Run, ...]:
        found = [run for run in reversed(self.details) if group in (None, run.group)]
        fields = set(Run.model_fields)
        return tuple(Run(**run.model_dump(include=fields)) for run in found[:limit])

    def run(self, number: int) -> RunDetail:
        if not 0 < number <= len(self.details):
            raise UsageError(f"there is no run {number}")
        return self.details[number - 1]

    def _update(self, number: int, **fields: object) -> None:
        self.details[number - 1] = self.run(number).model_copy(update=fields)
