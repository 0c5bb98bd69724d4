"""An environment that names no place of the machine which built it."""

from __future__ import annotations

import contextlib
import csv
import glob
import hashlib
import io
import os
from base64 import urlsafe_b64encode

from ansible_collections.adbray.ray.plugins.module_utils.environment import site

# As RECORD names them, from site-packages.
PROGRAMS = "../../../bin/"
# When a wheel of a local folder was written.
NOTE = "uv_cache.json"


def detach(build: str, venv: str, python: str) -> None:
    """Let nothing in ``build`` name this machine's Python, nor the folder that it was built in."""
    for name in (".lock", ".gitignore", "pyvenv.cfg"):
        os.unlink(os.path.join(build, name))
    (lib,) = os.listdir(os.path.join(build, "lib"))
    os.rename(os.path.join(build, "lib", lib), os.path.join(build, "lib", f"python{python}"))
    for program in os.scandir(os.path.join(build, "bin")):
        if program.is_symlink():
            os.unlink(program)
            continue
        with open(program, "rb") as file:
            content = file.read()
        if build.encode() in content:
            replace(program.path, content.replace(build.encode(), venv.encode()))
    forget_cache(site(build))


def forget_cache(packages: str) -> None:
    """Take out what uv notes of its cache, and let each RECORD say what is there now."""
    for about in glob.glob(os.path.join(packages, "*.dist-info")):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(about, NOTE))
        record_all(os.path.join(about, "RECORD"))


def replace(path: str, content: bytes) -> None:
    """By another file, for uv may have linked this one into its cache."""
    mode = os.stat(path).st_mode
    os.unlink(path)
    with open(path, "wb") as file:
        file.write(content)
    os.chmod(path, mode)


def record_all(record: str) -> None:
    with open(record, newline="", encoding="utf-8") as file:
        rows = [row for row in csv.reader(file) if os.path.basename(row[0]) != NOTE]
    for row in rows:
        # Their first lines were others.
        if row[0].startswith(PROGRAMS):
            with open(os.path.join(os.path.dirname(record), "..", row[0]), "rb") as program:
                content = program.read()
            digest = urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
            row[1:] = [f"sha256={digest}", str(len(content))]
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    replace(record, text.getvalue().encode())
