"""The text of a first fleet.yml, from a list of hosts on the command line."""

from __future__ import annotations

import json
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

    model_config = ConfigDict(frozen=True, extra="forbid")

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


def quickstart_text(template: str, hosts: Sequence[str]) -> str:
    """The group ``quickstart`` on ``hosts``: its pinned workers go to the last one."""
    return template.replace("[lab3]", f"[{hosts[-1]}]")


def fleet_text(
    targets: Sequence[Target], *, user: str | None = None, identity_file: str | None = None
) -> str:
    """A commented fleet.yml for ``targets``."""
    lines = [
        "# yaml-language-server: $schema=.adbray/schema/fleet.json",
        "kind: Fleet",
        "ssh:",
        f"  user: {user or 'root'}  # not root? then it needs sudo without a password",
    ]
    if identity_file:
        # A JSON string is a YAML one too, whatever is in it.
        lines.append(f"  identity_file: {json.dumps(identity_file, ensure_ascii=False)}")
    lines.append("hosts:")
    for target in targets:
        lines += [f"  - name: {target.name}", f"    address: {target.address}"]
        own = [f"user: {target.user}"] if target.user else []
        own += [f"port: {target.port}"] if target.port else []
        if own:
            lines.append(f"    ssh: {{{', '.join(own)}}}")
    return "\n".join(lines) + "\n"
