"""Serve's default ports: those of the group, of which its unit says what they are.

Ray has no setting for them: 8000 for HTTP and 9000 for gRPC are written in its code. The proxies of
two groups on one host would share them (SO_REUSEPORT), and take each other's requests. A port that
a user names stays.
"""

from __future__ import annotations

import functools
import os
from typing import Any

HTTP_VARIABLE = "ADBRAY_SERVE_HTTP_PORT"
GRPC_VARIABLE = "ADBRAY_SERVE_GRPC_PORT"


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
    # Holds the same options, with no default of its own.
    _rebuild(module.ServeInstanceDetails)


def http_util(module: Any) -> None:
    """``ray.serve._private.http_util``: see ``_completed``."""
    name = "configure_http_options_with_defaults"
    setattr(module, name, _completed(getattr(module, name), HTTP_VARIABLE))


def grpc_util(module: Any) -> None:
    """``ray.serve._private.grpc_util``: see ``_completed``."""
    name = "set_proxy_default_grpc_options"
    setattr(module, name, _completed(getattr(module, name), GRPC_VARIABLE))


def _completed(original: Any, variable: str) -> Any:
    """``original``, by which Serve's controller completes the options it was started with.

    They may come from a Ray client, whose own process has Ray's defaults: of such a port they say
    that nobody set it.
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
