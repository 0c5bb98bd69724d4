"""A head's disk that is filled: what adbray says of it, and how the head lives through its end."""

from __future__ import annotations

import time
from dataclasses import dataclass

from tests.e2e.conftest import Project, Result
from tests.e2e.elastic import until

# As much as there is, in blocks and then in bytes, so that nothing is left.
FILL = "for size in 1M 4k; do dd if=/dev/zero of=%s.$size bs=$size; done; true"


@dataclass(frozen=True)
class Head:
    """The head of a group, on a host of a lab."""

    project: Project
    group: str
    host: str

    @property
    def disk(self) -> str:
        return f"/var/lib/adbray/{self.group}/head"

    @property
    def tmp(self) -> str:
        """What its jobs know as their home, and as where temporary files are."""
        return f"{self.disk}/tmp"  # noqa: S108

    def problem(self) -> str:
        """What the status says of its disk; nothing while the group is ready."""
        found = self.project.json("status", self.group)
        told = [p for p in found["problems"] if p.startswith(f"head on {self.host}: its disk")]
        assert found["ready"] is not bool(told), found
        return told[0] if told else ""

    def submit(self, *words: str) -> Result:
        return self.project.adbray("job", "submit", self.group, *words)

    def end(self) -> float:
        """Kill all of its processes; the seconds until all nodes run again."""
        started = f"systemctl show -P ExecMainStartTimestampMonotonic adbray-head@{self.group}"
        before = self.project.on(self.host, started)
        self.project.on(self.host, f"systemctl kill -s KILL adbray-head@{self.group}")
        began = time.monotonic()
        until(
            lambda: (
                self.project.on(self.host, started) != before
                and not self.project.json("status", self.group)["lacking"]
            ),
            180,
        )
        return time.monotonic() - began

    def starts(self) -> int:
        """How often systemd has started it again."""
        unit = f"adbray-head@{self.group}"
        return int(self.project.on(self.host, f"systemctl show -P NRestarts {unit}"))

    def clean(self) -> str:
        return self.project.ok("clean", self.group, "head", "--yes")


def lives_through_it(head: Head) -> float:
    """A head on a full disk: it is named, takes no job, starts again, and is freed."""
    assert f"`adbray clean {head.group} head`" in head.problem()
    refused = head.submit("--", "true")
    assert refused.code == 1
    assert "the head cannot accept jobs: its disk" in refused.err
    before = head.starts()
    took = head.end()
    assert head.starts() == before + 1, "the first start came up"
    assert head.problem(), "the room that a start gets frees nothing for others"
    head.clean()
    assert head.problem() == ""
    done = head.submit("--", "echo", "there", "is", "room")
    assert done.code == 0, done.err
    return took
