"""New files that only their owner can read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

from adbray_ctl.core.errors import RefusedError, UsageError


def create(path: Path) -> BinaryIO:
    """Raises RefusedError if there is something at ``path``."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise RefusedError(
            "there is a file already, and it is left as it is", where=str(path)
        ) from error
    except OSError as error:
        raise UsageError(f"cannot write: {error.strerror}", where=str(path)) from error
    return os.fdopen(descriptor, "wb")
