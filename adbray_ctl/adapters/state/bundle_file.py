"""A support bundle as an archive, readable by its owner only."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

from adbray_ctl.adapters.state.own_file import create
from adbray_ctl.core.bundle import Bundle


def write_bundle(path: Path, bundle: Bundle, made_at: float) -> None:
    """Raises RefusedError if there is something at ``path``; what broke off does not stay."""
    folder = path.name.removesuffix(".gz").removesuffix(".tar").removesuffix(".tgz")
    with create(path) as file:
        try:
            with tarfile.open(fileobj=file, mode="w:gz") as tar:
                for name, text in bundle.files.items():
                    data = text.encode(errors="replace")
                    entry = tarfile.TarInfo(f"{folder}/{name}")
                    entry.size, entry.mtime, entry.mode = len(data), made_at, 0o600
                    tar.addfile(entry, io.BytesIO(data))
        except BaseException:
            path.unlink(missing_ok=True)
            raise
