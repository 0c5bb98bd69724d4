"""Which addresses no request may reach through a proxy: those of the fleet itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from adbray_ctl.core.observed.status import Addresses
from adbray_ctl.core.spec.fleet import Fleet

LOOPBACK = ("localhost", "127.0.0.1", "::1")
# Programs read the one or the other, and most of them the first.
NO_PROXY = ("no_proxy", "NO_PROXY")
PROXIES = ("http_proxy", "https_proxy", "all_proxy")
# As the whole text it excepts every host; beside others most programs do not understand it.
_EVERYTHING = "*"


def own_addresses(
    fleet: Fleet, group: Addresses | None = None, seen: Iterable[str] = ()
) -> tuple[str, ...]:
    """This machine and the fleet's hosts, as fleet.yml and the group's addresses name them.

    ``seen`` are the addresses that hosts and nodes really have: fleet.yml may have DNS names.
    """
    urls = (group.dashboard, group.web) if group else ()
    named = [urlsplit(url).hostname or "" for url in urls if url]
    hosts = (host.address for host in fleet.hosts)
    return tuple(
        address for address in dict.fromkeys((*LOOPBACK, *hosts, *named, *seen)) if address
    )


def set_in(environment: Mapping[str, str]) -> tuple[str, ...]:
    """The variables of ``environment`` that name a proxy, in its order."""
    return tuple(name for name, value in environment.items() if value and name.lower() in PROXIES)


def excepting(environment: Mapping[str, str], addresses: Iterable[str]) -> dict[str, str]:
    """Both spellings of no_proxy, with what ``environment`` has in either, then ``addresses``.

    Every address is spelt out, for few programs understand a network such as 10.0.0.0/8.
    """
    listed = _listed(environment)
    if _EVERYTHING not in listed:
        listed = tuple(dict.fromkeys((*listed, *addresses)))
    return dict.fromkeys(NO_PROXY, ",".join(listed))


def not_excepted(environment: Mapping[str, str], addresses: Iterable[str]) -> tuple[str, ...]:
    """Those of ``addresses`` that some program would ask a proxy for."""
    listed = _listed(environment)
    if _EVERYTHING in listed:
        return ()
    names = tuple(one.lower().lstrip(".") for one in listed)
    return tuple(
        address
        for address in addresses
        if not any(address == name or address.endswith(f".{name}") for name in names)
    )


def _listed(environment: Mapping[str, str]) -> tuple[str, ...]:
    texts = (environment.get(name, "") for name in NO_PROXY)
    words = dict.fromkeys(word.strip() for text in texts for word in text.split(","))
    listed = tuple(word for word in words if word)
    return (_EVERYTHING,) if _EVERYTHING in listed else listed
