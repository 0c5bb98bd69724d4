"""How long Ray keeps a package that no job or actor uses."""

from __future__ import annotations

import os
from typing import Any

# Ray's own setting; its default is 600.
VARIABLE = "RAY_RUNTIME_ENV_TEMPORARY_REFERENCE_EXPIRATION_S"
PREFIX = "gcs://"


def kept_s() -> int:
    """Seconds."""
    return int(os.environ.get(VARIABLE, "600"))


def pin(uri: str) -> None:
    """Keep a package for that long, whoever uses it."""
    from ray.experimental import internal_kv

    internal_kv._pin_runtime_env_uri(uri, expiration_s=kept_s())


def renew_all() -> None:
    """Pin all that are there: a GCS that starts anew knows no pins and would keep them for ever."""
    from ray.experimental import internal_kv

    for key in internal_kv._internal_kv_list(PREFIX):
        pin(key.decode())


def capped(original: Any) -> Any:
    """Ray's pin, no longer than that: clients with the default of 600 s ask for their own."""

    def pin_runtime_env_uri(uri: str, *, expiration_s: int) -> Any:
        return original(uri, expiration_s=min(expiration_s, kept_s()))

    return pin_runtime_env_uri
