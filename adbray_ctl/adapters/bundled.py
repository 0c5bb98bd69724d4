"""What of other projects goes to hosts with `adbray_host`: redis-py's connection, and its licences.

Of redis-py the modules that `redis.connection` imports, as they are; not the package's own
`__init__`, which loads all of it and takes three times as long (docs/adr/0061).
"""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

_REDIS = (
    *("_parsers", "auth"),
    *("backoff.py", "cache.py", "connection.py", "credentials.py", "event.py", "exceptions.py"),
    *("retry.py", "typing.py", "utils.py"),
)
_NOTE = "# redis-py %s, as far as adbray_host needs it: redis.connection.\n"


def bundled() -> dict[str, bytes]:
    """Each file by its name in the archive; a Python before 3.11 needs async-timeout for it."""
    found = _files("redis", "redis", _REDIS)
    found |= _files("async-timeout", "async_timeout", ("__init__.py",))
    found["redis/__init__.py"] = (_NOTE % metadata.version("redis")).encode()
    for project in ("redis", "async-timeout"):
        found |= _licences(project)
    return found


def _files(project: str, package: str, names: tuple[str, ...]) -> dict[str, bytes]:
    folder = Path(str(metadata.distribution(project).locate_file(package)))
    paths = [path for name in names for path in (folder / name, *(folder / name).rglob("*.py"))]
    return {
        f"{package}/{path.relative_to(folder).as_posix()}": path.read_bytes()
        for path in paths
        if path.suffix == ".py"
    }


def _licences(project: str) -> dict[str, bytes]:
    files = metadata.files(project) or []
    return {
        f"licences/{project}/{file.name}": file.read_binary()
        for file in files
        if file.name.startswith("LICENSE")
    }
