"""The safe fixes that `adbray check --apply` makes on hosts, and what came of them."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class Fix(StrEnum):
    """What `--apply` can do: each is safe while jobs run, and doing it twice changes nothing."""

    LOOP_MODULE = "loop_module"
    """Load the kernel's loop module, now and at boot."""
    INOTIFY = "inotify"
    """Raise the inotify limits, now and at boot."""
    NTP = "ntp"
    """Let the host keep its clock by the network's."""


class _Reading(BaseModel):
    model_config = ConfigDict(defer_build=True, frozen=True, extra="ignore")


class FixOutcome(StrEnum):
    CHANGED = "changed"
    """Done now."""
    KEPT = "kept"
    """It was so already."""
    FAILED = "failed"
    """Not done, and what it had begun was put back."""


class FixResult(_Reading):
    """What came of one fix; ``detail`` says what was changed, or why not."""

    fix: Fix
    outcome: FixOutcome
    detail: str


class HostFixes(_Reading):
    """The fixes asked of one host."""

    host: str
    fixes: tuple[Fix, ...]


class HostFixResults(_Reading):
    """What came of them, in the same order."""

    host: str
    results: tuple[FixResult, ...]
