"""Starts of the command line: what is run, and which bounds hold."""

from __future__ import annotations

from pathlib import Path

from benchmarks.cli import Run, commands, misses, row


def runs(*walls: float) -> list[Run]:
    return [Run(wall_s=wall, cpu_s=wall / 2) for wall in walls]


def found(help_s: float, status_s: float) -> dict[str, dict[str, list[Run]]]:
    return {
        "import click": {"ours": runs(0.05)},
        "--help": {"ours": runs(help_s), "peer": runs(0.7)},
        "version": {"ours": runs(0.1), "peer": runs(0.7)},
        "status": {"ours": runs(status_s), "peer": runs(1.0)},
    }


def test_a_project_adds_what_scripts_call(tmp_path: Path) -> None:
    assert list(commands(tmp_path, None)) == ["--help", "version"]
    adbray = str(tmp_path / ".venv" / "bin" / "adbray")
    assert commands(tmp_path, Path("p"))["status --json"] == (adbray, "-C", "p", "status", "--json")


def test_within_the_bounds() -> None:
    assert misses(found(0.13, 0.5)) == []
    assert row("--help", "peer", runs(0.7, 0.9, 0.8)).split() == [
        "--help",
        "peer",
        "0.800",
        "0.400",
    ]


def test_each_bound_is_missed_by_name() -> None:
    assert misses(found(0.16, 0.51)) == [
        "--help takes more than 3 times a Python that imports click",
        "--help takes more than 0.2 of the peer's time",
        "status takes more than 0.5 of the peer's time",
    ]
