"""A lab's network: one bridge, one namespace and veth pair for each host, NAT to the outside."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

from adbray_ctl.adapters.lab.shell import run, succeeds
from adbray_ctl.core.errors import LabError
from adbray_ctl.core.lab import SUBNETS, LabHost, LabPlan


def free_subnet() -> str:
    """The first /24 of the labs' range that no address and no route of this machine touches."""
    taken = run("ip", "-4", "addr") + run("ip", "-4", "route", "show", "table", "all")
    for subnet in SUBNETS:
        if f"{subnet}." not in taken:
            return subnet
    raise LabError("every subnet for labs is taken", hint="take other labs down")


def bridge(plan: LabPlan) -> str:
    return f"abr-{plan.id}"


def namespace(plan: LabPlan, host: LabHost) -> str:
    return f"adbray-{plan.id}-{host.name}"


def link(plan: LabPlan, host: LabHost) -> str:
    """The machine's end of a host's veth pair; at most 15 characters (IFNAMSIZ)."""
    return f"abv-{plan.id}-{host.number}"


def make_bridge(plan: LabPlan) -> None:
    """Bridge, gateway address and NAT; whatever stands already stays."""
    name = bridge(plan)
    if not Path(f"/sys/class/net/{name}").exists():
        run("ip", "link", "add", name, "type", "bridge")
        run("ip", "addr", "add", f"{plan.gateway}/24", "dev", name)
    run("ip", "link", "set", name, "up")
    table = _table(plan)
    if not succeeds("nft", "list", "table", "ip", table):
        subnet = f"{plan.subnet}.0/24"
        run("nft", f"add table ip {table}")
        chain = "{ type nat hook postrouting priority srcnat; }"
        run("nft", f"add chain ip {table} post {chain}")
        run("nft", f"add rule ip {table} post ip saddr {subnet} oifname != {name} masquerade")


def attach(plan: LabPlan, host: LabHost) -> None:
    """The host's own network namespace, wired to the bridge."""
    name, outer = namespace(plan, host), link(plan, host)
    run("ip", "netns", "add", name)
    _add_link(outer, name)
    run("ip", "link", "set", outer, "master", bridge(plan), "up")
    inner = ("ip", "-n", name)
    run(*inner, "addr", "add", f"{host.address}/24", "dev", "eth0")
    run(*inner, "link", "set", "lo", "up")
    run(*inner, "link", "set", "eth0", "up")
    run(*inner, "route", "add", "default", "via", plan.gateway)


def detach(plan: LabPlan, host: LabHost) -> None:
    """Remove the host's namespace and veth pair."""
    if Path(f"/sys/class/net/{link(plan, host)}").exists():
        run("ip", "link", "del", link(plan, host))
    if Path(f"/run/netns/{namespace(plan, host)}").exists():
        run("ip", "netns", "del", namespace(plan, host))


def detach_all(plan: LabPlan) -> None:
    """Remove everything that carries the lab's id, whatever the plan says of hosts."""
    for path in Path("/sys/class/net").glob(f"abv-{plan.id}-*"):
        run("ip", "link", "del", path.name)
    for path in Path("/run/netns").glob(f"adbray-{plan.id}-*"):
        run("ip", "netns", "del", path.name)
    if shutil.which("nft") and succeeds("nft", "list", "table", "ip", _table(plan)):
        run("nft", f"delete table ip {_table(plan)}")
    if Path(f"/sys/class/net/{bridge(plan)}").exists():
        run("ip", "link", "del", bridge(plan))


def set_link(plan: LabPlan, host: LabHost, state: str) -> None:
    """Cut (``down``) or heal (``up``) a host."""
    run("ip", "link", "set", link(plan, host), state)


def is_cut(plan: LabPlan, host: LabHost) -> bool:
    """Whether the host's link was taken down."""
    shown = json.loads(run("ip", "-json", "link", "show", link(plan, host)))
    return "UP" not in shown[0]["flags"]


def _table(plan: LabPlan) -> str:
    return f"adbray_{plan.id}"


def _add_link(outer: str, name: str) -> None:
    # The kernel takes a moment to forget a veth whose namespace has just been deleted.
    for attempt in range(20):
        try:
            run("ip", "link", "add", outer, "type", "veth", "peer", "name", "eth0", "netns", name)
            return
        except LabError as error:
            if "File exists" not in str(error) or attempt == 19:
                raise
            time.sleep(0.1)
