"""Names of units: the filter of roles spells them as what runs on hosts does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml

from adbray_host import systemd
from tests.unit.host_script import load

ROOT = Path(__file__).parents[2]
FILTERS: Any = load(ROOT / "plugins" / "filter" / "systemd.py")


@pytest.mark.parametrize(
    "path", ["/var/lib/adbray/a-b/w-0", "a", "a-b", "/", "/.hidden", "//a//b/", "/ä b/@%"]
)
def test_both_sides_spell_a_path_alike(path: str) -> None:
    assert FILTERS.FilterModule().filters()["systemd_escape"](path) == systemd.escape(path)


def test_what_systemd_unquotes_keeps_its_backslashes() -> None:
    assert FILTERS.FilterModule().filters()["systemd_quote"](r"a\x2db") == r"a\\x2db"


def test_units_run_in_the_slice_of_their_group() -> None:
    variables = yaml.safe_load((ROOT / "roles" / "host_base" / "vars" / "main.yml").read_text())
    names = {rendered(variables["_host_base_slice"])}
    for template in (ROOT / "roles").glob("*/templates/**/*.j2"):
        for line in template.read_text().splitlines():
            if line.startswith("Slice=adbray-"):
                names.add(rendered(line.removeprefix("Slice=")))
    assert names == {r"adbray-my\x2dteam.slice"}


def rendered(text: str) -> str:
    environment = jinja2.Environment(autoescape=False)  # noqa: S701  # it makes no HTML
    environment.filters |= {
        f"adbray.ray.{k}": f for k, f in FILTERS.FilterModule().filters().items()
    }
    groups = ("group", "host_base_group", "redis_group", "redis_exporter_group")
    return environment.from_string(text).render(dict.fromkeys(groups, "my-team"))
