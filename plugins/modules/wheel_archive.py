#!/usr/bin/python
"""Ansible module: one tar file with all wheels a requirement needs; runs on the control machine."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: wheel_archive
short_description: Download wheels for another machine into one tar file
description:
  - Resolves with uv for the target's Python and platform, whatever the control machine runs, then
    downloads with pip; uv's own wheel is added for the host to install with.
  - Does nothing when the file is there; many hosts may ask at once, one of them downloads.
  - Where the control machine has the target's Python, the wheels' bytecode is added, so that the
    hosts need not compile.
options:
  dest:
    type: path
    description: The tar file.
  requirements:
    type: list
    elements: str
    description: What is to be installed.
  python:
    type: str
    description: The target's Python, such as 3.11.
  arch:
    type: str
    description: The target's machine type, such as x86_64.
author: [adbray maintainers]
"""

ARGUMENTS = {
    "dest": {"type": "path", "required": True},
    "requirements": {"type": "list", "elements": "str", "required": True},
    "python": {"type": "str", "required": True},
    "arch": {"type": "str", "required": True},
}
# glibc 2.28 (Debian 10, RHEL 8) and older: what every supported host can load.
OLDEST_GLIBC, NEWEST_GLIBC = 17, 28


# Seldom used, and a fifth of all there is to compile; the same in ray_venv.py.
LEFT_UNCOMPILED = r"/(rllib|tests?)/"
BYTECODE = "bytecode.tar.gz"


class DownloadError(Exception):
    """The wheels cannot be had."""


def platforms(arch: str) -> list[str]:
    tags = [f"manylinux_2_{minor}_{arch}" for minor in range(NEWEST_GLIBC, OLDEST_GLIBC - 1, -1)]
    return [*tags, f"manylinux2014_{arch}"]


def run(what: str, *command: str) -> str:
    result = subprocess.run(
        [sys.executable, "-m", *command], capture_output=True, text=True, check=False
    )
    if result.returncode != 0:
        output = (result.stderr or result.stdout).strip()[-1500:]
        raise DownloadError(f"cannot {what}: {output}")
    return result.stdout


def resolve(requirements: list[str], python: str, arch: str) -> str:
    """Exact versions for the target, as a requirements text."""
    handle, path = tempfile.mkstemp(suffix=".in")
    with os.fdopen(handle, "w") as file:
        file.write("\n".join([*requirements, "uv", ""]))
    try:
        target = [f"--python-version={python}", f"--python-platform={arch}-manylinux_2_28"]
        options = ["--quiet", "--no-header", "--no-annotate", "--only-binary=:all:"]
        return run("resolve the packages", "uv", "pip", "compile", *options, *target, path)
    finally:
        os.unlink(path)


def download(pinned: str, python: str, arch: str, folder: str) -> None:
    listed = os.path.join(folder, "requirements.txt")
    with open(listed, "w") as file:
        file.write(pinned)
    wheels = os.path.join(folder, "wheels")
    target = [f"--platform={tag}" for tag in platforms(arch)]
    target += [f"--python-version={python}", "--implementation=cp", "--only-binary=:all:"]
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", f"--dest={wheels}"]
    run("download the wheels", "pip", "download", *options, *target, f"--requirement={listed}")


def compile_all(wheels: str, python: str, folder: str) -> None:
    """Add the bytecode of all wheels, as it lies below site-packages, to the folder ``wheels``.

    It is not checked against its source (PEP 552, unchecked), for both come from the same wheel.
    Files that are no valid Python, which some packages bring as test data, are left.
    """
    same = f"{sys.version_info.major}.{sys.version_info.minor}" == python
    interpreter = sys.executable if same else shutil.which(f"python{python}")
    if interpreter is None:
        return
    site = os.path.join(folder, "site")
    for name in os.listdir(wheels):
        with zipfile.ZipFile(os.path.join(wheels, name)) as wheel:
            for source in wheel.namelist():
                if source.endswith(".py") and ".data/" not in source:
                    wheel.extract(source, site)
    options = ["-q", "-j", "0", "-x", LEFT_UNCOMPILED, "-s", site]
    subprocess.run(
        [interpreter, "-m", "compileall", *options, "--invalidation-mode=unchecked-hash", site],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    with tarfile.open(os.path.join(wheels, BYTECODE), "w:gz", compresslevel=6) as tar:
        tar.add(site, arcname=".", filter=lambda m: None if m.name.endswith(".py") else m)


def pack(folder: str, dest: str) -> None:
    """Uncompressed, since wheels are; renamed into place when whole."""
    temporary = f"{dest}.{os.getpid()}.tmp"
    try:
        with tarfile.open(temporary, "w") as tar:
            for name in sorted(os.listdir(folder)):
                tar.add(os.path.join(folder, name), arcname=name)
        os.replace(temporary, dest)
    finally:
        if os.path.exists(temporary):
            os.unlink(temporary)


@contextmanager
def sole(dest: str) -> Iterator[None]:
    """Let one process at a time make ``dest``; the kernel frees the lock of one that dies."""
    with open(f"{dest}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def make(dest: str, requirements: list[str], python: str, arch: str) -> None:
    os.makedirs(os.path.dirname(dest), exist_ok=True)
    with sole(dest):
        if os.path.exists(dest):
            return
        with tempfile.TemporaryDirectory(dir=os.path.dirname(dest)) as folder:
            wheels = os.path.join(folder, "wheels")
            download(resolve(requirements, python, arch), python, arch, folder)
            compile_all(wheels, python, folder)
            pack(wheels, dest)


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    dest = module.params["dest"]
    if os.path.exists(dest):
        module.exit_json(changed=False)
    if not module.check_mode:
        try:
            make(**module.params)
        except (DownloadError, OSError) as error:
            module.fail_json(msg=f"{error} (the control machine needs a package index for this)")
    module.exit_json(changed=True)


if __name__ == "__main__":
    main()
