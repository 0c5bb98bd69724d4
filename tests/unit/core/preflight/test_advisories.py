"""Which known holes a Ray version has."""

from __future__ import annotations

import pytest

from adbray_ctl.core.preflight.advisories import advisories_for


@pytest.mark.parametrize(
    ("version", "ids"),
    [
        ("2.8.0", ["CVE-2023-6019", "CVE-2025-62593", "CVE-2026-27482"]),
        ("2.53.0", ["CVE-2026-27482", "CVE-2026-41486"]),
        ("2.54.0", ["CVE-2026-41486"]),
        ("2.55.0", []),
        ("2.60.0", []),
        ("nightly", []),
    ],
)
def test_advisories(version: str, ids: list[str]) -> None:
    assert [one.id for one in advisories_for(version)] == ids
