"""The scripts that run on hosts, each as one text for `python3 -`."""

from __future__ import annotations

from importlib import resources

_SCRIPTS = "adbray_ctl.adapters.host"
# Each after those that it needs.
_READING = ("file_systems", "slot_files", "nvml", "gpus", "standing", "gate_reading")
_LOGS = ("slot_logs",)
_DISKS = ("file_systems", "slot_files", "slot_logs")
# The modules are known by their full names before the script asks for them: nothing is installed.
_LOADER = """
import sys, types
for package, name, text in {modules!r}:
    parent = sys.modules.setdefault(package, types.ModuleType(package))
    module = types.ModuleType(package + "." + name)
    sys.modules[package + "." + name] = module
    setattr(parent, name, module)
    exec(compile(text, name, "exec"), module.__dict__)
exec(compile({script!r}, "script", "exec"))
"""


def host_script(name: str) -> str:
    """A script that needs nothing but the host's Python."""
    return _read(name)


def reading_script(name: str) -> str:
    """A script that looks at file systems and cards too, with what that takes."""
    return _with(_READING, name)


def logs_reading_script(name: str) -> str:
    """A script that reads logs of slots, with what that takes."""
    return _with(_LOGS, name)


def disk_reading_script(name: str) -> str:
    """A script that looks at what lies on slots' disks, with what that takes."""
    return _with(_DISKS, name)


def _with(modules: tuple[str, ...], name: str) -> str:
    texts = [(_SCRIPTS, module, _read(f"{module}.py")) for module in modules]
    return _LOADER.format(modules=texts, script=_read(name))


def _read(name: str) -> str:
    return resources.files(_SCRIPTS).joinpath(name).read_text(encoding="utf-8")
