"""Versions as programs print them."""

from __future__ import annotations

import pytest
from packaging.version import Version

from adbray_ctl.core.versions import release


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("7.0.15", "7.0.15"), ("6.2.6-v10", "6.2.6"), ("535.129.03", "535.129.3"), ("", "0")]
    + [("22.04", "22.4"), ("sid", "0"), ("2.60.0rc1", "2.60.0")],
)
def test_a_version_is_the_numbers_that_it_begins_with(text: str, numbers: str) -> None:
    assert release(text) == Version(numbers)
