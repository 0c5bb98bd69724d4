"""History: record a run while it happens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from adbray_ctl.core.errors import AdbrayError
from adbray_ctl.core.events import RunEvent, StepEnded, StepStarted
from adbray_ctl.core.history import NodeResult, NodeState, RunOutcome, RunStart
from adbray_ctl.core.protocols.runs import Report
from adbray_ctl.core.slot.record import NodeAt
from adbray_ctl.core.spec.impact import Impact
from adbray_ctl.services.plan import Prepared
from adbray_ctl.services.tools import Tools


@dataclass(frozen=True)
class Deed:
    """What a run is about to do to a group; ``plan`` is JSON, or empty if it carries out none."""

    group: str
    command: str
    nodes: tuple[NodeResult, ...]
    plan: str = ""


@dataclass
class StepLog:
    """Where a step's output is; filled in by who carries it out."""

    path: str = ""


def planned(prepared: Prepared, command: str) -> Deed:
    """Carrying out a plan."""
    return Deed(
        group=prepared.spec.name,
        command=command,
        nodes=tuple(
            NodeResult(node=c.node, host=c.host, action=c.action, reason=c.reason)
            for c in prepared.plan.changes
            if c.action is not Impact.KEEP
        ),
        plan=prepared.plan.model_dump_json(),
    )


def unplanned(group: str, command: str, nodes: tuple[NodeAt, ...], action: Impact) -> Deed:
    """Doing the same to some nodes because ``command`` says so."""
    reason = f"{command} was asked for"
    results = (NodeResult(node=n, host=h, action=action, reason=reason) for n, h in nodes)
    return Deed(group=group, command=command, nodes=tuple(results))


@contextmanager
def recorded(tools: Tools, deed: Deed, report: Report) -> Iterator[Report]:
    """A run: gives the report to use, which records each step as it comes.

    However the block ends, the outcome is recorded; a killed process leaves its run as it was.
    """
    history, clock = tools.history, tools.clock
    number = _begin(tools, deed)

    def record(event: RunEvent) -> None:
        report(event)
        _record(tools, number, event)

    try:
        yield record
    except AdbrayError as error:
        history.end(number, RunOutcome.FAILED, clock.time(), error.what)
        raise
    except BaseException as error:
        history.end(number, RunOutcome.INTERRUPTED, clock.time(), type(error).__name__)
        raise
    history.end(number, RunOutcome.SUCCEEDED, clock.time())


def _begin(tools: Tools, deed: Deed) -> int:
    return tools.history.begin(
        RunStart(
            group=deed.group,
            command=deed.command,
            started_at=tools.clock.time(),
            plan=deed.plan,
            spec=tools.specs.text(deed.group) if deed.group in tools.specs.names() else "",
            fleet=tools.specs.text(None),
            nodes=deed.nodes,
        )
    )


def _record(tools: Tools, number: int, event: RunEvent) -> None:
    """What ``event`` means for the nodes of a run."""
    history, now = tools.history, tools.clock.time()
    if isinstance(event, StepStarted):
        history.mark(number, event.nodes, NodeState.RUNNING, now)
    if isinstance(event, StepEnded):
        history.mark(number, event.nodes, NodeState.FAILED if event.error else NodeState.DONE, now)
        if event.log:
            history.log(number, event.log)


@contextmanager
def only_step(report: Report, title: str, nodes: tuple[NodeAt, ...]) -> Iterator[StepLog]:
    """The one step of a run that has no plan."""
    report(StepStarted(number=1, total=1, title=title, nodes=nodes))
    log = StepLog()
    try:
        yield log
    except AdbrayError as error:
        report(StepEnded(title=title, nodes=nodes, error=error.what))
        raise
    report(StepEnded(title=title, nodes=nodes, log=log.path))
