"""The error tree: every failure a user can meet, and nothing else.

AdbrayError
├── SpecError         what the user wrote is wrong (exit 2)
├── UsageError        the command line is wrong (exit 2)
├── PlacementError    the spec is sound but does not fit the fleet (exit 2)
├── RefusedError      sound, possible, and not done without consent (exit 3)
├── HostError         a host cannot be reached or used (exit 1)
│   ├── HostKeyError  a host's key is not the pinned one (exit 1)
│   ├── SudoError     the login user may not become root there (exit 1)
│   └── PythonError   a host has no usable python3 (exit 1)
├── RunError          a run on the hosts failed (exit 1)
├── ClusterError      the running Ray cluster answered wrongly or not at all (exit 1)
└── LabError          the lab cannot be made or removed here (exit 1)

Exit codes are given by the command line's entry alone (``adbray_ctl/cli/app.py``).
"""

from __future__ import annotations

from typing import Final, Self


class AdbrayError(Exception):
    """A failure told as three facts: what happened, where, and what to do next.

    ``where`` is ``file:line``, a host's name, or a path; ``hint`` is one imperative sentence. No
    error changes on its way up.
    """

    def __init__(self, what: str, *, where: str | None = None, hint: str | None = None) -> None:
        super().__init__(what)
        self.what: Final = what
        self.where: Final = where
        self.hint: Final = hint

    def saying(self, what: str) -> Self:
        """Another error of the same kind, place and hint."""
        return type(self)(what, where=self.where, hint=self.hint)

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        return f"{text}\n  next: {self.hint}" if self.hint else text


class SpecError(AdbrayError):
    """One or more faults in the spec files; ``faults`` holds one message each, in file order."""

    def __init__(
        self,
        what: str,
        *,
        where: str | None = None,
        hint: str | None = None,
        faults: tuple[AdbrayError, ...] = (),
    ) -> None:
        super().__init__(what, where=where, hint=hint)
        self.faults = faults


class UsageError(AdbrayError):
    """The command was called in a way that cannot be carried out."""


class PlacementError(AdbrayError):
    """The spec does not fit the fleet's hosts."""


class RefusedError(AdbrayError):
    """Not done: it needs consent, or another run holds the lock."""


class HostError(AdbrayError):
    """A host cannot be reached, logged in to, or used."""


class HostKeyError(HostError):
    """A host answered with a key other than the pinned one."""


class SudoError(HostError):
    """The login user may not become root on a host without a password."""


class PythonError(HostError):
    """A host has no python3 to run anything with."""


class RunError(AdbrayError):
    """A run on the hosts failed; ``where`` names host and task."""


class ClusterError(AdbrayError):
    """The Ray cluster refused, failed, or did not answer in time."""


class LabError(AdbrayError):
    """The lab cannot be made, found or removed on this machine."""
