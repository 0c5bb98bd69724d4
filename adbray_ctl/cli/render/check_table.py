"""The findings of a check as tables, host by host, with what to do about each."""

from __future__ import annotations

from itertools import groupby

from adbray_ctl.cli.render.screen import Table, Text, say
from adbray_ctl.core.preflight.findings import GROUP_WIDE, CheckReport, Finding, FindingState
from adbray_ctl.core.preflight.fixes import FixOutcome

_STYLES = {
    FindingState.OK: "green",
    FindingState.SKIPPED: "dim",
    FindingState.WARN: "yellow",
    FindingState.FAIL: "bold red",
}
_OUTCOMES = {FixOutcome.CHANGED: "green", FixOutcome.KEPT: "dim", FixOutcome.FAILED: "bold red"}


def print_check(report: CheckReport) -> None:
    """Fixes that were made, then every host's findings, then the count of each state."""
    for host in report.fixes:
        for result in host.results:
            outcome = Text(result.outcome, _OUTCOMES[result.outcome])
            line = Text(f"{host.host} ", "bold").append(f"fix {result.fix}: ").append(outcome)
            say(line.append(f", {result.detail}"))
    for name, findings in groupby(report.findings, key=lambda finding: finding.host):
        _print_host(name, list(findings), report.group)
    counts = [f"{report.count(state)} {state}" for state in FindingState if report.count(state)]
    say(f"{len(report.findings)} findings: {', '.join(counts)}")
    fixable = sum(1 for one in report.findings if one.fixable)
    if fixable:
        say(f"--apply can mend {fixable} of them")


def _print_host(name: str, findings: list[Finding], group: str | None) -> None:
    title = f"group {group}" if name == GROUP_WIDE else name
    say(Text(title, "bold"))
    say(_table(findings))


def _table(findings: list[Finding]) -> Table:
    table = Table("state", "check", "found", "expected")
    for finding in findings:
        found = Text(finding.found)
        if finding.remedy:
            note = " (--apply does it)" if finding.fixable else ""
            found.append(f"\nnext: {finding.remedy}{note}", "cyan")
        state = Text(finding.state, _STYLES[finding.state])
        table.add(state, finding.check, found, Text(finding.expected, "dim"))
    return table
