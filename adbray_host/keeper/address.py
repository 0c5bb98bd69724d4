"""The address that moves with the head.

It is given to an interface for the rest of a term only: the kernel takes it away by itself from a
host whose keeper does not come to renew it (`valid_lft` in ip-address(8)).
"""

from __future__ import annotations

import json
import math
import socket
import struct
import subprocess

_ETH_P_ARP = 0x0806
# How often it is announced after it came: a switch may lose a frame.
_ANNOUNCEMENTS = 10


class VirtualIp:
    """``address`` beside ``host_address``, on the same interface."""

    def __init__(self, address: str, host_address: str) -> None:
        self._address = address
        self._host_address = host_address
        self._device = ""
        self._announced = 0

    def hold(self, for_s: float) -> None:
        """Have it, or keep it, for so many seconds from now. OSError."""
        if not self._device:
            self._device = device_of(self._host_address)
        seconds = str(max(math.floor(for_s), 1))
        lifetime = ("valid_lft", seconds, "preferred_lft", seconds)
        _ip("address", "replace", f"{self._address}/32", "dev", self._device, *lifetime)
        if self._announced < _ANNOUNCEMENTS:
            self._announced += 1
            announce(self._device, self._address)

    def drop(self) -> None:
        """Not have it, whoever left it here."""
        self._announced = 0
        device = device_of(self._address, missing_ok=True)
        if device:
            _ip("address", "del", f"{self._address}/32", "dev", device)


def device_of(address: str, *, missing_ok: bool = False) -> str:
    """The interface that has ``address``. Without one OSError, or "" if that is ``missing_ok``."""
    for link in json.loads(_ip("-json", "-4", "address", "show")):
        if any(one.get("local") == address for one in link.get("addr_info", ())):
            return str(link["ifname"])
    if missing_ok:
        return ""
    raise OSError(f"no interface of this host has the address {address}")


def announce(device: str, address: str) -> None:
    """Tell the network who has ``address``: a gratuitous ARP request (RFC 5227, section 3)."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as link:
        link.bind((device, _ETH_P_ARP))
        own = link.getsockname()[4]
        ip = socket.inet_aton(address)
        head = b"\xff" * 6 + own + struct.pack("!H", _ETH_P_ARP)
        link.send(head + struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + own + ip + bytes(6) + ip)


def _ip(*words: str) -> str:
    # Not the unit's PATH, which begins with what the group installed.
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    done = subprocess.run(
        ["ip", *words], capture_output=True, text=True, timeout=5, check=False, env=environment
    )
    if done.returncode != 0:
        raise OSError(f"ip {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout
