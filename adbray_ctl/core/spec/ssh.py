"""How hosts are logged in to, as fleet.yml says it."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from adbray_ctl.core.spec.addresses import Address
from adbray_ctl.core.spec.base import SPEC_CONFIG, Port
from adbray_ctl.core.spec.impact import KEEPS
from adbray_ctl.core.spec.strings import FilePath, User


class _Spec(BaseModel):
    model_config = SPEC_CONFIG


class Jump(_Spec):
    """A host that SSH connections go through."""

    address: Annotated[Address, KEEPS]
    """IPv4 address or DNS name of the jump host."""
    user: Annotated[User, KEEPS] = "root"
    """Login name on the jump host."""
    port: Annotated[Port, KEEPS] = 22
    """SSH port of the jump host."""
    identity_file: Annotated[FilePath | None, KEEPS] = None
    """Private key for the jump host; relative to fleet.yml. Default: ssh's own choice."""


class Ssh(_Spec):
    """How hosts are logged in to. A user other than root needs sudo without a password."""

    user: Annotated[User, KEEPS] = "root"
    """Login name; if it is not root, sudo without a password is used."""
    port: Annotated[Port, KEEPS] = 22
    """SSH port."""
    identity_file: Annotated[FilePath | None, KEEPS] = None
    """Private key; relative to fleet.yml. Default: ssh's own choice."""
    connect_timeout_s: Annotated[int, Field(strict=True, ge=1, le=300), KEEPS] = 10
    """Seconds to wait for a connection."""
    jump: Jump | None = None
    """Host to go through, if the hosts cannot be reached directly."""


class SshOverride(_Spec):
    """What one host does differently from the fleet's ``ssh``; what is left out is inherited."""

    user: Annotated[User | None, KEEPS] = None
    """Login name."""
    port: Annotated[Port | None, KEEPS] = None
    """SSH port."""
    identity_file: Annotated[FilePath | None, KEEPS] = None
    """Private key; relative to fleet.yml."""
    connect_timeout_s: Annotated[Annotated[int, Field(strict=True, ge=1, le=300)] | None, KEEPS] = (
        None
    )
    """Seconds to wait for a connection."""
    jump: Jump | None = None
    """Host to go through; null written out means none, whatever the fleet says."""
