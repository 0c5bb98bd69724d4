"""The judgement of `adbray check` on proxies that a host's environment names."""

from __future__ import annotations

from collections.abc import Iterator

from adbray_ctl.core.preflight.findings import Finding, FindingState, Subject
from adbray_ctl.core.preflight.readings import Check
from adbray_ctl.core.proxies import NO_PROXY, not_excepted, own_addresses, set_in

_EXPECTED = "no proxy, or the fleet's addresses in no_proxy, each spelt out"


def proxies(of: Subject) -> Iterator[Finding]:
    """adbray's and Ray's own requests take none; a job's own are the host's affair."""
    login, units = of.readings.proxies.login, of.readings.proxies.systemd
    found = _named("logins have", login) + _named("systemd gives its units", units)
    if not found:
        yield of.finding(Check.PROXY, FindingState.OK, "none", expected=_EXPECTED)
        return
    own = own_addresses(of.fleet, seen=of.addresses)
    seen = [environment for environment in (login, units) if set_in(environment)]
    missing = tuple(dict.fromkeys(one for it in seen for one in not_excepted(it, own)))
    text = "; ".join(found)
    if not missing:
        text += "; no_proxy has the fleet's addresses"
        yield of.finding(Check.PROXY, FindingState.OK, text, expected=_EXPECTED)
        return
    text += f"; no_proxy lacks {', '.join(missing)}"
    # Only what systemd gives its units reaches jobs.
    state = FindingState.WARN if set_in(units) and not_excepted(units, own) else FindingState.OK
    remedy = (
        f"add {','.join(missing)} to {' and '.join(NO_PROXY)}: adbray and Ray take no proxy to the"
        " fleet, but other programs here, and what jobs ask of other hosts of the fleet, would"
    )
    remedy = remedy if state is FindingState.WARN else ""
    if state is FindingState.OK:
        text += "; adbray and Ray take no proxy to the fleet"
    yield of.finding(Check.PROXY, state, text, expected=_EXPECTED, remedy=remedy)


def _named(who: str, environment: dict[str, str]) -> list[str]:
    named = [f"{name}={environment[name]}" for name in set_in(environment)]
    return [f"{who} {' '.join(named)}"] if named else []
