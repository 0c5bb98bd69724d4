"""A lab's network: one bridge, to it a veth pair or tap for each host, NAT to the outside."""

from __future__ import annotations

import json
import shutil
import time
from ipaddress import IPv4Network
from pathlib import Path

from adbray_ctl.adapters.lab.shell import read_text, run, succeeds
from adbray_ctl.core.errors import LabError
from adbray_ctl.core.lab import SUBNETS, HostKind, LabHost, LabPlan

# net/if.h
_IFF_UP = 0x1
_LINK_WITHIN_S = 2.0


def free_subnet(lab: str) -> str:
    """A /24 of the labs' range that no route of this machine touches.

    Each lab has a favourite, so that its fleet.yml is still right when it was down for a while.
    An address brings a route of its own, so routes tell of addresses too.
    """
    routes = json.loads(run("ip", "-json", "-4", "route", "show", "table", "all"))
    found = {str(route["dst"]) for route in routes} - {"default", "0.0.0.0/0"}
    taken = [IPv4Network(route, strict=False) for route in found]
    favourite = int(lab, base=16) % len(SUBNETS)
    for subnet in SUBNETS[favourite:] + SUBNETS[:favourite]:
        if not any(IPv4Network(f"{subnet}.0/24").overlaps(network) for network in taken):
            return subnet
    raise LabError(
        "every subnet for labs is taken",
        where=f"{SUBNETS[0]}.0/24 to {SUBNETS[-1]}.0/24",
        hint="take other labs down, or see `ip route` for what else uses them",
    )


def bridge(plan: LabPlan) -> str:
    return f"abr-{plan.id}"


def namespace(plan: LabPlan, host: LabHost) -> str:
    return f"adbray-{plan.id}-{host.name}"


def link(plan: LabPlan, host: LabHost) -> str:
    """The machine's end of a host's veth pair, or its tap; at most 15 characters (IFNAMSIZ)."""
    return f"abv-{plan.id}-{'v' if host.kind is HostKind.VM else ''}{host.number}"


def mac(plan: LabPlan, host: LabHost) -> str:
    """The host's own hardware address."""
    return _mac(plan, host.octet)


def make_bridge(plan: LabPlan) -> None:
    """Bridge, gateway address and NAT; whatever stands already stays."""
    name = bridge(plan)
    if not _exists(name):
        run("ip", "link", "add", name, "address", _mac(plan, 0), "type", "bridge")
        run("ip", "addr", "add", f"{plan.gateway}/24", "dev", name)
        _let_through(name)
    run("ip", "link", "set", name, "up")
    table = _table(plan)
    if not succeeds("nft", "list", "table", "ip", table):
        chain = "{ type nat hook postrouting priority srcnat; }"
        rule = f"ip saddr {plan.subnet}.0/24 oifname != {name} masquerade"
        run("nft", f"add table ip {table}; add chain ip {table} post {chain}; "
            f"add rule ip {table} post {rule}")  # fmt: skip


def attach(plan: LabPlan, host: LabHost) -> None:
    """The host's own network namespace, wired to the bridge."""
    name, outer = namespace(plan, host), link(plan, host)
    run("ip", "netns", "add", name)
    _add_link(outer, name, mac(plan, host))
    run("ip", "link", "set", outer, "master", bridge(plan), "up")
    inner = ("ip", "-n", name)
    run(*inner, "addr", "add", f"{host.address}/24", "dev", "eth0")
    run(*inner, "link", "set", "lo", "up")
    run(*inner, "link", "set", "eth0", "up")
    run(*inner, "route", "add", "default", "via", plan.gateway)


def attach_tap(plan: LabPlan, host: LabHost) -> None:
    """A tap on the bridge, for a host that is a process of the machine."""
    name = link(plan, host)
    run("ip", "tuntap", "add", name, "mode", "tap")
    run("ip", "link", "set", name, "master", bridge(plan), "up")


def detach(plan: LabPlan, host: LabHost) -> None:
    """Remove the host's namespace and veth pair, or tap."""
    _remove_link(link(plan, host))
    _remove_namespace(namespace(plan, host))


def detach_all(plan: LabPlan) -> None:
    """Remove everything that carries the lab's id, whatever the plan says of hosts."""
    for path in Path("/sys/class/net").glob(f"abv-{plan.id}-*"):
        _remove_link(path.name)
    for path in Path("/run/netns").glob(f"adbray-{plan.id}-*"):
        _remove_namespace(path.name)
    if shutil.which("nft") and succeeds("nft", "list", "table", "ip", _table(plan)):
        run("nft", f"delete table ip {_table(plan)}")
    _forget_rules(bridge(plan))
    _remove_link(bridge(plan))


def set_link(plan: LabPlan, host: LabHost, state: str) -> None:
    """Cut (``down``) or heal (``up``) a host."""
    run("ip", "link", "set", link(plan, host), state)


def is_cut(plan: LabPlan, host: LabHost) -> bool:
    """Whether the host's link is down, or missing."""
    flags = read_text(Path(f"/sys/class/net/{link(plan, host)}/flags")).strip()
    return not (flags and int(flags, 16) & _IFF_UP)


def _table(plan: LabPlan) -> str:
    return f"adbray_{plan.id}"


def _exists(name: str) -> bool:
    return Path(f"/sys/class/net/{name}").exists()


def _mac(plan: LabPlan, number: int) -> str:
    """A locally administered address that is the same after each boot.

    With a new one, neighbours would go on sending to the old one for most of a minute.
    """
    digits = f"02{plan.id}0{number:04x}"
    return ":".join(digits[at : at + 2] for at in range(0, len(digits), 2))


def _add_link(outer: str, name: str, mac: str) -> None:
    # The kernel takes a moment to forget a veth whose namespace has just been deleted.
    deadline = time.monotonic() + _LINK_WITHIN_S
    while True:
        try:
            run("ip", "link", "add", outer, "type", "veth",
                "peer", "name", "eth0", "address", mac, "netns", name)  # fmt: skip
            return
        except LabError as error:
            if "File exists" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def _remove_link(name: str) -> None:
    # A veth also goes by itself when its namespace does, perhaps just now.
    if _exists(name) and not succeeds("ip", "link", "del", name) and _exists(name):
        run("ip", "link", "del", name)


def _remove_namespace(name: str) -> None:
    path = Path("/run/netns") / name
    if path.exists() and not succeeds("ip", "netns", "del", name):
        path.unlink(missing_ok=True)  # never mounted: `ip netns add` was ended halfway


def _let_through(name: str) -> None:
    """Let the bridge's packets pass where the machine forwards nothing by default.

    Docker sets that policy, and with br_netfilter it even stops hosts of one bridge.
    """
    if "policy drop" in _forwarding():
        for side in ("-i", "-o"):
            run("iptables", "-w", "-I", "FORWARD", side, name, "-j", "ACCEPT")


def _forget_rules(name: str) -> None:
    if f'"{name}"' in _forwarding():
        for side in ("-i", "-o"):
            succeeds("iptables", "-w", "-D", "FORWARD", side, name, "-j", "ACCEPT")


def _forwarding() -> str:
    """The chain that iptables has for what the machine forwards; nothing without iptables."""
    if shutil.which("nft") is None or shutil.which("iptables") is None:
        return ""
    try:
        return run("nft", "list", "chain", "ip", "filter", "FORWARD")
    except LabError:
        return ""
