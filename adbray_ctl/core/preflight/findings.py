"""What `adbray check` says: findings, and the report of one run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, computed_field

from adbray_ctl.core.preflight.fixes import Fix, HostFixes, HostFixResults
from adbray_ctl.core.preflight.needs import HostNeeds
from adbray_ctl.core.preflight.readings import Check, HostAnswer, HostReadings
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.hosts import Host

# What is not about one host stands under this name; no host can have it.
GROUP_WIDE = "-"


class FindingState(StrEnum):
    OK = "ok"
    SKIPPED = "skipped"
    """It could not be judged; ``found`` says why."""
    WARN = "warn"
    """A group can run here, but something it is promised does not hold."""
    FAIL = "fail"
    """A group cannot run here, or should not."""


class Finding(BaseModel):
    """One thing looked at on one host; ``remedy`` is empty when there is nothing to do."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    host: str
    check: Check
    state: FindingState
    found: str
    expected: str
    remedy: str = ""
    fix: Fix | None = None
    """What `--apply` would do about it."""

    @computed_field  # type: ignore[prop-decorator]
    @property
    def fixable(self) -> bool:
        """Whether `--apply` may mend it."""
        return self.fix is not None

    @property
    def place(self) -> str:
        """Host and check, for a message."""
        return str(self.check) if self.host == GROUP_WIDE else f"{self.host} {self.check}"


class CheckReport(BaseModel):
    """One check: of a group, or (None) of the fleet; findings after the ``fixes``, if any."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    group: str | None
    findings: tuple[Finding, ...]
    fixes: tuple[HostFixResults, ...] = ()

    def count(self, state: FindingState) -> int:
        return sum(1 for finding in self.findings if finding.state is state)

    @property
    def failed(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.state is FindingState.FAIL)


@dataclass(frozen=True)
class Subject:
    """One host that answered, and all it is judged by.

    ``addresses`` are those that the fleet's hosts and nodes really have.
    """

    fleet: Fleet
    host: Host
    answer: HostAnswer
    readings: HostReadings
    needs: HostNeeds | None
    addresses: Sequence[str] = ()

    def finding(
        self,
        check: Check,
        state: FindingState,
        found: str,
        *,
        expected: str,
        remedy: str = "",
        fix: Fix | None = None,
    ) -> Finding:
        """A finding about this host."""
        return Finding(
            host=self.host.name,
            check=check,
            state=state,
            found=found,
            expected=expected,
            remedy=remedy,
            fix=fix,
        )


def worse_of(*states: FindingState) -> FindingState:
    """The worst of ``states``."""
    return max(states, key=list(FindingState).index)


def fixes_of(findings: Sequence[Finding]) -> tuple[HostFixes, ...]:
    """What `--apply` would do, host by host; hosts with nothing to fix are left out."""
    wanted: dict[str, list[Fix]] = {}
    for finding in findings:
        if finding.fix is not None and finding.state in (FindingState.WARN, FindingState.FAIL):
            fixes = wanted.setdefault(finding.host, [])
            if finding.fix not in fixes:
                fixes.append(finding.fix)
    return tuple(HostFixes(host=host, fixes=tuple(fixes)) for host, fixes in wanted.items())
