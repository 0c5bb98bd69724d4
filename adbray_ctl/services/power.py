"""Wake hosts by hand, as before a change of a fleet that sleeps."""

from __future__ import annotations

from collections.abc import Iterable

from adbray_ctl.core.errors import HostError, UsageError
from adbray_ctl.core.events import Note
from adbray_ctl.core.protocols.runs import Report
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.hosts import command_words
from adbray_ctl.core.text import no_such
from adbray_ctl.services.tools import Tools

_POLL_S = 2.0


def wake(tools: Tools, names: Iterable[str], report: Report) -> None:
    """Run the wake command of each host that does not answer, and wait until all answer.

    Without names it is all hosts with a power driver. Raises UsageError for a host without one,
    HostError when a command fails or a host does not answer in its time.
    """
    fleet = tools.specs.fleet()
    hosts = tuple(names) or tuple(h.name for h in fleet.hosts if h.power and not h.retired)
    _require_drivers(fleet, hosts)
    silent = _silent(tools, fleet, hosts)
    for name in silent:
        host = fleet.host(name)
        assert host.power is not None
        report(Note(text=f"waking {name}"))
        tools.power.run(name, command_words(host, host.power.wake))
    began = tools.clock.now()
    while silent:
        for name, why in silent.items():
            power = fleet.host(name).power
            if power and tools.clock.now() - began > power.timeout_s:
                what = f"does not answer within {power.timeout_s} s after it was woken: {why}"
                raise HostError(what, where=name, hint="look at its console")
        tools.clock.sleep(_POLL_S)
        still = _silent(tools, fleet, tuple(silent))
        for name in silent.keys() - still.keys():
            report(Note(text=f"{name} answers"))
        silent = still


def _require_drivers(fleet: Fleet, names: tuple[str, ...]) -> None:
    known = {host.name: host for host in fleet.hosts}
    for name in names:
        if name not in known:
            raise UsageError(no_such("host", name, known, of="in fleet.yml"))
        if known[name].power is None:
            hint = f"give it a `power` in fleet.yml, or turn {name} on by other means"
            raise UsageError("has no power driver", where=name, hint=hint)


def _silent(tools: Tools, fleet: Fleet, names: tuple[str, ...]) -> dict[str, str]:
    if not names:
        return {}
    observed = tools.hosts.observe(fleet, names)
    return {name: error for name in names if (error := observed.host(name).error)}
