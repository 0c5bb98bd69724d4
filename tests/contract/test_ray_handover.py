"""Ray on its way to a host: one task looks, builds what is missing here, hands over and unpacks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from tests.contract.environments import PYTHON, build

ROOT = Path(__file__).parents[2]


class Host:
    """This machine, whose environment and cache are below ``base``."""

    def __init__(self, base: Path) -> None:
        self.base, self.venv, self.cache = base, base / "opt" / "ray-1", base / "cache"
        self.venv.parent.mkdir()

    def run(self, *options: str) -> tuple[int, str]:
        """The exit status of a run, and what it prints; nothing can be fetched."""
        task = {
            "state": "present",
            "path": str(self.venv),
            "python": PYTHON,
            "requirements": ["ray"],
            "cache_dir": str(self.cache),
        }
        play = {"hosts": "localhost", "gather_facts": False}
        (self.base / "play.yml").write_text(
            json.dumps([{**play, "tasks": [{"adbray.ray.ray_venv": task}]}])
        )
        done = subprocess.run(
            [sys.executable, "-m", "ansible", "playbook", "-c", "local", *options, "play.yml"],
            cwd=self.base,
            env={
                **os.environ,
                "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
                "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
                "ANSIBLE_LOCALHOST_WARNING": "false",
                "UV_OFFLINE": "1",
                "UV_NO_CACHE": "1",
            },
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    def keep(self) -> None:
        """Have the archive that it needs on the control machine."""
        action = import_module("ansible_collections.adbray.ray.plugins.action.ray_venv")
        name = action.name_of(str(self.venv), ["ray"], os.uname().machine)
        built = build(self.base / "build", self.venv, ray="1.0")
        for suffix in ("", ".sha256"):
            Path(f"{built.path}{suffix}").rename(self.cache / f"{name}{suffix}")


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    monkeypatch.syspath_prepend(ROOT)
    return Host(tmp_path)


def test_an_archive_that_is_here_is_handed_over_once(host: Host) -> None:
    code, said = host.run()
    assert code != 0
    assert "the control machine needs a package index" in said
    host.keep()
    assert "changed=1" in host.run("--check")[1]
    assert list(host.venv.parent.iterdir()) == []
    code, said = host.run()
    assert code == 0, said
    program = subprocess.run([host.venv / "bin" / "ray"], capture_output=True, check=True)
    assert program.stdout == b"ray 1.0\n"
    for path in host.cache.iterdir():
        path.unlink()
    code, said = host.run()
    assert code == 0, said
    assert "changed=0" in said
