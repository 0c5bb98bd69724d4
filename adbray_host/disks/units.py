"""The .mount unit that puts one disk in its place, the same for every way of making disks."""

from __future__ import annotations

import glob
import os

from .. import layout
from ..files import write
from ..systemd import escape
from .host import Host, mounted, run

UNIT_DIR = layout.UNITS
TEXT = """\
# Written by adbray: the disk of slot {slot} of group {group}.
[Unit]
Description=Disk of {group}/{slot}

[Mount]
What={source}
Where={where}
Type={kind}
Options={options}

[Install]
WantedBy=local-fs.target
"""


def slots_with_units(base: str) -> set[str]:
    """The slots that have a mount unit for ``<base>/<slot>``, or for a directory in it."""
    prefix = escape(base) + "-"
    found = set()
    for path in glob.glob(os.path.join(UNIT_DIR, glob.escape(prefix) + "*.mount")):
        rest = os.path.basename(path)[len(prefix) : -len(".mount")]
        found.add(rest.split("-")[0].replace("\\x2d", "-"))
    return found


class MountUnit:
    """The unit of what is mounted at ``where``, a slot's directory or one in it."""

    def __init__(self, host: Host, where: str) -> None:
        self._host = host
        self.where = where
        self.name = f"{escape(where)}.mount"
        self.path = os.path.join(UNIT_DIR, self.name)

    def source(self) -> str | None:
        """What it mounts, as its file says now; None without a file."""
        for line in self._text().splitlines():
            if line.startswith("What="):
                return line.partition("=")[2]
        return None

    def write(self, group: str, slot: str, source: str, kind: str, options: str) -> bool:
        """Whether the file differed, or does in check mode."""
        text = TEXT.format(
            group=group,
            slot=slot,
            source=source,
            where=self.where,
            kind=kind,
            options=options,
        )
        if self._text() == text:
            return False
        if self._host.change(f"write {self.path}"):
            write(self.path, text)
        return True

    def is_mounted(self) -> bool:
        return mounted(self.where) is not None

    def start(self) -> None:
        run("systemctl", "start", self.name)

    def stop(self) -> None:
        """Units that need the mount (RequiresMountsFor) are stopped with it by systemd.

        The autoscaler would start such a worker at once, and its start would cancel this.
        """
        run("systemctl", "stop", "--job-mode=replace-irreversibly", self.name)

    def remove(self) -> None:
        if os.path.exists(self.path):
            run("systemctl", "disable", "--now", self.name)
            os.unlink(self.path)

    def _text(self) -> str:
        if not os.path.exists(self.path):
            return ""
        with open(self.path, encoding="utf-8") as file:
            return file.read()
