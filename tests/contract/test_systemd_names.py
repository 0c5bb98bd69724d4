"""Names of units: the filter of roles spells them as what runs on hosts does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from adbray_host import systemd
from tests.unit.host_script import load

FILTERS: Any = load(Path(__file__).parents[2] / "plugins" / "filter" / "systemd.py")


@pytest.mark.parametrize(
    "path", ["/var/lib/adbray/a-b/w-0", "a", "a-b", "/", "/.hidden", "//a//b/", "/ä b/@%"]
)
def test_both_sides_spell_a_path_alike(path: str) -> None:
    assert FILTERS.FilterModule().filters()["systemd_escape"](path) == systemd.escape(path)


def test_what_systemd_unquotes_keeps_its_backslashes() -> None:
    assert FILTERS.FilterModule().filters()["systemd_quote"](r"a\x2db") == r"a\\x2db"
