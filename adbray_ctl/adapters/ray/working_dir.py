"""What Ray would upload of a working directory: its files less those it leaves out."""

from __future__ import annotations

from pathlib import Path

from adbray_ctl.core.errors import UsageError
from adbray_ctl.core.jobs.request import is_unicode
from adbray_ctl.core.jobs.working_dir import DirectoryFile
from adbray_ctl.core.text import show


def list_files(directory: Path) -> tuple[DirectoryFile, ...]:
    """Files by path relative to ``directory``.

    Raises UsageError if it is no directory, or has what Ray cannot pack.
    """
    if not directory.is_dir():
        what = "is not a directory" if directory.exists() else "does not exist"
        raise UsageError(
            f"the working directory {what}",
            where=str(directory),
            hint="name a directory that holds the entrypoint's file",
        )
    directory = directory.absolute()
    found = _travel(directory)
    for path in found:
        name = str(path.relative_to(directory))
        if what := _unfit(path, name):
            raise UsageError(
                f"{show(name)} {what}",
                where=str(directory),
                hint="move it out of the working directory, or list it in its .gitignore",
            )
    return tuple(
        DirectoryFile(path=str(path.relative_to(directory)), size=path.stat().st_size)
        for path in found
        if path.is_file()
    )


def _unfit(path: Path, name: str) -> str:
    """Why Ray cannot pack it as ``name``: it would wait for ever, or give another reason."""
    if not is_unicode(name):
        return "has a name that is not UTF-8, which Ray does not take"
    if path.exists() and not (path.is_file() or path.is_dir()):
        return "is neither a file nor a directory"
    return ""


def _travel(directory: Path) -> list[Path]:
    # Ray's own walk (packaging._dir_travel), so that .gitignore, .rayignore and Ray's default
    # excludes count exactly as in the upload. It is private: recheck it with each Ray version.
    from ray._private.ray_constants import RAY_RUNTIME_ENV_DEFAULT_EXCLUDES
    from ray._private.runtime_env import packaging

    found: list[Path] = []
    excludes = packaging._get_excludes(directory, RAY_RUNTIME_ENV_DEFAULT_EXCLUDES.split(","))
    try:
        packaging._dir_travel(directory, [excludes], found.append, include_gitignore=True)
    except (IndexError, ValueError) as error:
        raise _bad_pattern(directory) from error
    return found


def _bad_pattern(directory: Path) -> UsageError:
    from ray._private.thirdparty.pathspec.pathspec import PathSpec

    what, hint = "this pattern cannot be read", "write it as git takes it, or remove it"
    for file in sorted((*directory.rglob(".gitignore"), *directory.rglob(".rayignore"))):
        for number, line in enumerate(file.read_bytes().split(b"\n"), start=1):
            try:
                PathSpec.from_lines("gitwildmatch", [line.decode()])  # type: ignore[no-untyped-call]
            except (IndexError, ValueError):
                return UsageError(what, where=f"{file}:{number}", hint=hint)
    return UsageError("its .gitignore or .rayignore cannot be read", where=str(directory))
