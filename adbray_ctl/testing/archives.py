"""Backups and bundles in memory, by the paths they would be at."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from adbray_ctl.core.backup import Backup
from adbray_ctl.core.bundle import Bundle
from adbray_ctl.core.errors import RefusedError, UsageError


@dataclass
class FakeArchives:
    """Archives. ``backups`` and ``bundles`` are what was written."""

    backups: dict[Path, Backup] = field(default_factory=dict)
    bundles: dict[Path, Bundle] = field(default_factory=dict)

    def write_backup(self, path: Path, backup: Backup) -> None:
        self._require_free(path)
        self.backups[path] = backup

    def read_backup(self, path: Path) -> Backup:
        if path not in self.backups:
            raise UsageError("this is no backup of this adbray version", where=str(path))
        return self.backups[path]

    def write_bundle(self, path: Path, bundle: Bundle, made_at: float) -> None:
        self._require_free(path)
        self.bundles[path] = bundle

    def _require_free(self, path: Path) -> None:
        if path in self.backups or path in self.bundles:
            raise RefusedError("there is a file already, and it is left as it is", where=str(path))
