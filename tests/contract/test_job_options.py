"""`adbray job submit` beside `ray job submit`: none of its options is missing."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest
from ray.dashboard.modules.job import cli as ray_cli

from adbray_ctl.cli.commands.job import submit

TABLE = Path(__file__).parents[2] / "docs" / "job-environment.md"
ROW = re.compile(
    r"^\| (?P<theirs>`--[^|]+) \| (?P<ours>[^|]+) \| (?P<difference>[^|]*)\|$", re.MULTILINE
)
OPTION = re.compile(r"--[a-z-]+")


def options(command: click.Command) -> set[str]:
    """The long names of its options."""
    return {name for one in command.params for name in one.opts if name.startswith("--")}


RAYS = sorted(options(ray_cli.submit) - {"--help"})


@pytest.fixture(scope="module")
def rows() -> dict[str, tuple[str, str]]:
    """What ours is, and what differs, by Ray's option."""
    return {
        name: (found["ours"].strip(), found["difference"].strip())
        for found in ROW.finditer(TABLE.read_text())
        for name in OPTION.findall(found["theirs"])
    }


def test_the_table_has_the_options_that_ray_has(rows: dict[str, tuple[str, str]]) -> None:
    assert sorted(rows) == RAYS


@pytest.mark.parametrize("option", RAYS)
def test_none_is_missing_without_a_reason(rows: dict[str, tuple[str, str]], option: str) -> None:
    ours, difference = rows[option]
    if ours == "the same":
        assert option in options(submit)
    else:
        assert difference, "another name, or none, has its reason"
        assert set(OPTION.findall(ours)) <= options(submit)
