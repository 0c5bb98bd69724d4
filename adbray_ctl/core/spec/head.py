"""What the user writes of a group's head."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from adbray_ctl.core.spec.addresses import Ipv4
from adbray_ctl.core.spec.base import SPEC_CONFIG, UserPort
from adbray_ctl.core.spec.hosts import Selector
from adbray_ctl.core.spec.impact import (
    GROWS_HEAD,
    RESTARTS_HEAD,
    RESTARTS_RAY,
)
from adbray_ctl.core.spec.strings import SizeName


class _Spec(BaseModel):
    model_config = SPEC_CONFIG


class HeadPorts(_Spec):
    """The group's well-known ports: the head's, and Serve's on all its nodes."""

    gcs: Annotated[UserPort, RESTARTS_RAY] = 6379
    """What workers and drivers in the cluster connect to."""
    dashboard: Annotated[UserPort, RESTARTS_HEAD] = 8265
    """Dashboard and job submission."""
    client: Annotated[UserPort, RESTARTS_HEAD] = 10001
    """Ray client (ray://)."""
    serve: Annotated[UserPort | None, RESTARTS_RAY] = None
    """Ray Serve's HTTP, on every node. Default: one that no other group has, from ports.serve_base
    in fleet.yml on."""
    serve_grpc: Annotated[UserPort | None, RESTARTS_RAY] = None
    """Ray Serve's gRPC, on every node. Default: as of serve."""


class HeadSpec(_Spec):
    """The head: it runs Ray's control plane and dashboard, and no tasks."""

    size: Annotated[SizeName, RESTARTS_HEAD] = "small"
    """Size from the catalogue."""
    disk_gb: Annotated[int, Field(strict=True, ge=1), GROWS_HEAD] = 100
    """Disk in GiB for logs and temporary files."""
    hosts: Selector = Selector.model_construct()
    """Hosts it may stand on."""
    ports: HeadPorts = HeadPorts.model_construct()
    """Well-known ports."""
    standby: Annotated[int, Field(strict=True, ge=0, le=2), RESTARTS_HEAD] = 0
    """Hosts that wait to take the head over when its host dies. Needs virtual_ip and Redis."""
    virtual_ip: Annotated[Ipv4 | None, RESTARTS_RAY] = None
    """A free IPv4 address of the hosts' network, which moves with the head: the one address that
    workers and clients use. Default: the head's host's own."""
    hang_after_s: Annotated[int, Field(strict=True, ge=3, le=600), RESTARTS_HEAD] = 10
    """Seconds for which the head's Ray may leave its health checks unanswered; then it is started
    anew."""
