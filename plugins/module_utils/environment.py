"""An environment on disk: its bytecode, its Python, and what of another one is added to it."""

from __future__ import annotations

import csv
import glob
import os
import shutil
import subprocess

CACHE = "__pycache__"
# Seldom used, and a fifth of all there is to compile.
LEFT_UNCOMPILED = r"/(rllib|tests?)/"
# Ray is found where Python looks for packages, and what is compiled of it loads: it fits this
# host's Python and C library. To import all of Ray costs ten times as much.
PROOF = """
import ctypes, glob, importlib.util, os
(folder,) = importlib.util.find_spec("ray").submodule_search_locations
for path in glob.glob(os.path.join(folder, "_raylet*.so")):
    ctypes.CDLL(path, mode=os.RTLD_NOW)
"""


PYTHON_DIRS = os.pathsep.join(("/usr/bin", "/usr/local/bin", "/opt/python/bin"))


class VenvError(Exception):
    """The environment cannot be made here."""


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


def compile_all(python: str, build: str, venv: str) -> None:
    """Write the bytecode of ``build``, which shall be ``venv``: the user that Ray runs as may not.

    It would compile at every start.

    It is not checked against its source (PEP 552, unchecked), for both come from the same wheel:
    a process of Ray starts quicker for it, and times of files mean nothing. Files that are no valid
    Python, which some packages bring as test data, are left.
    """
    options = ["-q", "-j", "0", "-x", LEFT_UNCOMPILED, "--invalidation-mode=unchecked-hash"]
    subprocess.run(
        [python, "-m", "compileall", *options, "-s", build, "-p", venv, os.path.join(build, "lib")],
        # The same bytes from every build.
        env={**os.environ, "PYTHONHASHSEED": "0"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )


def site(venv: str) -> str:
    (found,) = glob.glob(os.path.join(venv, "lib", "python3*", "site-packages"))
    return found


def compiled(venv: str) -> bool:
    return bool(glob.glob(os.path.join(site(venv), "*", CACHE)))


def give_python(venv: str, python: str) -> None:
    """Let ``venv`` run by this host's ``python`` (PEP 405)."""
    name = os.path.basename(python)
    os.symlink(python, os.path.join(venv, "bin", "python"))
    for other in ("python3", name):
        os.symlink("python", os.path.join(venv, "bin", other))
    with open(os.path.join(venv, "pyvenv.cfg"), "w", encoding="utf-8") as file:
        file.write(f"home = {os.path.dirname(python)}\ninclude-system-site-packages = false\n")


def prove(venv: str) -> None:
    """Raises VenvError where Ray could not run from ``venv``."""
    command = [os.path.join(venv, "bin", "python"), "-c", PROOF]
    result = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if result.returncode != 0:
        raise VenvError(f"Ray cannot run on this host: {result.stdout.strip()[-2000:]}")


def whole(venv: str) -> bool:
    """Whether no file is shorter than its project's RECORD says."""
    packages = site(venv)
    try:
        for record in glob.glob(os.path.join(packages, "*.dist-info", "RECORD")):
            with open(record, encoding="utf-8", newline="") as file:
                for path, _, size in csv.reader(file):
                    if size and os.stat(os.path.join(packages, path)).st_size < int(size):
                        return False
    except (OSError, ValueError):
        return False
    return True


def add(new: str, venv: str) -> None:
    """Bring the projects of ``new`` that ``venv`` lacks. No file that is there is touched."""
    source, target = site(new), site(venv)
    for about in sorted(glob.glob(os.path.join(source, "*.dist-info"))):
        project = os.path.basename(about).split("-", maxsplit=1)[0]
        if glob.glob(os.path.join(target, f"{project}-*.dist-info", "RECORD")):
            continue
        with open(os.path.join(about, "RECORD"), encoding="utf-8", newline="") as file:
            paths = [row[0] for row in csv.reader(file)]
        # Last what says that the project is there.
        for path in sorted(paths, key=lambda path: path.endswith(".dist-info/RECORD")):
            bring(os.path.join(source, path), os.path.join(target, path))


def bring(source: str, target: str) -> None:
    """Move a file, and its bytecode with it, to where there is none."""
    (folder, name), other = os.path.split(source), os.path.dirname(target)
    if name.endswith(".py"):
        for code in glob.glob(os.path.join(glob.escape(folder), CACHE, name[:-3] + ".*.pyc")):
            bring(code, os.path.join(other, CACHE, os.path.basename(code)))
    if os.path.exists(source) and not os.path.exists(target):
        os.makedirs(other, exist_ok=True)
        os.rename(source, target)


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
