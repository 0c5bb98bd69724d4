"""A host's power driver: what its commands are once the placeholders are filled in."""

from __future__ import annotations

from adbray_ctl.core.spec.fleet import Host


def command_words(host: Host, command: tuple[str, ...]) -> list[str]:
    """The words of a `power` command of ``host``."""
    filled = (word.replace("{host}", host.name) for word in command)
    return [word.replace("{address}", host.address) for word in filled]
