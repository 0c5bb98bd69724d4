"""Serve's ports: those of the group and the slot, of which the unit says what they are.

Ray has no setting for them: 8000 for HTTP and 9000 for gRPC are written in its code. The proxies of
two groups on one host would share them (SO_REUSEPORT), and take each other's requests. A port that
a user names stays. A replica listens for the others of its application at any port that is free:
it gets one of its slot's.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import logging
import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

logger = logging.getLogger(__name__)

_NONE_LEFT = (
    "all ports from {first} to {last}, which replicas of Serve have on this node, are taken: this"
    " one listens at any port (a larger ports.block in fleet.yml helps)"
)

HTTP_VARIABLE = "ADBRAY_SERVE_HTTP_PORT"
GRPC_VARIABLE = "ADBRAY_SERVE_GRPC_PORT"
REPLICA_VARIABLE = "ADBRAY_SERVE_REPLICA_PORTS"


def constants(module: Any) -> None:
    """``ray.serve._private.constants``: what Serve's options and command line begin with."""
    for name, variable in (
        ("DEFAULT_HTTP_PORT", HTTP_VARIABLE),
        ("DEFAULT_GRPC_PORT", GRPC_VARIABLE),
    ):
        port = _port(variable)
        if port is not None and hasattr(module, name):
            setattr(module, name, port)


def schema(module: Any) -> None:
    """``ray.serve.schema``, of configuration files: it has the HTTP port in figures."""
    port = _port(HTTP_VARIABLE)
    if port is None:
        return
    options = module.HTTPOptionsSchema
    _set_default(options, "port", port)
    _set_default(module.ServeDeploySchema, "http_options", options())
    # Holds the same options, and copies their defaults.
    _rebuild(module.ServeInstanceDetails)


def http_util(module: Any) -> None:
    """``ray.serve._private.http_util``: see ``_completed``."""
    name = "configure_http_options_with_defaults"
    setattr(module, name, _completed(getattr(module, name), HTTP_VARIABLE))


def grpc_util(module: Any) -> None:
    """``ray.serve._private.grpc_util``: see ``_completed``."""
    name = "set_proxy_default_grpc_options"
    setattr(module, name, _completed(getattr(module, name), GRPC_VARIABLE))


def replica(module: Any) -> None:
    """``ray.serve._private.replica``: where each replica listens."""
    first, _, last = os.environ.get(REPLICA_VARIABLE, "").partition("-")
    if not last:
        return
    original, ports = module.add_port_to_grpc_server, range(int(first), int(last) + 1)

    @functools.wraps(original)
    def add(server: Any, address: str) -> int:
        host, _, port = address.rpartition(":")
        if port != "0":
            return int(original(server, address))
        with _alone():
            chosen = next(filter(_is_free, ports), None)
            if chosen is None:
                logger.warning("adbray: %s", _NONE_LEFT.format(first=first, last=last))
                return int(original(server, address))
            return int(original(server, f"{host}:{chosen}"))

    module.add_port_to_grpc_server = add


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """One replica of a slot chooses its port at a time: gRPC would let two of them share one."""
    with (Path(tempfile.gettempdir()) / "adbray-serve-ports.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _is_free(port: int) -> bool:
    with socket.socket() as tried:
        # Connections that have ended do not count, listeners do.
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind(("", port))
        except OSError:
            return False
        return True


def _completed(original: Any, variable: str) -> Any:
    """``original``, by which Serve's controller completes the options it was started with.

    They may come from a Ray client, whose own process has Ray's defaults: of such a port they say
    that it was not set.
    """
    port = _port(variable)
    if port is None:
        return original

    @functools.wraps(original)
    def complete(options: Any) -> Any:
        found = original(options)
        if "port" not in _fields_set(found):
            found.port = port
        return found

    return complete


def _port(variable: str) -> int | None:
    value = os.environ.get(variable)
    return int(value) if value else None


# The models of Ray 2.54 are of pydantic 1, those of 2.58 of pydantic 2.
def _set_default(model: Any, field: str, value: Any) -> None:
    fields = model.model_fields if hasattr(model, "model_rebuild") else model.__fields__
    fields[field].default = value
    _rebuild(model)


def _rebuild(model: Any) -> None:
    if hasattr(model, "model_rebuild"):
        model.model_rebuild(force=True)


def _fields_set(model: Any) -> set[str]:
    named: set[str] = (
        model.model_fields_set if hasattr(model, "model_fields_set") else model.__fields_set__
    )
    return named
