"""A VM's copy of Ray that an emulated machine is quick enough for; nothing else of Ray is changed.

A raylet gives its agents 15 s to write down their ports, and there is no setting for that; by
emulation they take 20 to be loaded. Ports are fixed, so there the agents write them down as they
begin.
"""

from __future__ import annotations

from tests.e2e.conftest import Project
from tests.soak.plays import play

_EARLY = """\
import glob

BEGIN = \'\'\'\
import sys as _sys
_told = dict(word[2:].split("=", 1) for word in _sys.argv[1:] if "=" in word)
for _file, _port in %r.items():
    with open("%%s/%%s_%%s" %% (_told["session-dir"], _file, _told["node-id"]), "w") as _out:
        _out.write(_told[_port])
\'\'\'
PORTS = {
    "dashboard/agent.py": {
        "dashboard_agent_listen_port": "listen-port",
        "metrics_agent_port": "grpc-port",
        "metrics_export_port": "metrics-export-port",
    },
    "_private/runtime_env/agent/main.py": {"runtime_env_agent_port": "runtime-env-agent-port"},
}
[ray] = glob.glob("/opt/adbray/ray-*/lib/python*/site-packages/ray")
for name, ports in PORTS.items():
    with open(ray + "/" + name) as file:
        text = file.read()
    with open(ray + "/" + name, "w") as file:
        file.write(BEGIN % ports + text)
"""
_SIZES = "sizes:\n  half: {cpus: 2, memory_gb: 1.375}\n"


def declare(project: Project, host: str, *lines: str) -> None:
    """Put ``lines`` about a host into fleet.yml, and a size that a VM has room for."""
    fleet = project.directory / "fleet.yml"
    text = fleet.read_text()
    if _SIZES not in text:
        text = text.replace("sizes:\n", _SIZES)
    found = text.splitlines()
    (at,) = (n for n, line in enumerate(found) if project.addresses[host] in line)
    found[at + 1 : at + 1] = [f"    {line}" for line in lines]
    fleet.write_text("\n".join(found) + "\n")


def make_patient(project: Project, group: str, vm: str = "vm1") -> None:
    """Install the group's Ray on ``vm``, and have its agents write down their ports early."""
    inventory = project.directory / "inventory"
    project.ok("render", group, "-o", str(inventory))
    play(inventory, "host_base,ray_runtime", limit=vm)
    project.on(vm, f"python3 - <<'EOF'\n{_EARLY}EOF")
