"""Archives of environments, built by the module itself from wheels that are made here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from importlib.metadata import files
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

REPOSITORY = Path(__file__).parents[2]
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
READER = "backports.zstd"


class Archive(BaseModel):
    """An archive, and what ``ray_archive`` says is its SHA-256."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: Path
    digest: str


def module(name: str, arguments: dict[str, Any], **environment: str) -> dict[str, Any]:
    """Run one as Ansible does; what it answers."""
    result = subprocess.run(
        [sys.executable, str(REPOSITORY / "plugins" / "modules" / f"{name}.py")],
        input=json.dumps({"ANSIBLE_MODULE_ARGS": arguments}, default=str),
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


def build(
    folder: Path, venv: Path, *, python: str = PYTHON, arch: str = "x86_64", **versions: str
) -> Archive:
    """The archive of these packages, for an environment at ``venv``."""
    wheels = folder / "wheels"
    wheels.mkdir(parents=True)
    for name, version in versions.items():
        wheel(wheels, name, version=version, script=name if name == "ray" else "")
    reader(wheels)
    arguments = {
        "dest": folder / "cache" / "archive.tar.zst",
        "venv": venv,
        "requirements": list(versions),
        "python": python,
        "arch": arch,
    }
    # The whole index, and nothing of it is kept.
    index = {"UV_FIND_LINKS": str(wheels), "UV_OFFLINE": "1", "UV_NO_CACHE": "1"}
    answer = module("ray_archive", arguments, **index)
    assert answer.get("changed"), answer
    return Archive(path=folder / "cache" / "archive.tar.zst", digest=answer["digest"])


def wheel(folder: Path, name: str, *, script: str = "", version: str = "1.0") -> None:
    """One module, and with ``script`` a program of that name."""
    content = {f"{name}/__init__.py": f"WORD = '{name} {version}'\ndef main():\n    print(WORD)\n"}
    programs = f"[console_scripts]\n{script} = {name}:main\n" if script else ""
    write_wheel(folder, name, version, {k: v.encode() for k, v in content.items()}, programs)


def reader(folder: Path) -> None:
    """What unpacks archives, as it is installed here."""
    content = {
        str(path): Path(path.locate()).read_bytes()
        for path in files(READER) or ()
        if path.parts[0] == "backports" and path.suffix != ".pyc"
    }
    write_wheel(folder, READER.replace(".", "_"), "1.0", content, "")


def write_wheel(
    folder: Path, name: str, version: str, content: dict[str, bytes], programs: str
) -> None:
    about = f"{name}-{version}.dist-info"
    texts = {
        "METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        "WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "entry_points.txt": programs,
    }
    everything = {**content, **{f"{about}/{k}": v.encode() for k, v in texts.items() if v}}
    listed = "".join(f"{path},,{len(data)}\n" for path, data in everything.items())
    everything[f"{about}/RECORD"] = f"{listed}{about}/RECORD,,\n".encode()
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as file:
        for path, data in everything.items():
            file.writestr(path, data)
