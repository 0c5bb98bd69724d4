"""The scripts that run on hosts, each as one text for `python3 -`."""

from __future__ import annotations

from importlib import resources

_SCRIPTS = "adbray_ctl.adapters"
# The modules are known by their full names before the script asks for them: nothing is installed.
_LOADER = """
import sys, types
for name, text in {modules!r}:
    module = types.ModuleType(name)
    sys.modules[name] = module
    exec(compile(text, name, "exec"), module.__dict__)
exec(compile({script!r}, "script", "exec"))
"""


def host_script(name: str) -> str:
    """A script that needs nothing but the host's Python."""
    return _read(name)


def disk_script(name: str) -> str:
    """A script that looks at file systems too, with what that takes."""
    modules = [(f"{_SCRIPTS}.file_systems", _read("file_systems.py"))]
    return _LOADER.format(modules=modules, script=_read(name))


def _read(name: str) -> str:
    return resources.files(_SCRIPTS).joinpath(name).read_text(encoding="utf-8")
