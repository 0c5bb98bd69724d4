"""Judges whether a group's head can log in to a host, where it starts and stops workers."""

from __future__ import annotations

import re
from collections.abc import Iterator

from adbray_ctl.core.desired.autoscaler import SLOT_USER
from adbray_ctl.core.observed.scaling import ScalingView
from adbray_ctl.core.preflight.findings import Finding, FindingState, Subject
from adbray_ctl.core.preflight.readings import Check, GateReading

HOME = "/etc/adbray/.slot"
_KEYS = f"{HOME}/.ssh/authorized_keys"
_EXPECTED = f"sshd lets the head in as {SLOT_USER}, by its key, to run one command"


def gate(of: Subject) -> Iterator[Finding]:
    """What sshd says of a login as the heads' user, before there is a head that could try it."""
    reading = of.readings.gate
    if not reading.known:
        found = f"what sshd makes of {SLOT_USER} is not known: {reading.why}"
        yield of.finding(Check.GATE, FindingState.SKIPPED, found, expected=_EXPECTED)
        return
    faults = list(_faults(reading))
    if not faults:
        found = f"sshd lets {SLOT_USER} in, {reading.max_sessions} sessions a connection"
        yield of.finding(Check.GATE, FindingState.OK, found, expected=_EXPECTED)
        return
    carries = of.needs is not None and of.needs.placed
    yield of.finding(
        Check.GATE,
        FindingState.FAIL if carries else FindingState.WARN,
        "; ".join(what for what, _ in faults),
        expected=_EXPECTED,
        remedy="in sshd_config there, " + "; ".join(remedy for _, remedy in faults),
    )


def unreached(scaling: ScalingView | None) -> Iterator[Finding]:
    """What the head of a group that runs met when it tried."""
    for silent in scaling.silent if scaling else ():
        yield Finding(
            host=silent.host,
            check=Check.GATE,
            state=FindingState.FAIL,
            found=f"the head cannot log in here: {silent.reason}",
            expected=_EXPECTED,
            remedy=f"see what sshd on {silent.host} logs about {SLOT_USER}",
        )


def _faults(reading: GateReading) -> Iterator[tuple[str, str]]:
    """What keeps the head out, each with what to do, in sshd's own order of judgement."""
    if _named(reading.denyusers, (SLOT_USER,)):
        yield f"DenyUsers names {SLOT_USER}", f"take {SLOT_USER} out of DenyUsers"
    if reading.allowusers and not _named(reading.allowusers, (SLOT_USER,)):
        yield f"AllowUsers leaves {SLOT_USER} out", f"add {SLOT_USER} to AllowUsers"
    if _named(reading.denygroups, reading.groups):
        yield f"DenyGroups names a group of {SLOT_USER}", f"take {SLOT_USER}'s group out of it"
    if reading.allowgroups and not _named(reading.allowgroups, reading.groups):
        yield f"AllowGroups leaves {SLOT_USER} out", f"add {SLOT_USER} to AllowGroups"
    if reading.pubkeyauthentication == "no":
        yield "PubkeyAuthentication is no", f"allow it for {SLOT_USER} in a Match block"
    methods = reading.authenticationmethods.split()
    if methods and not {"any", "publickey"} & set(methods):
        what = f"AuthenticationMethods asks for {reading.authenticationmethods}"
        yield what, f"set it to publickey for {SLOT_USER} in a Match block"
    if not any(_file(pattern) == _KEYS for pattern in reading.authorizedkeysfile):
        what = f"AuthorizedKeysFile is {' '.join(reading.authorizedkeysfile) or 'none'}"
        yield what, f"set it to {_KEYS} for {SLOT_USER} in a Match block"
    if reading.forcecommand not in ("", "none"):
        what = f"ForceCommand replaces what the head asks for: {reading.forcecommand}"
        yield what, f"set it to none for {SLOT_USER} in a Match block"
    if reading.chrootdirectory not in ("", "none"):
        what = f"ChrootDirectory is {reading.chrootdirectory}"
        yield what, f"set it to none for {SLOT_USER} in a Match block"
    if reading.max_sessions < 1:
        yield "MaxSessions is 0, so that no command runs", "set MaxSessions to 1 or more"


def _named(patterns: tuple[str, ...], names: tuple[str, ...]) -> bool:
    """Whether one of sshd's patterns is one of ``names``; a part behind @ is about the client."""
    return any(_pattern(one).fullmatch(name) for one in patterns for name in names)


def _pattern(text: str) -> re.Pattern[str]:
    user = text.rpartition("@")[0] or text
    return re.compile("".join({"*": ".*", "?": "."}.get(c, re.escape(c)) for c in user))


def _file(pattern: str) -> str:
    """The file of keys that sshd reads for the user, by one word of AuthorizedKeysFile."""
    path = pattern.replace("%h", HOME).replace("%u", SLOT_USER)
    return path if path.startswith("/") else f"{HOME}/{path}"
