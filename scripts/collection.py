"""collection.py FOLDER: write there what the artifact of adbray.ray holds, for `make collection`.

That is a part of the checkout, and the program of hosts, which a role brings where no `adbray` is.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from adbray_ctl.adapters.host_package import host_package  # noqa: E402  # found by the line above

PARTS = (
    "LICENSE",
    "adbray_ctl/provider",
    "adbray_ctl/in_ray",
    "adbray_host",
    "galaxy.yml",
    "meta",
    "playbooks",
    "plugins",
    "roles",
)
PROGRAM = "roles/host_base/files/adbray_host.pyz"


def write(folder: Path) -> None:
    """The whole tree; one that is there already goes first."""
    shutil.rmtree(folder, ignore_errors=True)
    for part in PARTS:
        _copy(ROOT / part, folder / part)
    program = folder / PROGRAM
    program.parent.mkdir(exist_ok=True)
    program.write_bytes(host_package().data)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        aside = shutil.ignore_patterns("__pycache__", "molecule")
        shutil.copytree(source, target, symlinks=True, ignore=aside)
    else:
        shutil.copy(source, target)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
