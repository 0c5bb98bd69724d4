"""Files with a runtime environment: what they hold, and where they are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from adbray_ctl.adapters.specs.project import ProjectFiles
from adbray_ctl.core.errors import SpecError


def read(tmp_path: Path, text: str) -> object:
    file = tmp_path / "env.yml"
    file.write_text(text)
    return ProjectFiles(tmp_path).runtime_env(file)


def test_it_is_read_as_ray_has_it(tmp_path: Path) -> None:
    text = 'pip:\n  packages: ["a==1", b]\n  pip_check: false\nenv_vars: {A: no}\n'
    assert read(tmp_path, text) == {
        "pip": {"packages": ["a==1", "b"], "pip_check": False},
        "env_vars": {"A": "no"},
    }


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("pip: [a\n", "env.yml:2", "expected ',' or ']'"),
        ("- pip\n", "env.yml:1", "the file holds no mapping"),
        ("", "env.yml:1", "the file is empty"),
        ("pip: [a]\npip: [b]\n", "env.yml:2", "pip"),
        ("pip: !!python/object:x.y {}\n", "env.yml:1", "tag"),
    ],
    ids=["not closed", "list", "empty", "twice", "tag"],
)
def test_a_fault_has_file_and_line(tmp_path: Path, text: str, where: str, what: str) -> None:
    with pytest.raises(SpecError) as caught:
        read(tmp_path, text)
    assert str(caught.value.where).endswith(where)
    assert what in caught.value.what


def test_a_file_that_is_not_there_makes_no_project(tmp_path: Path) -> None:
    with pytest.raises(SpecError) as caught:
        ProjectFiles(tmp_path).runtime_env(tmp_path / "nowhere.yml")
    assert (caught.value.what, caught.value.hint) == ("the file does not exist", None)
