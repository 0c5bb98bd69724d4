"""What can go wrong with two watched groups and their hosts, and how it is mended."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from pathlib import Path

from adbray_host.gpus.faults import judged, with_lost, xids_in
from adbray_host.gpus.nvml import cards_of
from tests.e2e.conftest import E2E_JOBS, Project, run
from tests.e2e.elastic import inits
from tests.soak.watched import MONITOR, REDIS_DISK, SMALL, WIDE, await_well, renew_certificate, unit
from tests.unit.nvml import Nvml

RAYLET = "/opt/adbray/ray-*/lib/python*/site-packages/ray/core/src/ray/raylet/raylet"
# As in a public report (tests/unit/host/test_gpus.py).
XID = "NVRM: Xid (PCI:0000:40:00): 79, GPU has fallen off the bus"
# Below the group of all processes, with cgroups v1 and v2.
BOUNDS = {
    Path("/sys/fs/cgroup/memory"): "memory.limit_in_bytes",
    Path("/sys/fs/cgroup"): "memory.max",
}


def send(site: Project, host: str, of: str, words: str, number: str) -> None:
    """Send a signal to those processes of a unit whose command line has ``words``."""
    script = f"""\
found=$(for p in /proc/[0-9]*; do
  grep -qs '/{of}$' $p/cgroup && tr '\\0' ' ' <$p/cmdline | grep -q '{words}' && echo ${{p#/proc/}}
done)
kill -{number} $found"""
    site.on(host, script)


def nothing(_: Project) -> None:
    """Where a cause ends by itself."""


def lab(site: Project, verb: str, host: str) -> None:
    site.ok("lab", verb, host)


def systemctl(site: Project, host: str, *words: str) -> None:
    site.on(host, f"systemctl {' '.join(words)}")


def hang(site: Project, host: str, of: str) -> None:
    systemctl(site, host, "kill", "--signal=STOP", of)


def go_on(site: Project, host: str, of: str) -> None:
    systemctl(site, host, "kill", "--signal=CONT", of)


def of_each(site: Project, hosts: Iterable[str], verb: str, of: str) -> None:
    for host in hosts:
        systemctl(site, host, verb, of)


def start_head(site: Project) -> None:
    systemctl(site, MONITOR, "start", unit("head", SMALL))
    await_well(site, SMALL)


def submit(site: Project, name: str, *words: str) -> None:
    """A job of that name, which nobody waits for."""
    options = ("--no-wait", "--submission-id", name, "--working-dir", str(E2E_JOBS), "--")
    site.ok("job", "submit", WIDE, *options, "python", *words)


def stop_job(site: Project, name: str) -> None:
    site.ok("job", "stop", WIDE, name)


def ask_for_too_much(site: Project) -> None:
    """A task that no worker group can run."""
    submit(site, "blocked", "demand.py", "1", "0", json.dumps({"num_cpus": 64}))


def kill_again_and_again(site: Project, host: str, of: str) -> None:
    """Three times, with as long between as a worker takes to start."""
    for _ in range(3):
        systemctl(site, host, "kill", "--signal=KILL", of)
        time.sleep(6)


def fill_disk(site: Project, host: str, slot: str) -> None:
    """Nine tenths of it; from 95 % on Ray would refuse objects."""
    disk = f"/var/lib/adbray/{WIDE}/{slot}"
    size = f"$(df --block-size=1 --output=size {disk} | tail -1)"
    site.on(host, f"fallocate -l $(({size} * 88 / 100)) {disk}/spill/filler")


def empty_disk(site: Project, host: str, slot: str) -> None:
    site.on(host, f"rm /var/lib/adbray/{WIDE}/{slot}/spill/filler")


def break_ray(site: Project, host: str, of: str) -> None:
    """A worker whose raylet is gone, and that has to start."""
    site.on(host, f"for f in {RAYLET}; do mv $f $f.away; done")
    systemctl(site, host, "kill", "--signal=KILL", of)


def mend_ray(site: Project, host: str) -> None:
    site.on(host, f"for f in {RAYLET}.away; do mv $f ${{f%.away}}; done")


def bring_certificate(site: Project, *, days: int) -> None:
    renew_certificate(site, days=days)
    site.ok("apply", SMALL)


def show_card(site: Project, host: str, log: str, ecc_errors: int) -> None:
    """What the host would read of a card, if it had one; NVML's answers are written by hand."""
    found, _ = cards_of(Nvml(nvmlDeviceGetTotalEccErrors=[ecc_errors]))
    xids = with_lost(found, xids_in(log))
    text = json.dumps({"found": [judged(card, xids) for card in found]})
    site.on(host, f"mkdir -p /run/adbray && echo '{text}' >/run/adbray/gpus.json")


def hide_card(site: Project, host: str) -> None:
    site.on(host, "rm /run/adbray/gpus.json")


def eat_more_than_the_kernel_gives(site: Project, host: str) -> None:
    """A process of the host takes 256 MiB in a cgroup that may have 64."""
    base, bound = next((b, f) for b, f in BOUNDS.items() if b.joinpath("cgroup.procs").exists())
    group = base / f"adbray-eats-{inits(site)[host]}"
    group.mkdir()
    try:
        (group / bound).write_text(str(64 * 2**20))
        enter = f"exec nsenter --target={inits(site)[host]} --mount --pid"
        eat = f"echo $$ >{group}/cgroup.procs && {enter} python3 -c 'x = b\"x\" * 2**28'"
        assert run(["sh", "-c", eat], timeout_s=60).code in (-9, 137)
    finally:
        group.rmdir()


def fill_redis(site: Project) -> None:
    """Keys of Ray's own, 55 MB of 64."""
    write_redis(site, "head -c 1000000 /dev/zero >$value; for n in $(seq 55); do set_it $n; done")


def empty_redis(site: Project) -> None:
    write_redis(site, 'for n in $(seq 55); do ask UNLINK "$key$n"; done')


def write_redis(site: Project, what: str) -> None:
    """As Ray's own user, who may write its group's keys."""
    script = f"""\
cd /etc/adbray/{SMALL} && export REDISCLI_AUTH=$(cat redis_password) && value=$(mktemp)
key=$(grep -o 'RAY[^@ ]*@' redis.acl | head -1)filler
ask() {{ redis-cli -s /run/adbray-redis.{SMALL}/redis.sock --user ray --no-auth-warning "$@"; }}
set_it() {{ ask -x SET "$key$1" <$value; }}
{what}
rm $value"""
    site.on(MONITOR, script)


def fill_redis_disk(site: Project) -> None:
    site.on(MONITOR, f"head -c 300m /dev/zero >{REDIS_DISK}/filler; test -s {REDIS_DISK}/filler")
    write_redis(site, "echo more >$value; set_it 0")


def empty_redis_disk(site: Project) -> None:
    site.on(MONITOR, f"rm {REDIS_DISK}/filler")
    write_redis(site, "sleep 2; ask UNLINK ${key}0")
    await_well(site, SMALL)


def require_replica(site: Project, host: str) -> None:
    slots = site.json("status", WIDE)["slots"]
    (found,) = (s["detail"] for s in slots if s["kind"] == "redis" and s["host"] == host)
    assert found != "primary", f"the Redis of {host} is the primary"


def cut_replica(site: Project, host: str) -> None:
    """A firewall that drops what the host's Redis and the primary tell each other."""
    require_replica(site, host)
    slots = site.json("status", WIDE)["slots"]
    ports = {str(slot["ports"]["redis"]) for slot in slots if slot["kind"] == "redis"}
    listed = ", ".join(sorted(ports))
    for rule in (
        "add table inet dropped",
        "add chain inet dropped out { type filter hook output priority 0 ; }",
        "add chain inet dropped in { type filter hook input priority 0 ; }",
        f"add rule inet dropped out oifname != lo tcp dport {{ {listed} }} drop",
        f"add rule inet dropped in iifname != lo tcp sport {{ {listed} }} drop",
    ):
        nft(site, host, rule)


def mend_replica(site: Project, host: str) -> None:
    nft(site, host, "delete table inet dropped")


def hang_replica(site: Project, host: str) -> None:
    require_replica(site, host)
    hang(site, host, unit("redis", WIDE))


def nft(site: Project, host: str, rule: str) -> None:
    done = run(["nsenter", f"--target={inits(site)[host]}", "--net", "nft", rule], timeout_s=10)
    assert done.code == 0, done.err
