"""History: record a run while it happens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from adbray_ctl.core.errors import AdbrayError
from adbray_ctl.core.events import RunEvent, StepEnded, StepStarted
from adbray_ctl.core.history import NodeResult, NodeState, RunOutcome, RunStart
from adbray_ctl.core.impact import Impact
from adbray_ctl.core.ports import Report
from adbray_ctl.services.plan import Prepared
from adbray_ctl.services.tools import Tools


@contextmanager
def recorded(tools: Tools, prepared: Prepared, command: str, report: Report) -> Iterator[Report]:
    """A run of ``command``: gives the report to use, which records each step as it comes.

    However the block ends, the outcome is recorded; a killed process leaves its run as it was.
    """
    history, clock, group = tools.history, tools.clock, prepared.spec.name
    number = history.begin(
        RunStart(
            group=group,
            command=command,
            started_at=clock.time(),
            plan=prepared.plan.model_dump_json(),
            spec=tools.specs.text(group),
            fleet=tools.specs.text(None),
            nodes=tuple(
                NodeResult(node=c.node, host=c.host, action=c.action, reason=c.reason)
                for c in prepared.plan.changes
                if c.action is not Impact.KEEP
            ),
        )
    )

    def record(event: RunEvent) -> None:
        report(event)
        if isinstance(event, StepStarted):
            history.mark(number, event.nodes, NodeState.RUNNING, clock.time())
        if isinstance(event, StepEnded):
            state = NodeState.FAILED if event.error else NodeState.DONE
            history.mark(number, event.nodes, state, clock.time())
            if event.log:
                history.log(number, event.log)

    try:
        yield record
    except AdbrayError as error:
        history.end(number, RunOutcome.FAILED, clock.time(), error.what)
        raise
    except BaseException as error:
        history.end(number, RunOutcome.INTERRUPTED, clock.time(), type(error).__name__)
        raise
    history.end(number, RunOutcome.SUCCEEDED, clock.time())
