"""Hosts as the command line names them, for a first fleet.yml."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from itertools import count

from pydantic import BaseModel, ConfigDict

from adbray_ctl.core.errors import UsageError
from adbray_ctl.core.spec.strings import RESERVED_NAMES

_NAME = re.compile(r"[a-z]([a-z0-9-]{0,30}[a-z0-9])?")
_TARGET = re.compile(
    r"(?:(?P<user>[^@:]+)@)?(?P<address>[A-Za-z0-9][A-Za-z0-9.-]*)(?::(?P<port>\d+))?"
)


class Target(BaseModel):
    """One host as named on the command line."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    name: str
    address: str
    user: str | None = None
    port: int | None = None


def parse_targets(texts: Sequence[str]) -> tuple[Target, ...]:
    """``[USER@]ADDRESS[:PORT]`` each; named by the first DNS label, or host1, host2 and so on.

    Raises UsageError for a text of another form.
    """
    targets: list[Target] = []
    for number, text in enumerate(texts, start=1):
        match = _TARGET.fullmatch(text)
        if match is None:
            raise UsageError(
                f"{text!r} is not a host", hint="write [USER@]ADDRESS[:PORT], like ops@10.0.0.1:22"
            )
        name = _name(match["address"], number, {target.name for target in targets})
        port = int(match["port"]) if match["port"] else None
        targets.append(Target(name=name, address=match["address"], user=match["user"], port=port))
    return tuple(targets)


def _name(address: str, number: int, taken: Collection[str]) -> str:
    label = address.split(".", maxsplit=1)[0].lower()
    if _NAME.fullmatch(label) and label not in RESERVED_NAMES and label not in taken:
        return label
    return next(name for n in count(number) if (name := f"host{n}") not in taken)
