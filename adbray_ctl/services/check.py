"""Check: read every host, judge the readings, and mend what is safe when asked to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from adbray_ctl.core.errors import PlacementError
from adbray_ctl.core.observed.hosts import Observed
from adbray_ctl.core.placement.place import place
from adbray_ctl.core.preflight.findings import CheckReport, Finding, fixes_of
from adbray_ctl.core.preflight.gate import unreached
from adbray_ctl.core.preflight.gpu import burned
from adbray_ctl.core.preflight.group import does_not_fit, placed, unplaced
from adbray_ctl.core.preflight.judge import preflight
from adbray_ctl.core.preflight.machines import machine_findings
from adbray_ctl.core.preflight.needs import HostNeeds, group_needs, possible_needs
from adbray_ctl.core.preflight.ray import ray_version
from adbray_ctl.core.preflight.readings import HostAnswer
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.group import RayClusterSpec
from adbray_ctl.services import external_redis
from adbray_ctl.services.observe import addresses, capacities, unseen_nodes
from adbray_ctl.services.tools import Tools

# For each card: long enough to get warm, short enough to wait for.
_BURN_S = 10.0


@dataclass(frozen=True)
class _Wanted:
    """What a check asks of the hosts, and what it says of the group as a whole."""

    needs: Mapping[str, HostNeeds]
    about_group: tuple[Finding, ...] = ()


def check(tools: Tools, group: str | None) -> CheckReport:
    """The findings about the fleet, and about ``group`` if one is named; changes nothing.

    Raises SpecError for faults of the files, HostKeyError for a host with another key.
    """
    fleet = tools.specs.fleet()
    spec = tools.specs.group(group, fleet) if group is not None else None
    answers = tools.hosts.read_hosts(fleet)
    return _judge(tools, fleet, spec, answers, tools.hosts.observe(fleet))


def burn_in(tools: Tools) -> tuple[Finding, ...]:
    """The findings of some seconds of work on every card that has a driver.

    What runs on the cards is slower meanwhile. Raises what ``check`` raises.
    """
    fleet = tools.specs.fleet()
    retired = fleet.retired
    hosts = [
        answer.host
        for answer in tools.hosts.read_hosts(fleet)
        if answer.readings and answer.readings.gpu.cards and answer.host not in retired
    ]
    return tuple(burned(tools.hosts.burn_in(fleet, hosts, _BURN_S)))


def check_and_fix(tools: Tools, group: str | None) -> CheckReport:
    """As ``check``, with the safe fixes made first; the findings are those after them.

    Raises RefusedError while another run holds the lock, and what ``check`` raises.
    """
    fleet = tools.specs.fleet()
    spec = tools.specs.group(group, fleet) if group is not None else None
    with tools.lock.hold("check --apply"):
        answers, observed = tools.hosts.read_hosts(fleet), tools.hosts.observe(fleet)
        before = _judge(tools, fleet, spec, answers, observed)
        wanted = fixes_of(before.findings)
        if not wanted:
            return before
        results = tools.hosts.fix_hosts(fleet, wanted)
        # What is on the hosts is as it was.
        fixed = _judge(tools, fleet, spec, tools.hosts.read_hosts(fleet), observed)
        return fixed.model_copy(update={"fixes": results})


def _judge(
    tools: Tools,
    fleet: Fleet,
    spec: RayClusterSpec | None,
    answers: tuple[HostAnswer, ...],
    observed: Observed,
) -> CheckReport:
    wanted = _Wanted({}) if spec is None else _wanted(tools, fleet, spec, answers, observed)
    findings = preflight(
        fleet=fleet, answers=answers, needs=wanted.needs, addresses=observed.addresses()
    )
    answered = {answer.host for answer in answers if answer.silence is None}
    machines = tuple(machine_findings(observed, tools.specs.where, answered))
    return CheckReport(
        group=spec.name if spec is not None else None,
        findings=findings + machines + wanted.about_group,
    )


def _wanted(
    tools: Tools,
    fleet: Fleet,
    spec: RayClusterSpec,
    answers: tuple[HostAnswer, ...],
    observed: Observed,
) -> _Wanted:
    version, possible = ray_version(spec), possible_needs(fleet, spec)
    quiet = {answer.host for answer in answers if answer.silence is not None}
    quiet |= {seen.host for seen in observed.hosts if seen.error is not None}
    silent = [host.name for host in fleet.hosts if host.name in quiet and not host.retired]
    # A silent host may hold what no other shows: where that would come cannot be told.
    if silent and unseen_nodes(fleet, spec, observed):
        return _Wanted(possible, (unplaced(spec, silent), version))
    try:
        topology = place(
            fleet=fleet,
            spec=spec,
            capacities=capacities(fleet, observed),
            records=observed.records(),
            addresses=addresses(fleet, observed),
        )
    except PlacementError as error:
        return _Wanted(possible, (does_not_fit(spec, error.what, error.hint or ""), version))
    needs = group_needs(spec=spec, topology=topology, observed=observed)
    namespace = observed.namespace(spec.name) or f"{spec.name}-check"
    redis = external_redis.findings(tools, fleet, spec, topology, namespace)
    met = unreached(view.scaling if (view := observed.ray(spec.name)) else None)
    return _Wanted(needs, (placed(spec, needs), version, *redis, *met))
