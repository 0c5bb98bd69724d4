"""What an archive of wheels holds: wheels, uv among them, and bytecode for their sources."""

from __future__ import annotations

import glob
import os
import shutil
import stat
import tarfile
import zipfile

BYTECODE = "bytecode.tar.gz"
SITE = os.path.join("lib", "python3*", "site-packages")


class VenvError(Exception):
    """The environment cannot be made here."""


def unpack(archive: str, target: str) -> None:
    """Only plain wheel files and their bytecode leave the archive, and only into ``target``."""
    os.mkdir(target)
    with tarfile.open(archive) as tar:
        for member in tar:
            source = tar.extractfile(member)
            if source is None or not (member.name.endswith(".whl") or member.name == BYTECODE):
                continue
            with source, open(os.path.join(target, os.path.basename(member.name)), "wb") as file:
                shutil.copyfileobj(source, file)


def unzip_uv(wheels: str, work: str) -> str:
    found = glob.glob(os.path.join(wheels, "uv-*.whl"))
    if not found:
        raise VenvError("the archive holds no uv wheel")
    with zipfile.ZipFile(found[0]) as wheel:
        name = next(n for n in wheel.namelist() if n.endswith(".data/scripts/uv"))
        target = os.path.join(work, "uv")
        with wheel.open(name) as source, open(target, "wb") as file:
            shutil.copyfileobj(source, file)
    os.chmod(target, stat.S_IRWXU)
    return target


def place_bytecode(wheels: str, path: str) -> bool:
    """Take over the bytecode that came with the wheels, beside its sources; whether there is any.

    What came with no wheel keeps none: it is little.
    """
    archive = os.path.join(wheels, BYTECODE)
    (site,) = glob.glob(os.path.join(path, SITE))
    if not os.path.exists(archive):
        return False
    with tarfile.open(archive) as tar:
        for member in tar:
            folder, name = os.path.split(os.path.normpath(member.name))
            source = os.path.join(site, os.path.dirname(folder), name.split(".")[0] + ".py")
            if not (member.isfile() and name.endswith(".pyc") and ".." not in folder.split("/")):
                continue
            content = tar.extractfile(member)
            if content is not None and os.path.isfile(source):
                os.makedirs(os.path.join(site, folder), exist_ok=True)
                with content, open(os.path.join(site, folder, name), "wb") as file:
                    shutil.copyfileobj(content, file)
    return True
