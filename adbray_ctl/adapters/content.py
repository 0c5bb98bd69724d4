"""Where the collection adbray.ray is: around the package in a checkout, inside it in a wheel."""

from __future__ import annotations

from pathlib import Path

import adbray_ctl
from adbray_ctl.core.errors import RunError


def ansible_dir() -> Path:
    """The directory that holds ``ansible.cfg`` and ``ansible_collections/``."""
    package = Path(adbray_ctl.__file__).resolve().parent
    for candidate in (package / "_ansible", package.parent):
        if (collection_dir(candidate) / "playbooks" / "site.yml").is_file():
            return candidate
    raise RunError(
        "the playbooks are missing from this installation",
        where=str(package),
        hint="install adbray again",
    )


def collection_dir(content: Path) -> Path:
    """The collection's own directory: it holds ``playbooks/``, ``roles/`` and ``plugins/``."""
    return content / "ansible_collections" / "adbray" / "ray"


def package_dir() -> Path:
    """This package; the head's role ships its ``provider`` and ``keeper`` to the head's host."""
    return Path(adbray_ctl.__file__).resolve().parent
