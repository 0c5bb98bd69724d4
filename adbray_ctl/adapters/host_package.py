"""The package `adbray_host` as the one file that goes to hosts."""

from __future__ import annotations

import hashlib
import io
import tempfile
import zipfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import adbray_host
from adbray_ctl.adapters.bundled import bundled
from adbray_host import arrival

_NAME, _DIGITS = "adbray_host-%s.pyz", 16
# By what is open: the file may be replaced while a command runs that imports more of it later.
_MAIN = """\
import os, sys
sys.argv[0] = sys.path[0] = "/proc/self/fd/%d" % os.open(sys.path[0], os.O_RDONLY)
from adbray_host.__main__ import main
sys.exit(main(sys.argv[1:]))
"""
# The earliest that a zip file can hold: the same files are always the same bytes.
_DATE = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class HostPackage:
    """A zipapp, and the digest of its content that it is called by."""

    data: bytes
    digest: str

    @property
    def name(self) -> str:
        return _NAME % self.digest

    def written(self, folder: Path) -> Path:
        """The file in ``folder``, for Ansible to copy; written unless it is there."""
        path = folder / self.name
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file:
                file.write(self.data)
            Path(file.name).rename(path)
        return path


@cache
def host_package() -> HostPackage:
    """All Python files of the package, as they are now, and what of others it needs."""
    folder = Path(adbray_host.__file__).parent
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        _add(archive, "__main__.py", _MAIN.encode())
        for path in sorted(folder.rglob("*.py")):
            name = path.relative_to(folder.parent).as_posix()
            _add(archive, name, path.read_bytes())
        for name, content in sorted(bundled().items()):
            _add(archive, name, content)
    data = buffer.getvalue()
    return HostPackage(data, hashlib.sha256(data).hexdigest()[:_DIGITS])


def arrival_text() -> str:
    """What finds the package on a host, or takes it from its standard input, and runs it."""
    return Path(arrival.__file__).read_text(encoding="utf-8")


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    info = zipfile.ZipInfo(name, _DATE)
    info.external_attr = 0o644 << 16
    info.create_system = 3
    archive.writestr(info, data, zipfile.ZIP_DEFLATED)
