"""Change: the one way to change a group: plan, ask, lease, plan again, record, apply."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from adbray_ctl.core.events import RunEvent
from adbray_ctl.core.observed.hosts import Observed
from adbray_ctl.core.observed.status import GroupStatus
from adbray_ctl.core.placement.topology import Replacement
from adbray_ctl.core.plan.consent import Consent, open_question
from adbray_ctl.core.plan.plan import ChangePlan
from adbray_ctl.core.protocols.console import Console
from adbray_ctl.core.protocols.runs import Report
from adbray_ctl.services.apply import Options, apply
from adbray_ctl.services.history import Deed, planned, recorded
from adbray_ctl.services.nodes import require_nothing_else
from adbray_ctl.services.plan import Prepared, prepare, require_unmoved
from adbray_ctl.services.tools import Tools


class Change(BaseModel):
    """What is asked for of one group; ``command`` is what asks.

    ``canary`` workers of each worker group are changed first; the nodes ``restart`` are restarted,
    and nothing else may be changed with them; ``namespace`` is what a new group gets. A ``saved``
    plan is carried out only if nothing has moved since it was made.
    """

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    group: str
    command: str = "apply"
    canary: int = 0
    keep_going: bool = False
    restart: tuple[str, ...] = ()
    replacing: Replacement | None = None
    namespace: str | None = None
    saved: ChangePlan | None = None

    @property
    def purpose(self) -> str:
        """In words, for those who wait for it."""
        return f"{self.command} {self.group}"


@dataclass(frozen=True)
class Outcome:
    """What came of a change; ``observed`` is what hosts showed, if they are as they were then."""

    status: GroupStatus
    observed: Observed | None = None


def unreported(_: RunEvent) -> None:
    """A report that is not shown."""


def change(
    tools: Tools,
    wanted: Change,
    consent: Consent,
    console: Console,
    *,
    observed: Observed | None = None,
    watch: Report = unreported,
) -> Outcome:
    """Make one group what its file asks for; the caller holds the project's lock.

    Hosts that were ``observed`` just now are asked again only under the lease. ``watch`` is given
    each event of the run. Raises what ``prepare`` and ``apply`` do, and RefusedError for a no, for
    a lease that another holds, and for a plan that is not true any more.
    """
    prepared = _wanted_alone(tools, wanted, observed)
    console.show_plan(prepared.plan)
    if prepared.plan.is_empty:
        outcome = Outcome(apply(tools, prepared, unreported), prepared.observed)
    else:
        question = open_question(prepared.plan, consent, production=prepared.spec.production)
        if question is not None:
            console.confirm(question)
        outcome = Outcome(_carry_out(tools, wanted, prepared, consent, console, watch))
    console.show_status(outcome.status, changed=not prepared.plan.is_empty)
    return outcome


def apply_groups(
    tools: Tools, changes: Sequence[Change], consent: Consent, console: Console
) -> tuple[GroupStatus, ...]:
    """Hold the project's lock and make one change after the other; gives how each group is then."""
    purpose = changes[0].purpose if len(changes) == 1 else "apply"
    with tools.lock.hold(purpose):
        return change_all(tools, changes, consent, console)


def change_all(
    tools: Tools,
    changes: Sequence[Change],
    consent: Consent,
    console: Console,
    *,
    observed: Observed | None = None,
    watch: Report = unreported,
) -> tuple[GroupStatus, ...]:
    """One after the other. All are planned on one look at the hosts, as long as none changed one.

    Raises as ``change`` does; those after it are left as they are then.
    """
    found: list[GroupStatus] = []
    for wanted in changes:
        outcome = change(tools, wanted, consent, console, observed=observed, watch=watch)
        observed = outcome.observed
        found.append(outcome.status)
    return tuple(found)


@contextmanager
def on_record(tools: Tools, deed: Deed, console: Console, *, title: str = "") -> Iterator[Report]:
    """Carry out ``deed`` while the user watches, and keep how it ends in the history."""
    with (
        console.progress(title or f"{deed.command} {deed.group}") as view,
        recorded(tools, deed, view) as report,
    ):
        yield report


def _wanted_alone(tools: Tools, wanted: Change, observed: Observed | None) -> Prepared:
    """The first plan. Raises RefusedError if it is not the saved one, or does more than wanted."""
    namespace = wanted.saved.namespace if wanted.saved else wanted.namespace
    prepared = _plan(tools, wanted, namespace, observed)
    if wanted.saved is not None:
        require_unmoved(wanted.saved, prepared)
    if wanted.restart:
        require_nothing_else(prepared, wanted.restart)
    return prepared


def _plan(
    tools: Tools, wanted: Change, namespace: str | None, observed: Observed | None = None
) -> Prepared:
    return prepare(
        tools,
        wanted.group,
        canary=wanted.canary,
        namespace=namespace,
        restart=wanted.restart,
        replacing=wanted.replacing,
        observed=observed,
    )


def _carry_out(
    tools: Tools,
    wanted: Change,
    agreed: Prepared,
    consent: Consent,
    console: Console,
    watch: Report,
) -> GroupStatus:
    """Under the lease: look and plan once more, and apply that if it is what was ``agreed`` to."""
    options = Options(
        keep_going=wanted.keep_going,
        after_canary=lambda step: not consent.yes and console.go_on(step),
    )
    with tools.lease.hold(agreed.fleet, agreed.head_host, wanted.group, wanted.purpose):
        current = _plan(tools, wanted, agreed.namespace)
        require_unmoved(agreed.plan, current)
        with on_record(tools, planned(current, wanted.command), console) as report:

            def watched(event: RunEvent) -> None:
                report(event)
                watch(event)

            return apply(tools, current, watched, options)
