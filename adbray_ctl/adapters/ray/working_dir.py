"""What Ray would upload of a working directory: its files less those it leaves out."""

from __future__ import annotations

from pathlib import Path

from adbray_ctl.core.errors import UsageError
from adbray_ctl.core.jobs import DirectoryFile


def list_files(directory: Path) -> tuple[DirectoryFile, ...]:
    """Files by path relative to ``directory``. Raises UsageError if it is no directory."""
    if not directory.is_dir():
        what = "is not a directory" if directory.exists() else "does not exist"
        raise UsageError(
            f"the working directory {what}",
            where=str(directory),
            hint="name a directory that holds the entrypoint's file",
        )
    directory = directory.absolute()
    return tuple(
        DirectoryFile(path=str(path.relative_to(directory)), size=path.stat().st_size)
        for path in _travel(directory)
        if path.is_file()
    )


def _travel(directory: Path) -> list[Path]:
    # Ray's own walk (packaging._dir_travel), so that .gitignore, .rayignore and Ray's default
    # excludes count exactly as in the upload. It is private: recheck it with each Ray version.
    from ray._private.ray_constants import RAY_RUNTIME_ENV_DEFAULT_EXCLUDES
    from ray._private.runtime_env import packaging

    found: list[Path] = []
    excludes = packaging._get_excludes(directory, RAY_RUNTIME_ENV_DEFAULT_EXCLUDES.split(","))
    packaging._dir_travel(directory, [excludes], found.append, include_gitignore=True)
    return found
