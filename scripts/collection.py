"""collection.py FOLDER: build the artifact of adbray.ray there; `make collection` runs it.

It is built from a copy, to which the program of hosts is added: a role brings it where no `adbray` is.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PARTS = (
    "LICENSE",
    "adbray_ctl/provider",
    "adbray_ctl/uploads",
    "adbray_host",
    "galaxy.yml",
    "meta",
    "playbooks",
    "plugins",
    "roles",
)
PROGRAM = "roles/host_base/files/adbray_host.pyz"


def build(folder: Path) -> None:
    sys.path.insert(0, str(ROOT))
    from adbray_ctl.adapters.host_package import host_package

    with tempfile.TemporaryDirectory() as copy:
        for part in PARTS:
            _copy(ROOT / part, Path(copy) / part)
        program = Path(copy) / PROGRAM
        program.parent.mkdir(exist_ok=True)
        program.write_bytes(host_package().data)
        command = ["ansible-galaxy", "collection", "build", "--force", "--output-path", str(folder)]
        subprocess.run([*command, copy], check=True)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        aside = shutil.ignore_patterns("__pycache__", "molecule")
        shutil.copytree(source, target, symlinks=True, ignore=aside)
    else:
        shutil.copy(source, target)


if __name__ == "__main__":
    build(Path(sys.argv[1]).resolve())
