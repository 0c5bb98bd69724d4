"""Backups and bundles, as files of the user who runs a command."""

from __future__ import annotations

from pathlib import Path

from adbray_ctl.adapters.state.backup_file import read_backup, write_backup
from adbray_ctl.adapters.state.bundle_file import write_bundle
from adbray_ctl.core.backup import Backup
from adbray_ctl.core.bundle import Bundle


class ArchiveFiles:
    """Archives, where the user says."""

    def write_backup(self, path: Path, backup: Backup) -> None:
        write_backup(path, backup)

    def read_backup(self, path: Path) -> Backup:
        return read_backup(path)

    def write_bundle(self, path: Path, bundle: Bundle, made_at: float) -> None:
        write_bundle(path, bundle, made_at)
