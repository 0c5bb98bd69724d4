"""The archive of a finished environment: its form, and how a host unpacks it.

It is a file of Zstandard. The first frame, which every reader skips, has the package that reads it
on a host, as a zip; the second is a tar file of the environment.
"""

from __future__ import annotations

import hashlib
import io
import os
import struct
import subprocess
import zipfile
from typing import IO

# A skippable frame (RFC 8878, 3.1.2): this number and its length, then whatever the writer likes.
SKIPPED = 0x184D2A50
HEADER = struct.Struct("<II")
BLOCK = 1 << 17
# Run by the environment's Python, whose binary package it loads. Without site: what a host has
# installed for that Python is not ours to load.
DECOMPRESS = """
import shutil, sys
sys.path.insert(0, sys.argv[1])
from backports.zstd import ZstdFile
shutil.copyfileobj(ZstdFile(sys.stdin.buffer), sys.stdout.buffer, 1 << 17)
"""


class ArchiveError(Exception):
    """The archive is not what it should be, or cannot be unpacked here."""


def sha256(file: IO[bytes]) -> str:
    """Of what follows in ``file``."""
    digest = hashlib.sha256()
    for block in iter(lambda: file.read(BLOCK), b""):
        digest.update(block)
    return digest.hexdigest()


def write_reader(file: IO[bytes], package: bytes) -> None:
    """The first frame, with ``package`` as a zip."""
    file.write(HEADER.pack(SKIPPED, len(package)) + package)


def unpack_reader(file: IO[bytes], target: str) -> None:
    magic, size = HEADER.unpack(file.read(HEADER.size))
    if magic != SKIPPED:
        raise ArchiveError("it does not begin with the package that reads it")
    with zipfile.ZipFile(io.BytesIO(file.read(size))) as package:
        package.extractall(target)


def unpack(archive: str, digest: str, python: str, work: str) -> str:
    """The environment of ``archive``, below ``work``; nothing of it before it is checked."""
    reader, target = os.path.join(work, "reader"), os.path.join(work, "venv")
    with open(archive, "rb") as file:
        found = sha256(file)
        if found != digest:
            raise ArchiveError(
                f"{archive} is not the archive that was built: its SHA-256 is {found} and should be"
                f" {digest}. Nothing was changed. Apply again; if that does not help, remove"
                f" {os.path.basename(archive).lstrip('.')} from the control machine's cache"
            )
        file.seek(0)
        unpack_reader(file, reader)
        file.seek(0)
        os.mkdir(target)
        stream([python, "-I", "-S", "-c", DECOMPRESS, reader], file, ["tar", "-x", "-C", target])
    return target


def stream(first: list[str], source: IO[bytes], second: list[str]) -> None:
    """Run ``first`` on ``source`` and ``second`` on what it writes, side by side."""
    with subprocess.Popen(
        first, stdin=source, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as writer:
        taken = subprocess.run(second, stdin=writer.stdout, stderr=subprocess.PIPE, check=False)
        # What the second one no longer reads ends the first one.
        _, complaint = writer.communicate()
    for command, code, text in (
        (second, taken.returncode, taken.stderr),
        (first, writer.returncode, complaint),
    ):
        if code != 0:
            said = text.decode(errors="replace").strip()[-1000:]
            raise ArchiveError(f"cannot unpack the environment: {command[0]}: {said}")
