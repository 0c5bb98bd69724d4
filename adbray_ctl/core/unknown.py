"""What to say of a name that nothing has."""

from __future__ import annotations

from collections.abc import Iterable

from adbray_ctl.core.spec.faults import did_you_mean, show, some


def no_such(kind: str, name: str, known: Iterable[str], *, of: str = "") -> str:
    """One sentence: there is no such name, which ones there are, and which one was likely meant.

    ``kind`` is a noun such as "group"; ``of`` says where it was looked for, such as "in fleet.yml".
    """
    names = tuple(known)
    place = f" {of}" if of else ""
    listed = f"{kind}s: {some(names)}" if names else f"there are no {kind}s"
    near = did_you_mean(name, names)
    return f"there is no {kind} {show(name)}{place}; {listed}" + (f"; {near}" if near else "")
