"""Backups as files: compressed JSON, readable by their owner only."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

from pydantic import ValidationError

from adbray_ctl.adapters.own_file import create
from adbray_ctl.core.backup import Backup
from adbray_ctl.core.errors import UsageError


def write_backup(path: Path, backup: Backup) -> None:
    """Raises RefusedError if there is something at ``path``."""
    with create(path) as file:
        file.write(gzip.compress(backup.model_dump_json().encode()))


def read_backup(path: Path) -> Backup:
    """Raises UsageError if it is no backup that this version can read."""
    try:
        return Backup.model_validate_json(gzip.decompress(path.read_bytes()))
    except OSError as error:
        raise UsageError(f"cannot read: {error.strerror or error}", where=str(path)) from error
    except (EOFError, zlib.error, ValidationError) as error:
        raise UsageError("this is no backup of this adbray version", where=str(path)) from error
