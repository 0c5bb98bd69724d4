"""Commands of adbray_host as a host's Python runs them: the zipapp, and nothing else of ours."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from adbray_ctl.adapters.host_package import host_package

_RUN = (
    "import json, sys; from importlib import import_module as load; sys.path[:0] = [sys.argv[1]];"
    " [setattr(load('adbray_host.' + m), n, v) for m, n, v in json.loads(sys.argv[2])];"
    " sys.exit(load('adbray_host.__main__').main(sys.argv[3:]))"
)


def command(elsewhere: Mapping[str, object], *words: str) -> list[str]:
    """What runs a command of the package; ``elsewhere`` has other values for `module.NAME`."""
    changed = [(*name.rsplit(".", 1), _plain(value)) for name, value in elsewhere.items()]
    # Isolated and without site-packages: what is not in the package is not there.
    return [sys.executable, "-I", "-S", "-c", _RUN, zipapp(), json.dumps(changed), *words]


def output(elsewhere: Mapping[str, object], *words: str, stdin: str = "") -> str:
    """What a command prints when it ends well."""
    done = subprocess.run(
        command(elsewhere, *words), input=stdin, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def _plain(value: object) -> object:
    return str(value) if isinstance(value, Path) else value


@cache
def zipapp() -> str:
    package = host_package()
    path = Path(tempfile.mkdtemp(prefix="adbray-test-")) / package.name
    path.write_bytes(package.data)
    return str(path)
