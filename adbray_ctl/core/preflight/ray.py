"""Judges versions of Ray, asked for and installed, by their known vulnerabilities."""

from __future__ import annotations

from collections.abc import Iterator

from packaging.version import Version

from adbray_ctl.core.preflight.advisories import advisories_for
from adbray_ctl.core.preflight.findings import GROUP_WIDE, Finding, FindingState, Subject
from adbray_ctl.core.preflight.readings import Check
from adbray_ctl.core.spec.group import RayClusterSpec


def ray_version(spec: RayClusterSpec) -> Finding:
    """The group's Ray version against the known vulnerabilities."""
    version = spec.ray.version
    known = advisories_for(version)
    found = f"group {spec.name} asks for Ray {version}"
    expected = "a version without a known vulnerability"
    if not known:
        return Finding(
            host=GROUP_WIDE,
            check=Check.RAY,
            state=FindingState.OK,
            found=f"{found}: it has none that adbray knows",
            expected=expected,
        )
    fixed = max(known, key=lambda one: Version(one.fixed)).fixed
    return Finding(
        host=GROUP_WIDE,
        check=Check.RAY,
        state=FindingState.FAIL,
        found=f"{found}: {'; '.join(f'{one.id}, {one.what}' for one in known)}",
        expected=expected,
        remedy=f"set ray.version to {fixed} or newer in groups/{spec.name}.yml",
    )


def runtimes(of: Subject) -> Iterator[Finding]:
    versions = of.readings.ray_versions
    expected = "no installed version with a known vulnerability"
    bad = [
        f"{version} ({', '.join(one.id for one in advisories_for(version))})"
        for version in versions
        if advisories_for(version)
    ]
    if bad:
        found = f"installed: {', '.join(bad)}"
        remedy = "raise ray.version of the groups that use it, and apply them"
        yield of.finding(Check.RAY, FindingState.WARN, found, expected=expected, remedy=remedy)
    else:
        found = f"installed: {', '.join(versions) or 'none yet'}"
        yield of.finding(Check.RAY, FindingState.OK, found, expected=expected)
