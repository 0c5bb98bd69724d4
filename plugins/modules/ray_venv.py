#!/usr/bin/python
"""Ansible module: a Ray virtual environment on a host, made from an archive of wheels."""

from __future__ import annotations

import glob
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
import zipfile
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.adbray.ray.plugins.module_utils.wheels import (
    SITE,
    VenvError,
    place_bytecode,
    unpack,
    unzip_uv,
)

DOCUMENTATION = r"""
module: ray_venv
short_description: Query, install or clear away Ray virtual environments
description:
  - C(query) tells whether the environment is missing and what archive it would need; it fails when
    the host has no fitting Python.
  - C(present) installs from I(archive), without any network, and removes the archive. Where only
    requirements are missing they are added in place, and nothing else is touched.
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
    description: A tar file of wheels, among them uv's.
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
"""

ARGUMENTS = {
    "state": {"type": "str", "choices": ["query", "present", "unused"], "required": True},
    "path": {"type": "path", "default": ""},
    "python": {"type": "str", "default": ""},
    "requirements": {"type": "list", "elements": "str", "default": []},
    "archive": {"type": "path", "default": ""},
    "root": {"type": "path", "default": "/opt/adbray"},
}
# Written last, so a half-made environment never counts.
MARKER = ".adbray.json"
# Seldom used, and a fifth of all there is to compile.
LEFT_UNCOMPILED = r"/(rllib|tests?)/"
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


def wanted(arguments: dict[str, Any]) -> str:
    """The marker's text for what is asked for."""
    content = {k: arguments[k] for k in ("python", "requirements")}
    return json.dumps(content, sort_keys=True) + "\n"


def installed(path: str) -> str:
    try:
        with open(os.path.join(path, MARKER), encoding="utf-8") as file:
            return file.read()
    except OSError:
        return ""


def lacks_only(arguments: dict[str, Any]) -> bool:
    """Whether the environment is whole, and some requirements were not asked for before."""
    try:
        there = json.loads(installed(arguments["path"]))
        same = there["python"] == arguments["python"]
        return same and set(there["requirements"]) <= set(arguments["requirements"])
    except (ValueError, KeyError, TypeError):
        return False


def install(arguments: dict[str, Any]) -> None:
    """Make the environment, or add to it: processes may run from one that is there."""
    path, python = arguments["path"], interpreter(arguments["python"])
    adding = lacks_only(arguments)
    work = tempfile.mkdtemp(prefix=".install-", dir=os.path.dirname(path))
    try:
        wheels = os.path.join(work, "wheels")
        unpack(arguments["archive"], wheels)
        uv = unzip_uv(wheels, work)
        # uv's cache on the same file system: it unpacks once and links, copying nothing.
        environment = {**os.environ, "UV_CACHE_DIR": os.path.join(work, "cache")}
        if not adding:
            run([uv, "venv", "--quiet", "--clear", "--python", python, path], environment)
        before = set(glob.glob(os.path.join(path, SITE, "*")))
        options = ["--quiet", "--offline", "--no-index", "--find-links", wheels, "--python", path]
        run([uv, "pip", "install", *options, *arguments["requirements"]], environment)
        if adding:
            compile_all(*sorted(set(glob.glob(os.path.join(path, SITE, "*"))) - before), venv=path)
        elif not place_bytecode(wheels, path):
            compile_all(os.path.join(path, "lib"), venv=path)
        run([os.path.join(path, "bin", "ray"), "--version"], environment)
        os.unlink(os.path.join(path, ".lock"))  # uv leaves it, writable for all
        write_marker(path, wanted(arguments))
    finally:
        shutil.rmtree(work, ignore_errors=True)
    os.unlink(arguments["archive"])


def compile_all(*paths: str, venv: str) -> None:
    """Write bytecode below ``paths``: the user that Ray runs as may not.

    It would compile at every start.

    A process of Ray starts in half a second less for it. Files that are no valid Python, which some
    packages bring as test data, are left.
    """
    options = ["-q", "-j", "0", "-x", LEFT_UNCOMPILED, *paths]
    subprocess.run(
        [os.path.join(venv, "bin", "python"), "-m", "compileall", *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )


def write_marker(path: str, text: str) -> None:
    target = os.path.join(path, MARKER)
    with open(f"{target}.new", "w", encoding="utf-8") as file:
        file.write(text)
    os.rename(f"{target}.new", target)


def run(command: list[str], environment: dict[str, str]) -> None:
    result = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        check=False,
    )
    if result.returncode != 0:
        shown = " ".join(command[:3])
        raise VenvError(f"{shown} failed: {result.stdout.strip()[-2000:]}")


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
        needed = installed(arguments["path"]) != wanted(arguments)
        if arguments["state"] == "query":
            module.exit_json(changed=False, needed=needed, arch=os.uname().machine)
        if needed and not module.check_mode:
            install(arguments)
    except (VenvError, OSError, tarfile.TarError, zipfile.BadZipFile) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=needed, needed=needed)


if __name__ == "__main__":
    main()
