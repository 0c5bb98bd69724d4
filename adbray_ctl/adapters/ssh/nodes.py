"""Drains Ray nodes and stops units over plain SSH."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence

from adbray_ctl.adapters.ssh.hosts import SshHosts
from adbray_ctl.adapters.ssh.threads import everywhere
from adbray_ctl.core.errors import ClusterError, HostError, HostKeyError
from adbray_ctl.core.slot.record import SlotRecord
from adbray_ctl.core.spec.fleet import Fleet

# Runs on the head host as root; Ray's client has to be the head's own, with its user and token.
# The reason is "preemption" because Ray refuses to drain a busy node for any other.
_DRAIN = """
import json, subprocess, sys
group, address, venv = sys.argv[1:4]
code = '''
import json, sys
from ray._raylet import GcsClient
from ray.core.generated import autoscaler_pb2
client = GcsClient(address=sys.argv[1])
reason = autoscaler_pb2.DrainNodeReason.Value("DRAIN_NODE_REASON_PREEMPTION")
refused = []
for node in sys.argv[2:]:
    try:
        accepted, why = client.drain_node(node, reason, "adbray changes this node", 0)
    except Exception as error:
        accepted, why = False, str(error)
    if not accepted:
        refused.append(why)
print(json.dumps(refused))
'''
command = ["runuser", "-u", "adbray", "--", "env", "HOME=/tmp", "RAY_AUTH_MODE=token",
           "RAY_AUTH_TOKEN_PATH=/etc/adbray/%s/token" % group, venv + "/bin/python", "-c", code,
           address, *sys.argv[4:]]
done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=25)
if done.returncode != 0:
    sys.exit(done.stderr.decode(errors="replace") or "ended with %d" % done.returncode)
print(done.stdout.decode().strip().splitlines()[-1])
"""

_STOP = """
import subprocess, sys
done = subprocess.run(["systemctl", "stop", "--", *sys.argv[1:]], stderr=subprocess.PIPE)
# A unit that is stopped while it begins counts as failed; it is what was wanted.
subprocess.run(["systemctl", "reset-failed", "--", *sys.argv[1:]], stderr=subprocess.DEVNULL)
sys.exit(done.stderr.decode(errors="replace").strip() if done.returncode else 0)
"""

# Once the answer is out. What systemd stops on the way down ends as by a stop.
_BOOT = """
import subprocess, sys
command = ["systemd-run", "--quiet", "--collect", "--on-active=2s",
           "--timer-property=AccuracySec=1s", "systemctl", "reboot"]
done = subprocess.run(command, stderr=subprocess.PIPE)
sys.exit(done.stderr.decode(errors="replace").strip() if done.returncode else 0)
"""

# What adbray-slot (roles/host_base/files/slot.py) looks for; the host's own clock decides.
_HOLD = """
import os, sys, time
group, seconds = sys.argv[1], float(sys.argv[2])
folder = "/run/adbray/" + group
if seconds > 0:
    os.makedirs(folder, mode=0o755, exist_ok=True)
for slot in sys.argv[3:]:
    path = "%s/%s.hold" % (folder, slot)
    if seconds > 0:
        with open(path + ".new", "w") as file:
            file.write("%.0f" % (time.time() + seconds))
        os.rename(path + ".new", path)
    elif os.path.exists(path):
        os.unlink(path)
"""

# One node, one task, one object through the object store, in a network and a /tmp of its own, so
# that nothing of it can meet what runs on the host. It may take what is left to the host itself.
# Ray insists on the address of the host's name, so the network of its own has it too.
_TRY = """
import socket, subprocess, sys
venv, version = sys.argv[1:3]
try:
    address = socket.gethostbyname(socket.gethostname())
except OSError:
    address = "127.0.0.1"
code = '''
import sys
import ray
if ray.__version__ != sys.argv[1]:
    sys.exit("the environment holds Ray " + ray.__version__)
ray.init(num_cpus=1, include_dashboard=False, object_store_memory=100 * 2**20,
         logging_level="ERROR", log_to_driver=False)

@ray.remote
def size(data):
    return len(data)

found = ray.get(size.remote(ray.put(bytes(10 ** 6))), timeout=60)
ray.shutdown()
sys.exit(0 if found == 10 ** 6 else "a task gave a wrong result")
'''
command = ["systemd-run", "--quiet", "--wait", "--pipe", "--collect", "--service-type=exec"]
for setting in ("User=adbray", "PrivateNetwork=yes", "PrivateTmp=yes", "NoNewPrivileges=yes",
                "MemoryMax=1G", "RuntimeMaxSec=90", "TimeoutStopSec=2", "ProtectHome=yes",
                "Environment=HOME=/tmp",
                "Environment=RAY_USAGE_STATS_ENABLED=0",
                "Environment=PATH=" + venv + "/bin:/usr/local/bin:/usr/bin:/bin"):
    command += ["-p", setting]
if not address.startswith("127."):
    command += ["-p", "ExecStartPre=+/usr/bin/env ip address add %s/32 dev lo" % address]
done = subprocess.run([*command, venv + "/bin/python", "-c", code, version],
                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
lines = done.stdout.decode(errors="replace").strip().splitlines()
sys.exit("; ".join(lines[-3:]) or "ended with %d" % done.returncode if done.returncode else 0)
"""


_TRY_WITHIN_S = 130.0


class SshNodes:
    """Nodes, over the same connections and pinned keys as the observe pass."""

    def __init__(self, hosts: SshHosts) -> None:
        self._hosts = hosts

    def drain(self, fleet: Fleet, head: str, record: SlotRecord, nodes: Sequence[str]) -> None:
        address = f"{record.address}:{record.ports['gcs']}"
        output = self._hosts.run_python(
            fleet, head, _DRAIN, record.group, address, record.venv, *nodes
        )
        # A node that has just ended is refused, and needs no draining any more.
        refused = [why for why in json.loads(output) if "not found" not in why.lower()]
        if refused:
            raise HostError(f"Ray does not drain: {refused[0]}", where=head)

    def stop(self, fleet: Fleet, units: Mapping[str, Sequence[str]]) -> None:
        self._on_each(units, lambda host: self._hosts.run_python(fleet, host, _STOP, *units[host]))

    def boot(self, fleet: Fleet, host: str) -> None:
        self._hosts.run_python(fleet, host, _BOOT)

    def hold(
        self, fleet: Fleet, group: str, slots: Mapping[str, Sequence[str]], seconds: float
    ) -> None:
        self._on_each(
            slots,
            lambda host: self._hosts.run_python(
                fleet, host, _HOLD, group, f"{seconds:.0f}", *slots[host]
            ),
        )

    def release(self, fleet: Fleet, group: str, slots: Mapping[str, Sequence[str]]) -> None:
        self.hold(fleet, group, slots, 0)

    def try_ray(self, fleet: Fleet, hosts: Sequence[str], venv: str, version: str) -> None:
        def try_on(host: str) -> str:
            try:
                self._hosts.run_python(fleet, host, _TRY, venv, version, within_s=_TRY_WITHIN_S)
            except HostKeyError:
                raise
            except HostError as error:
                return f"{host}: {error.what}"
            return ""

        failed = [why for why in everywhere(try_on, hosts, at_once=len(hosts)) if why]
        if failed:
            raise ClusterError(
                "\n    ".join([f"Ray {version} does not work on its trial:", *failed]),
                where=failed[0].partition(":")[0],
                hint="nothing was changed and the group runs as before; try by hand there:"
                f" {venv}/bin/python -c 'import ray; ray.init()'",
            )

    @staticmethod
    def _on_each(hosts: Collection[str], act: Callable[[str], str]) -> None:
        everywhere(act, tuple(hosts), at_once=len(hosts))
