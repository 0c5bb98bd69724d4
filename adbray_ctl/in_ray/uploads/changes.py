"""The functions of Ray that judge uploads, each put in the place of Ray's."""

from __future__ import annotations

from typing import Any


def kv(module: Any) -> None:
    """``ray.experimental.internal_kv``: what drivers write goes through the dashboard."""
    from adbray_ctl.in_ray.uploads import pins, writers

    module._internal_kv_put = writers.guarded(module._internal_kv_put)
    module._pin_runtime_env_uri = pins.capped(module._pin_runtime_env_uri)


def dashboard(module: Any) -> None:
    """``ray.dashboard.subprocesses.handle``: the dashboard judges what arrives."""
    from adbray_ctl.in_ray.uploads.door import door

    handle = module.SubprocessModuleHandle
    proxy, one = handle.proxy_http, door()
    if one is None:
        return

    async def proxy_http(self: Any, request: Any) -> Any:
        return await one.pass_on(proxy, self, request)

    handle.proxy_http = proxy_http


def client_server(module: Any) -> None:
    """``ray.util.client.server.proxier``: a client is answered what it can raise."""
    from adbray_ctl.in_ray.uploads import clients

    proxy = module.RayletServicerProxy
    proxy.KVPut = clients.answering(proxy.KVPut)
