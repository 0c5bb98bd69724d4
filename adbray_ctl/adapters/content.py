"""Where the playbooks and roles are: beside the package in a checkout, inside it in a wheel."""

from __future__ import annotations

from pathlib import Path

import adbray_ctl
from adbray_ctl.core.errors import RunError


def ansible_dir() -> Path:
    """The directory that holds ``playbooks/``, ``roles/`` and ``ansible.cfg``."""
    package = Path(adbray_ctl.__file__).resolve().parent
    for candidate in (package / "_ansible", package.parent):
        if (candidate / "playbooks" / "site.yml").is_file():
            return candidate
    raise RunError(
        "the playbooks are missing from this installation",
        where=str(package),
        hint="install adbray again",
    )


def package_dir() -> Path:
    """This package; the head's role ships its ``provider`` and ``keeper`` to the head's host."""
    return Path(adbray_ctl.__file__).resolve().parent
