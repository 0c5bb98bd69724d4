"""Backups as files: compressed JSON, readable by their owner only."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

from pydantic import ValidationError

from adbray_ctl.adapters.state.own_file import create
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
    except (EOFError, gzip.BadGzipFile, zlib.error, ValidationError) as error:
        what = "this is no backup of this adbray version"
        hint = "name a file that this version's `adbray backup` wrote, whole"
        raise UsageError(what, where=str(path), hint=hint) from error
    except OSError as error:
        what, hint = f"cannot read: {error.strerror or error}", "check the path, its owner and mode"
        raise UsageError(what, where=str(path), hint=hint) from error
