"""Every command has one section of `adbray --help`, and `docs/cli.md` has the same sections."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from adbray_ctl.cli import commands
from adbray_ctl.cli.app import cli, run
from adbray_ctl.cli.sections import SECTIONS

DOCUMENT = Path(__file__).parents[3] / "docs" / "cli.md"
TITLES = ["Specs", "Groups", "Change", "Jobs", "Look", "Hosts", "Lab"]
NAMES = [str(command.name) for section in SECTIONS.values() for command in section]


def defined() -> Iterator[click.Command]:
    """The commands that the modules of ``cli/commands`` define, without subcommands."""
    found: dict[int, click.Command] = {}
    for info in pkgutil.iter_modules(commands.__path__, f"{commands.__name__}."):
        values = vars(importlib.import_module(info.name)).values()
        found |= {id(value): value for value in values if isinstance(value, click.Command)}
    groups = [one for one in found.values() if isinstance(one, click.Group)]
    inner = {id(command) for group in groups for command in group.commands.values()}
    return (command for key, command in found.items() if key not in inner)


def test_every_command_has_exactly_one_section() -> None:
    assert sorted(NAMES) == sorted(str(command.name) for command in defined())
    assert sorted(NAMES) == sorted(cli.commands)


def test_help_lists_all_commands_in_their_sections(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    output = capsys.readouterr().out
    lines = re.findall(r"^(\w+):$|^  (\w+)  +[A-Z]", output.partition("Specs:")[2], re.MULTILINE)
    assert [name for _, name in lines if name] == NAMES
    assert ["Specs", *(title for title, _ in lines if title)] == TITLES


def test_a_verb_says_what_its_command_says() -> None:
    for section in SECTIONS.values():
        for verb in section:
            command = verb.load()
            assert (command.name, command.short_help) == (verb.name, verb.short_help)


def test_every_summary_is_one_short_sentence() -> None:
    for section in SECTIONS.values():
        for command in section:
            assert re.fullmatch(r"[A-Z].{,59}\.", command.get_short_help_str(80)), command.name


def test_the_document_has_the_same_sections() -> None:
    parts = re.split(r"^## (.*)$", DOCUMENT.read_text(), flags=re.MULTILINE)[1:]
    shown = {
        title: list(dict.fromkeys(re.findall(r"^\| `adbray ([a-z]+)", text, re.MULTILINE)))
        for title, text in zip(parts[::2], parts[1::2], strict=True)
    }
    assert shown == {
        title: [str(command.name) for command in section] for title, section in SECTIONS.items()
    }
