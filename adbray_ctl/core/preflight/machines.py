"""Which names of the fleet lead to one machine, and what could not be seen on a host."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping

from adbray_ctl.core.observed.hosts import HostFacts, HostObservation, Observed
from adbray_ctl.core.preflight.findings import GROUP_WIDE, Finding, FindingState
from adbray_ctl.core.preflight.readings import Check

# Says where fleet.yml has a host, as file:line.
Where = Callable[[str], str]

_APART = "every host of fleet.yml is a machine of its own"
ONE_LINE = (
    "keep one of these lines in fleet.yml; if they are containers with a copied machine-id, run"
    " `rm /etc/machine-id; systemd-machine-id-setup` in one of them"
)
_AGAIN = "check again: a host that is busy may have answered too late"
_WHOLE = "every slot record can be read, and systemd answers"


def twins(observed: Observed) -> tuple[tuple[str, ...], ...]:
    """The hosts that are one machine, in groups of two or more.

    The machine-id alone is not enough: images of virtual machines are copied with it, and with the
    host keys. The boot id is drawn at each boot of each machine, so that copies differ in it.
    Containers on one kernel share the boot id, and differ in their host keys.
    """
    machines: list[dict[str, HostFacts]] = []
    for host in observed.hosts:
        if (facts := host.facts) is None:
            continue
        same = (one for one in machines if all(_are_one(facts, known) for known in one.values()))
        if (machine := next(same, None)) is not None:
            machine[host.host] = facts
        else:
            machines.append({host.host: facts})
    return tuple(tuple(names) for names in machines if len(names) > 1)


def twins_text(hosts: tuple[str, ...], observed: Observed, where: Where) -> str:
    """What is wrong with ``hosts``, which are one machine: every line of theirs in fleet.yml."""
    places = [f"{name} ({where(name)})" for name in hosts]
    text = f"{' and '.join(places)} are one machine, by its machine-id, boot id and host keys"
    own = [name for name in hosts if _placed_under(observed.host(name), name, observed)]
    return text + (f"; its slots were placed under the name {own[0]}" if len(own) == 1 else "")


def unseen_text(host: HostObservation) -> str:
    """What of ``host`` could not be seen; empty if all was."""
    return "; ".join(one.text for one in host.unseen)


def host_problems(observed: Observed, where: Where) -> Iterator[str]:
    """For a status: what makes the hosts' answers count twice, or less than whole."""
    for hosts in twins(observed):
        yield twins_text(hosts, observed, where)
    for host in observed.hosts:
        if text := unseen_text(host):
            yield f"{host.host}: {text}"


def machine_findings(
    observed: Observed, where: Where, answered: Collection[str] = ()
) -> Iterator[Finding]:
    """One finding on what machines the hosts are, and one for each host not seen whole.

    ``answered`` are the hosts that do answer, so that nothing else says why one was not seen.
    """
    found = [twins_text(hosts, observed, where) for hosts in twins(observed)]
    for text in found:
        yield _finding(GROUP_WIDE, Check.MACHINES, FindingState.FAIL, text, _APART, ONE_LINE)
    copies = list(_copies(observed))
    for text, remedy in copies:
        yield _finding(GROUP_WIDE, Check.MACHINES, FindingState.WARN, text, _APART, remedy)
    seen = sum(1 for host in observed.hosts if host.facts and host.facts.boot)
    if not found and not copies and seen:
        many = f"each of the {seen} hosts is a separate machine"
        text = many if seen > 1 else "the one host seen is a separate machine"
        yield _finding(GROUP_WIDE, Check.MACHINES, FindingState.OK, text, _APART)
    for host in observed.hosts:
        if text := unseen_text(host):
            yield _finding(
                host.host, Check.RECORDS, FindingState.FAIL, text, _WHOLE, host.unseen[0].hint
            )
        elif host.error and host.host in answered:
            text = f"what it holds could not be read: {host.error}"
            yield _finding(host.host, Check.RECORDS, FindingState.FAIL, text, _WHOLE, _AGAIN)


def _are_one(a: HostFacts, b: HostFacts) -> bool:
    if not a.boot or (a.machine, a.boot) != (b.machine, b.boot):
        return False
    if a.host_keys and b.host_keys:
        return not set(a.host_keys).isdisjoint(b.host_keys)
    return a.machine != ""


def _copies(observed: Observed) -> Iterator[tuple[str, str]]:
    """Different machines made from one image that share what should tell them apart."""
    alone = [host for host in observed.hosts if host.facts]
    for twin in twins(observed):
        alone = [host for host in alone if host.host not in twin[1:]]
    ids = _shared({h.host: (h.facts.machine,) for h in alone if h.facts and h.facts.machine})
    for value, hosts in ids.items():
        text = f"{' and '.join(hosts)} have one machine-id, {value}: copies of one image"
        remedy = "run `rm /etc/machine-id; systemd-machine-id-setup` on all but one, and boot it"
        yield text, remedy
    keys = _shared({h.host: h.facts.host_keys for h in alone if h.facts})
    for hosts in dict.fromkeys(keys.values()):
        text = f"{' and '.join(hosts)} have the same SSH host key: each can pose as the other"
        remedy = "on all but one run `rm /etc/ssh/ssh_host_*; ssh-keygen -A` and restart sshd"
        yield text, remedy


def _shared(values: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """The values that two or more hosts have, with those hosts."""
    hosts: dict[str, list[str]] = {}
    for host, own in values.items():
        for value in own:
            hosts.setdefault(value, []).append(host)
    return {value: tuple(names) for value, names in hosts.items() if len(names) > 1}


def _placed_under(host: HostObservation, name: str, observed: Observed) -> bool:
    """Whether the slots there were placed on the address by which ``name`` was asked."""
    facts = observed.host(name).facts
    address = facts.address if facts else ""
    return any(slot.record.settings.get("host address") == address for slot in host.slots)


def _finding(
    host: str, check: Check, state: FindingState, found: str, expected: str, remedy: str = ""
) -> Finding:
    return Finding(
        host=host, check=check, state=state, found=found, expected=expected, remedy=remedy
    )
