"""The names of a slot and its group on hosts."""

from __future__ import annotations

import re

import pytest

from adbray_ctl.core.slot.names import user_name
from adbray_host import layout


@pytest.mark.parametrize("group", ["demo", "a", "team-a", "x" * 25])
def test_a_group_s_user_is_called_after_it(group: str) -> None:
    assert user_name(group) == f"adbray-{group}"


@pytest.mark.parametrize("group", ["x" * 26, "y" * 32, f"{'long-' * 5}name", "slot"])
def test_a_name_that_linux_or_adbray_does_not_bear_is_cut(group: str) -> None:
    name = user_name(group)
    assert re.fullmatch(r"adbray-[a-z-]+-[0-9a-f]{8}", name)
    assert "--" not in name
    assert len(name) <= 32
    assert name != layout.SLOT_USER


def test_long_names_that_begin_alike_have_different_users() -> None:
    assert user_name("x" * 30) != user_name("x" * 31)
