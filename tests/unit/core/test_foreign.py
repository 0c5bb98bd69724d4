"""The reason in texts that other programs really wrote."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from adbray_ctl.core.foreign import reason_in

CASES = sorted((Path(__file__).parents[1] / "cases" / "reasons").glob("*.yml"))


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)
def test_the_reason_is_found(case: Path) -> None:
    shown = yaml.safe_load(case.read_text(encoding="utf-8"))
    assert reason_in(shown["text"]) == shown["reason"]


@pytest.mark.parametrize("text", ["", " \n\t", ".", "...\n---\n", "\x1b[0m\n", "<html></html>"])
def test_a_text_that_says_nothing_gets_the_other_one(text: str) -> None:
    assert reason_in(text, "no reason") == "no reason"


def test_a_reason_is_one_line_of_bounded_length() -> None:
    assert len(reason_in("x" * 9000)) < 500
    assert reason_in("\x1b[31mred\x1b[0m\r\n") == "red"
