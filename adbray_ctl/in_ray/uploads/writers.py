"""Values for the GCS: packages go through the door, other large ones nowhere."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

from adbray_ctl.in_ray.uploads.pins import PREFIX
from adbray_ctl.in_ray.uploads.room import MIB

# As large as a function or class may be (FUNCTION_SIZE_ERROR_THRESHOLD in the units).
LARGEST_VALUE = 16 * MIB
TIMEOUT_S = 300


def guarded(original: Any) -> Any:
    """Ray's ``_internal_kv_put`` that lets the dashboard take packages."""
    from ray._private import client_mode_hook

    def _internal_kv_put(
        key: str | bytes,
        value: str | bytes,
        overwrite: bool = True,  # as Ray has it
        *,
        namespace: str | bytes | None = None,
    ) -> Any:
        name = key.decode(errors="replace") if isinstance(key, bytes) else key
        # A Ray client's value is judged where it arrives; the dashboard has judged this one.
        should_convert: Callable[[], bool] = client_mode_hook.client_mode_should_convert
        if not should_convert() and not _in_dashboard():
            if name.startswith(PREFIX) and namespace is None and (url := _dashboard()):
                return _upload(f"{url}/api/packages/gcs/{name.removeprefix(PREFIX)}", value)
            if len(value) > LARGEST_VALUE:
                raise ValueError(
                    f"the value of {name!r} has {len(value)} bytes; the cluster's store takes"
                    f" {LARGEST_VALUE} at most. Put large data into the object store (ray.put)"
                )
        return original(key, value, overwrite, namespace=namespace)

    return _internal_kv_put


def _in_dashboard() -> bool:
    import sys

    return "ray.dashboard.modules.job.job_head" in sys.modules


def _dashboard() -> str:
    """The dashboard's URL; empty in a cluster without one."""
    from ray._private import ray_constants
    from ray.experimental import internal_kv

    found = internal_kv._internal_kv_get(
        ray_constants.DASHBOARD_ADDRESS, namespace=ray_constants.KV_NAMESPACE_DASHBOARD
    )
    return f"http://{found.decode()}" if found else ""


def _upload(url: str, value: str | bytes) -> bool:
    """Raises RuntimeError with what the door says."""
    from ray._private.authentication.http_token_authentication import (
        get_auth_headers_if_auth_enabled,
    )

    data = value.encode() if isinstance(value, str) else value
    headers = {"Content-Type": "application/octet-stream", **get_auth_headers_if_auth_enabled({})}
    request = urllib.request.Request(url, data=data, headers=headers, method="PUT")  # noqa: S310
    # The cluster's own address: never by a proxy.
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(request, timeout=TIMEOUT_S):
            return False
    except urllib.error.HTTPError as error:
        raise RuntimeError(error.read().decode(errors="replace")) from None
