#!/usr/bin/python
"""Ansible module: a Ray virtual environment on a host, unpacked from its archive."""

from __future__ import annotations

import fcntl
import glob
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.adbray.ray.plugins.module_utils.adbray_host import hand_on
from ansible_collections.adbray.ray.plugins.module_utils.archive import ArchiveError, unpack
from ansible_collections.adbray.ray.plugins.module_utils.environment import (
    VenvError,
    add,
    clear_unused,
    compile_all,
    compiled,
    give_python,
    interpreter,
    prove,
)
from ansible_collections.adbray.ray.plugins.module_utils.marker import installed, write_marker

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
  size:
    type: int
    description: The archive's size in bytes, where it comes from I(source).
  source:
    type: str
    description: The address and port of a host that serves the archive, in place of I(archive).
  address:
    type: str
    description: The IPv4 address that the host has for I(peers).
  peers:
    type: list
    elements: str
    description:
      - IPv4 addresses of the hosts that get the same environment. Where a task brings it to many,
        those that have the archive serve it to these for some minutes.
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
offer:
  description: The address and port that the host serves the archive at; nothing if it does not.
  type: str
  returned: for present
source_failed:
  description: Whether the archive that I(source) serves could not be had.
  type: bool
  returned: for a failure with I(source)
"""

ARGUMENTS = {
    "state": {"type": "str", "choices": ["query", "present", "unused"], "required": True},
    "path": {"type": "path", "default": ""},
    "python": {"type": "str", "default": ""},
    "requirements": {"type": "list", "elements": "str", "default": []},
    "archive": {"type": "path", "default": ""},
    "digest": {"type": "str", "default": ""},
    "size": {"type": "int", "default": 0},
    "source": {"type": "str", "default": ""},
    "address": {"type": "str", "default": ""},
    "peers": {"type": "list", "elements": "str", "default": []},
    "cache_dir": {"type": "path"},
    "root": {"type": "path", "default": "/opt/adbray"},
}
# What an install works in, beside the environment.
UNDONE = ".install-"


def wanted(arguments: dict[str, Any]) -> dict[str, Any]:
    return {k: arguments[k] for k in ("python", "requirements")}


def lacks(arguments: dict[str, Any]) -> bool:
    """Whether the environment is not what is asked for. Which archive it came from is the same."""
    there = installed(arguments["path"])
    return {k: there.get(k) for k in wanted(arguments)} != wanted(arguments)


def lacks_only(arguments: dict[str, Any]) -> bool:
    """Whether the environment is whole, and some requirements were not asked for before."""
    there = installed(arguments["path"])
    same = there.get("python") == arguments["python"] and "requirements" in there
    return same and set(there["requirements"]) <= set(arguments["requirements"])


def install(arguments: dict[str, Any]) -> str:
    """Make the environment, or add to it: processes may run from one that is there.

    Gives the address and port that serve the archive now, if any do.
    """
    path, python = arguments["path"], interpreter(arguments["python"])
    adding = lacks_only(arguments)
    with tempfile.TemporaryDirectory(prefix=UNDONE, dir=os.path.dirname(path)) as work:
        archive = archive_for(arguments, work)
        new = unpack(archive, arguments["digest"], python, work)
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
        return offered(archive, arguments)


def archive_for(arguments: dict[str, Any], work: str) -> str:
    """Where the archive is: here already, or below ``work`` from the host that serves it."""
    if not arguments["source"]:
        return str(arguments["archive"])
    taken = os.path.join(work, "archive")
    hand_on.take(arguments["source"], arguments["address"], taken, arguments["size"])
    return taken


def offered(archive: str, arguments: dict[str, Any]) -> str:
    """Serve it to the host's peers, if there are some; the address and port."""
    address, peers = arguments["address"], arguments["peers"]
    if not address or not peers:
        return ""
    try:
        return f"{address}:{hand_on.begin(archive, address, peers)}"
    except OSError:
        # The others have an address for this host that it does not have itself.
        return ""


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


def ensure(arguments: dict[str, Any]) -> tuple[bool, str]:
    """Whether it had to be installed, and where it is served now. The archive goes."""
    with sole(os.path.dirname(arguments["path"])):
        needed = lacks(arguments)
        offer = install(arguments) if needed else ""
    if os.path.exists(arguments["archive"]):
        os.unlink(arguments["archive"])
    return needed, offer


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
        needed, offer = (lacks(arguments), "") if module.check_mode else ensure(arguments)
    except (ArchiveError, hand_on.HandOnError) as error:
        module.fail_json(msg=str(error), source_failed=bool(arguments["source"]))
    except (VenvError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=needed, needed=needed, offer=offer)


if __name__ == "__main__":
    main()
