"""Backups as files: compressed JSON, readable by their owner only."""

from __future__ import annotations

import gzip
import os
import zlib
from pathlib import Path

from pydantic import ValidationError

from adbray_ctl.core.backup import Backup
from adbray_ctl.core.errors import RefusedError, UsageError


def write_backup(path: Path, backup: Backup) -> None:
    """Raises RefusedError if there is something at ``path``."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise RefusedError(
            "there is a file already, and it is left as it is", where=str(path)
        ) from error
    except OSError as error:
        raise UsageError(f"cannot write: {error.strerror}", where=str(path)) from error
    with os.fdopen(descriptor, "wb") as file:
        file.write(gzip.compress(backup.model_dump_json().encode()))


def read_backup(path: Path) -> Backup:
    """Raises UsageError if it is no backup that this version can read."""
    try:
        return Backup.model_validate_json(gzip.decompress(path.read_bytes()))
    except OSError as error:
        raise UsageError(f"cannot read: {error.strerror or error}", where=str(path)) from error
    except (EOFError, zlib.error, ValidationError) as error:
        raise UsageError("this is no backup of this adbray version", where=str(path)) from error
