"""Every unit is closed, by systemd's own measure, or the documentation says why it cannot be."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEMPLATES = sorted((ROOT / "roles").glob("*/templates/*.service.j2"))
BOUND = 3.0
ROW = re.compile(r"^\| `([a-z_@-]+\.service)` \| ([0-9.]+) \| .{20,} \|$", re.MULTILINE)


def open_as(template: Path) -> str:
    """A unit as open as any: with all that its template may write."""
    text = template.read_text()
    while found := re.search(r"{% include '(.+?)' %}", text):
        places = (ROOT / "roles" / found[1], template.parent / found[1])
        text = text.replace(found[0], next(p for p in places if p.exists()).read_text())
    text = re.sub(r"{#.*?#}|{%.*?%}", "", text, flags=re.DOTALL)
    text = re.sub(r"^ExecStart=.*\n", "", re.sub(r"{{.*?}}", "1", text), flags=re.MULTILINE)
    # What it runs need not be here, and may be one of two.
    return text.replace("[Service]\n", "[Service]\nExecStart=/bin/true\n")


def exposure(template: Path, folder: Path) -> float:
    name = template.name.removesuffix(".j2").replace("@.", "@instance.")
    (folder / name).write_text(open_as(template))
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--no-pager", str(folder / name)],
        capture_output=True,
        text=True,
        check=True,
    )
    (found,) = re.findall(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
    return float(found)


@pytest.fixture(scope="module")
def excepted() -> dict[str, float]:
    found = ROW.findall((ROOT / "docs" / "security.md").read_text())
    return {name: float(level) for name, level in found}


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_a_unit_is_closed(template: Path, tmp_path: Path, excepted: dict[str, float]) -> None:
    name = template.name.removesuffix(".j2")
    found = exposure(template, tmp_path)
    if found > BOUND:
        assert excepted.get(name) == found, "docs/security.md says why it is open, and how much"
    else:
        assert name not in excepted


def test_no_other_unit_is_excepted(excepted: dict[str, float]) -> None:
    assert excepted.keys() <= {template.name.removesuffix(".j2") for template in TEMPLATES}
