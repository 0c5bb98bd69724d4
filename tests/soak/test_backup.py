"""A group's backup becomes the group again on bare hosts: detached actors by name, jobs."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.conftest import E2E_JOBS, Project
from tests.e2e.elastic import until
from tests.e2e.guarded import NAME, site

__all__ = ["site"]


def job(site: Project, *words: str) -> str:
    return site.ok(
        "job", "submit", NAME, "--working-dir", str(E2E_JOBS), "--", "python", "keeper.py", *words
    )


def test_a_backup_is_the_group_on_bare_hosts(site: Project, tmp_path: Path) -> None:
    job(site, "make")
    before = site.json("job", "list", NAME)
    assert len(before) == 1
    file = tmp_path / "guarded.backup"
    told = site.ok("backup", NAME, "-o", str(file))
    assert f"namespace {NAME}-" in told
    assert file.stat().st_mode & 0o777 == 0o600
    refused = site.adbray("restore", str(file), "--yes")
    assert refused.code == 3
    assert "the group stands on lab1" in refused.err

    site.ok("destroy", NAME, "--yes", "--force")
    (site.directory / "groups" / f"{NAME}.yml").unlink()
    for host in site.addresses:
        assert site.on(host, "ls -A /etc/adbray /var/lib/adbray 2>/dev/null; exit 0") == ""
    site.ok("restore", str(file), "--yes")
    until(lambda: bool(site.json("status", NAME)["ready"]))
    assert {one["id"] for one in before} <= {one["id"] for one in site.json("job", "list", NAME)}
    assert "ray 2." in job(site, "ask"), "the detached actor was restarted under its name"
