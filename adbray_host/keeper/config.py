"""What a keeper is to do: one JSON file, written by the ray_head role."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from adbray_host.redis_client import Primary, Redis, opened


@dataclass(frozen=True)
class Store:
    """The Redis that knows who leads. ``own`` says that its user is this group's alone.

    ``address`` is host:port, a redis(s):// URL, or sentinel://host:port,... of those that know.
    ``ca_file`` is what a server's certificate is held against; if ``own``, it is that certificate.
    """

    address: str
    key: str
    username: str = ""
    password_file: str = ""
    ca_file: str = ""
    own: bool = False

    def opened(self, timeout_s: float) -> Redis | Primary:
        """Logged in with the password that is in the file now."""
        path = self.password_file
        password = Path(path).read_text().strip() if path else ""
        return opened(self.address, self.username, password, timeout_s, self.ca_file, self.own)


@dataclass(frozen=True)
class Config:
    """Times in seconds. ``standby`` says that another host may lead.

    ``delay_s`` passes before its first claim, so that of keepers that start together the one on the
    head's own host leads. ``address`` is the one that Ray's processes listen on: ``virtual_ip``
    where there is one, and then ``host_address`` names the interface that gets it.
    """

    me: str
    user: str
    address: str
    host_address: str
    dashboard_port: int
    agent_port: int
    gcs_port: int
    raylet_port: int
    state_file: str
    hang_s: float
    delay_s: float = 0.0
    start_s: float = 120.0
    term_s: float = 6.0
    standby: bool = False
    virtual_ip: str = ""
    store: Store | None = None


def load(path: Path) -> Config:
    """The config in ``path``; what this version does not know is ignored."""
    document: dict[str, Any] = json.loads(path.read_text())
    known = {f.name for f in fields(Config)}
    values = {name: value for name, value in document.items() if name in known}
    if document.get("store"):
        values["store"] = Store(**document["store"])
    return Config(**values)
