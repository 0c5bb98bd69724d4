"""What each unit was started with: digests of its files, kept on the host until the unit goes.

Where they differ from what is there now, a restart is due. Times decide nothing, for a file may be
touched and a clock set back.
"""

from __future__ import annotations

import contextlib
import glob
import hashlib
import json
import os
import shutil
import tempfile
from typing import Any
from urllib.parse import quote

FOLDER = "/var/lib/adbray-units"
# Of a file that was replaced, what it held first. A unit that runs and has no digests kept was
# started by a version of adbray that kept none.
REPLACED = ".replaced"
UNITS = (".service", ".slice", ".timer")


def digest(path: str) -> str:
    """Of what matters to a process of the file at ``path``; nothing where there is none.

    Of a slot's record that is its revision, and of a unit's file it is not its comments.
    """
    whole = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            if path.endswith(".json"):
                return _of_record(file.read())
            if path.endswith(UNITS):
                whole.update(b"".join(line for line in file if line[:1] not in b"#;\n"))
            else:
                for part in iter(lambda: file.read(2**20), b""):
                    whole.update(part)
    except OSError:
        return ""
    return whole.hexdigest()


def _of_record(content: bytes) -> str:
    with contextlib.suppress(ValueError):
        record = json.loads(content)
        if isinstance(record, dict) and "revision" in record:
            return str(record["revision"])
    return hashlib.sha256(content).hexdigest()


class Started:
    """The digests kept in a folder."""

    def __init__(self, folder: str = FOLDER) -> None:
        self.folder = folder

    def outdated(self, unit: str, files: list[str], changed: set[str]) -> bool:
        """Whether ``unit``, which runs, was started with other ``files``.

        Of those without a digest kept all that is known is whether they are among ``changed``.
        """
        known = self._of(unit)
        for path in files:
            before = known.get(path, self._load(_replaced(path)))
            if path in changed if before is None else before != digest(path):
                return True
        return False

    def keep(self, unit: str, files: list[str]) -> None:
        """Remember that ``unit`` runs with ``files`` as they are, or will when it starts."""
        known = self._of(unit)
        now = {**known, **{path: digest(path) for path in files}}
        if now != known:
            self._save(f"{unit}.json", now)

    def replacing(self, path: str) -> None:
        """The file at ``path`` is about to change, and units may run that started with it."""
        if self._load(_replaced(path)) is None:
            self._save(_replaced(path), digest(path))

    def forget(self, unit: str) -> None:
        """``unit`` is gone, or all of a template; with the last one goes the folder."""
        for path in glob.glob(self._path(unit.replace("@.", "@*.") + ".json")):
            os.unlink(path)
        with contextlib.suppress(FileNotFoundError):
            if all(name.endswith(REPLACED) for name in os.listdir(self.folder)):
                shutil.rmtree(self.folder)

    def _of(self, unit: str) -> dict[str, str]:
        known: dict[str, str] = self._load(f"{unit}.json") or {}
        return known

    def _path(self, name: str) -> str:
        return os.path.join(self.folder, name)

    def _load(self, name: str) -> Any:
        try:
            with open(self._path(name), encoding="utf-8") as file:
                return json.load(file)
        except (FileNotFoundError, ValueError):
            return None

    def _save(self, name: str, value: Any) -> None:
        os.makedirs(self.folder, mode=0o700, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=".", dir=self.folder)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(value, file, sort_keys=True)
            file.flush()
            os.fsync(file.fileno())
        os.rename(temporary, self._path(name))


def _replaced(path: str) -> str:
    return quote(path, safe="") + REPLACED
