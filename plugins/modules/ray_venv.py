#!/usr/bin/python
"""Ansible module: a Ray virtual environment on a host, unpacked from its archive."""

from __future__ import annotations

import fcntl
import glob
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.adbray.ray.plugins.module_utils.archive import ArchiveError, unpack
from ansible_collections.adbray.ray.plugins.module_utils.environment import (
    VenvError,
    add,
    compile_all,
    compiled,
    give_python,
    prove,
    whole,
)

DOCUMENTATION = r"""
module: ray_venv
short_description: Query, install or clear away Ray virtual environments
description:
  - C(query) reports whether the environment is missing and what archive it would need; it fails
    when the host has no fitting Python.
  - C(present) unpacks I(archive), whose SHA-256 must be I(digest), and removes it. The environment
    appears whole, by a rename. Where only requirements are missing their packages are added in
    place, and nothing else is touched.
  - C(unused) removes every environment below I(root) that no adbray unit refers to.
options:
  state:
    type: str
    choices: [query, present, unused]
    description: What to do.
  path:
    type: path
    description: The environment.
  python:
    type: str
    description: Python's version, such as 3.11.
  requirements:
    type: list
    elements: str
    description: What is installed.
  archive:
    type: path
    description: What C(ray_archive) built for this path.
  digest:
    type: str
    description: The archive's SHA-256.
  cache_dir:
    type: path
    description:
      - Where the control machine keeps archives. With it an action of the same name looks at the
        host first, builds what it needs unless it is there, and hands it over.
  root:
    type: path
    description: Where all environments live.
author: [adbray maintainers]
"""

RETURN = r"""
needed:
  description: Whether the environment has to be installed.
  type: bool
  returned: always
arch:
  description: The host's machine type.
  type: str
  returned: for query
digest:
  description: SHA-256 of the archive that the environment is; nothing where it was added to.
  type: str
  returned: for query
"""

ARGUMENTS = {
    "state": {"type": "str", "choices": ["query", "present", "unused"], "required": True},
    "path": {"type": "path", "default": ""},
    "python": {"type": "str", "default": ""},
    "requirements": {"type": "list", "elements": "str", "default": []},
    "archive": {"type": "path", "default": ""},
    "digest": {"type": "str", "default": ""},
    "cache_dir": {"type": "path"},
    "root": {"type": "path", "default": "/opt/adbray"},
}
# Written last, so a half-made environment never counts.
MARKER = ".adbray.json"
# What an install works in, beside the environment.
UNDONE = ".install-"
BOOT_ID = "/proc/sys/kernel/random/boot_id"
PYTHON_DIRS = os.pathsep.join(("/usr/bin", "/usr/local/bin", "/opt/python/bin"))


def interpreter(version: str) -> str:
    """The path of ``python<version>``. Raises VenvError, naming what is there."""
    found = shutil.which(f"python{version}", path=PYTHON_DIRS)
    if found:
        return found
    there = set()
    for folder in PYTHON_DIRS.split(os.pathsep):
        for path in glob.glob(os.path.join(folder, "python3.*")):
            name = os.path.basename(path)
            if name[len("python3.") :].isdigit():
                there.add(name)
    known = f"here is only {', '.join(sorted(there))}" if there else "there is none at all"
    raise VenvError(
        f"the group asks for Python {version}, {known}: install it on this host, or set ray.python"
        " to a version every host has"
    )


def wanted(arguments: dict[str, Any]) -> dict[str, Any]:
    return {k: arguments[k] for k in ("python", "requirements")}


def installed(path: str) -> dict[str, Any]:
    """What the marker says; nothing if there is none, or the host lost its power too early.

    An install does not wait until the disk has all files; it has them when that boot ends well.
    """
    try:
        with open(os.path.join(path, MARKER), encoding="utf-8") as file:
            found = dict(json.load(file))
    except (OSError, ValueError, TypeError):
        return {}
    return found if found.get("boot") in (None, boot()) or whole(path) else {}


def boot() -> str:
    """Which boot of the host this is."""
    with open(BOOT_ID, encoding="utf-8") as file:
        return file.read().strip()


def lacks(arguments: dict[str, Any]) -> bool:
    """Whether the environment is not what is asked for. Which archive it came from is the same."""
    there = installed(arguments["path"])
    return {k: there.get(k) for k in wanted(arguments)} != wanted(arguments)


def lacks_only(arguments: dict[str, Any]) -> bool:
    """Whether the environment is whole, and some requirements were not asked for before."""
    there = installed(arguments["path"])
    same = there.get("python") == arguments["python"] and "requirements" in there
    return same and set(there["requirements"]) <= set(arguments["requirements"])


def install(arguments: dict[str, Any]) -> None:
    """Make the environment, or add to it: processes may run from one that is there."""
    path, python = arguments["path"], interpreter(arguments["python"])
    adding = lacks_only(arguments)
    with tempfile.TemporaryDirectory(prefix=UNDONE, dir=os.path.dirname(path)) as work:
        new = unpack(arguments["archive"], arguments["digest"], python, work)
        give_python(new, python)
        if not compiled(new):
            compile_all(python, new, path)
        prove(new)
        if adding:
            add(new, path)
            write_marker(path, wanted(arguments))
        else:
            write_marker(new, {**wanted(arguments), "archive": arguments["digest"]})
            if os.path.lexists(path):
                os.rename(path, os.path.join(work, "old"))
            os.rename(new, path)


def write_marker(path: str, content: dict[str, Any]) -> None:
    content = {**content, "boot": boot()}
    target = os.path.join(path, MARKER)
    with open(f"{target}.new", "w", encoding="utf-8") as file:
        file.write(json.dumps(content, sort_keys=True) + "\n")
    os.rename(f"{target}.new", target)


@contextmanager
def sole(root: str) -> Iterator[None]:
    """Let one install at a time, and clear away what one that was killed has left."""
    root_fd = os.open(root, os.O_RDONLY)
    try:
        fcntl.flock(root_fd, fcntl.LOCK_EX)
        for path in glob.glob(os.path.join(root, UNDONE + "*")):
            shutil.rmtree(path, ignore_errors=True)
        yield
    finally:
        os.close(root_fd)


def ensure(arguments: dict[str, Any]) -> bool:
    """Whether it had to be installed. The archive goes either way."""
    with sole(os.path.dirname(arguments["path"])):
        needed = lacks(arguments)
        if needed:
            install(arguments)
    if os.path.exists(arguments["archive"]):
        os.unlink(arguments["archive"])
    return needed


def clear_unused(root: str, check_mode: bool) -> list[str]:
    """Remove environments no unit refers to; returns them."""
    texts = []
    for path in glob.glob("/etc/systemd/system/adbray-*.service"):
        with open(path, encoding="utf-8") as file:
            texts.append(file.read())
    gone = []
    for path in sorted(glob.glob(os.path.join(root, "ray-*"))):
        if not any(f"{path}/" in text for text in texts):
            gone.append(path)
            if not check_mode:
                shutil.rmtree(path)
    if not check_mode and os.path.isdir(root) and not os.listdir(root):
        os.rmdir(root)
    return gone


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    arguments = module.params
    os.umask(0o022)
    try:
        if arguments["state"] == "unused":
            gone = clear_unused(arguments["root"], module.check_mode)
            module.exit_json(changed=bool(gone), removed=gone, needed=False)
        interpreter(arguments["python"])
        if arguments["state"] == "query":
            there = installed(arguments["path"]).get("archive", "")
            needed = lacks(arguments)
            module.exit_json(changed=False, needed=needed, digest=there, arch=os.uname().machine)
        needed = lacks(arguments) if module.check_mode else ensure(arguments)
    except (ArchiveError, VenvError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=needed, needed=needed)


if __name__ == "__main__":
    main()
