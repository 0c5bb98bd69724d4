#!/usr/bin/python
"""Ansible module: the archive of a finished environment; runs on the control machine."""

from __future__ import annotations

import fcntl
import io
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

from ansible_collections.adbray.ray.plugins.module_utils.archive import sha256, write_reader
from ansible_collections.adbray.ray.plugins.module_utils.detached import detach, forget_cache
from ansible_collections.adbray.ray.plugins.module_utils.environment import compile_all

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

DOCUMENTATION = r"""
module: ray_archive
short_description: Build an environment for another machine, packed into one file
description:
  - uv installs for the target's Python and platform, whatever the control machine runs. The
    environment is made for I(venv), its path on the hosts, and holds no link to a Python.
  - Does nothing when the file is there; many hosts may ask at once, one of them builds. The same
    packages make the same bytes.
  - Where the control machine has the target's Python, the environment holds bytecode, so that the
    hosts need not compile.
options:
  dest:
    type: path
    description: The archive.
  venv:
    type: path
    description: Where hosts unpack it. Programs name it in their first line.
  requirements:
    type: list
    elements: str
    description: What is installed.
  python:
    type: str
    description: The target's Python, such as 3.11.
  arch:
    type: str
    description: The target's machine type, such as x86_64.
author: [adbray maintainers]
"""

RETURN = r"""
digest:
  description: SHA-256 of the archive; nothing where a check run has not built it.
  type: str
  returned: always
"""

ARGUMENTS = {
    "dest": {"type": "path", "required": True},
    "venv": {"type": "path", "required": True},
    "requirements": {"type": "list", "elements": "str", "required": True},
    "python": {"type": "str", "required": True},
    "arch": {"type": "str", "required": True},
}
# glibc 2.28 (Debian 10, RHEL 8) and older: what every supported host can load.
PLATFORM = "manylinux_2_28"
# Reads the archive on hosts, whose Python has no Zstandard before 3.14.
READER = "backports.zstd"
# Fast, and a tenth smaller than the fastest (decision 48).
LEVEL = 3
# The first moment that a zip file can name.
EPOCH_S = 315532800


class BuildError(Exception):
    """The environment cannot be built."""


def run(what: str, *command: str) -> None:
    result = subprocess.run(
        [sys.executable, "-m", *command], capture_output=True, text=True, check=False
    )
    if result.returncode != 0:
        output = (result.stderr or result.stdout).strip()[-1500:]
        raise BuildError(f"cannot {what}: {output}")


def interpreter(python: str) -> str | None:
    """A Python of this very version, whose bytecode hosts can load. Not all that is found runs."""
    if f"{sys.version_info.major}.{sys.version_info.minor}" == python:
        return sys.executable
    found = shutil.which(f"python{python}")
    if (
        found
        and subprocess.run([found, "-c", ""], capture_output=True, check=False).returncode == 0
    ):
        return found
    return None


def install(folder: str, venv: str, requirements: list[str], python: str, arch: str) -> str:
    """What ``venv`` shall be on hosts, below ``folder``."""
    build = os.path.join(folder, "venv")
    known = interpreter(python)
    options = ["--quiet", "--prompt", os.path.basename(venv), "--python", known or sys.executable]
    run("make an environment", "uv", "venv", *options, build)
    target = [f"--python-version={python}", f"--python-platform={arch}-{PLATFORM}"]
    target += ["--quiet", "--only-binary=:all:", "--no-compile-bytecode"]
    run("install", "uv", "pip", "install", *target, "--python", build, *requirements)
    detach(build, venv, python)
    if known:
        compile_all(known, build, venv)
    reader = os.path.join(folder, "reader")
    run("fetch what unpacks it", "uv", "pip", "install", *target, "--target", reader, READER)
    forget_cache(reader)
    return build


def plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Without what differs from build to build: times, owners, and modes by the builder's umask."""
    member.mtime = EPOCH_S
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
    return member


def zipped(folder: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as package:
        for parent, folders, names in os.walk(folder):
            folders.sort()
            for name in sorted(names):
                path = os.path.join(parent, name)
                entry = zipfile.ZipInfo(os.path.relpath(path, folder))
                with open(path, "rb") as file:
                    package.writestr(entry, file.read())
    return packed.getvalue()


def pack(build: str, reader: str, dest: str) -> None:
    """Write the archive and its checksum; renamed into place when whole."""
    options: dict[int, int] = {
        zstd.CompressionParameter.compression_level: LEVEL,
        zstd.CompressionParameter.checksum_flag: 1,
        # One or more make the same bytes; none makes others.
        zstd.CompressionParameter.nb_workers: os.cpu_count() or 1,
    }
    with tempfile.TemporaryDirectory(dir=os.path.dirname(dest)) as folder:
        temporary = os.path.join(folder, "archive")
        with open(temporary, "w+b") as file:
            write_reader(file, zipped(reader))
            with (
                zstd.ZstdFile(file, "w", options=options) as packed,
                tarfile.open(fileobj=packed, mode="w|", format=tarfile.GNU_FORMAT) as tar,
            ):
                tar.add(build, arcname=".", filter=plain)
            file.seek(0)
            digest = sha256(file)
            os.fsync(file.fileno())
        with open(f"{dest}.sha256", "w") as checksum:
            checksum.write(f"{digest}  {os.path.basename(dest)}\n")
        os.replace(temporary, dest)


@contextmanager
def sole(dest: str) -> Iterator[None]:
    """Let one process at a time make ``dest``; the kernel frees the lock of one that dies."""
    with open(f"{dest}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def known_digest(dest: str) -> str:
    """Of an archive that is there with its checksum; nothing if it is not."""
    try:
        with open(f"{dest}.sha256") as checksum:
            return checksum.read().split()[0] if os.path.exists(dest) else ""
    except FileNotFoundError:
        return ""


def make(dest: str, venv: str, requirements: list[str], python: str, arch: str) -> None:
    os.makedirs(os.path.dirname(dest), exist_ok=True)
    with sole(dest):
        if known_digest(dest):
            return
        with tempfile.TemporaryDirectory(dir=os.path.dirname(dest)) as folder:
            build = install(folder, venv, requirements, python, arch)
            pack(build, os.path.join(folder, "reader"), dest)


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    dest = module.params["dest"]
    there = known_digest(dest)
    if not there and not module.check_mode:
        try:
            make(**module.params)
        except (BuildError, OSError) as error:
            module.fail_json(msg=f"{error} (the control machine needs a package index for this)")
    module.exit_json(changed=not there, digest=known_digest(dest))


if __name__ == "__main__":
    main()
