"""Changes four functions of Ray when their modules are imported, and imports none itself.

A module without the function, as a later Ray may have, stays as it is: then Ray's own limits hold.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import logging
import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

logger = logging.getLogger(__name__)


def _kv(module: Any) -> None:
    from adbray_ctl.uploads import pins, writers

    module._internal_kv_put = writers.guarded(module._internal_kv_put)
    module._pin_runtime_env_uri = pins.capped(module._pin_runtime_env_uri)


def _dashboard(module: Any) -> None:
    from adbray_ctl.uploads.door import door

    handle = module.SubprocessModuleHandle
    proxy, one = handle.proxy_http, door()
    if one is None:
        return

    async def proxy_http(self: Any, request: Any) -> Any:
        return await one.pass_on(proxy, self, request)

    handle.proxy_http = proxy_http


def _client_server(module: Any) -> None:
    from adbray_ctl.uploads import clients

    proxy = module.RayletServicerProxy
    proxy.KVPut = clients.answering(proxy.KVPut)


CHANGES: dict[str, Callable[[Any], None]] = {
    "ray.experimental.internal_kv": _kv,
    "ray.dashboard.subprocesses.handle": _dashboard,
    "ray.util.client.server.proxier": _client_server,
}


class _Loader(importlib.abc.Loader):
    """Loads as ``loader`` does, then changes the module."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        created: ModuleType | None = self._loader.create_module(spec)
        return created

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        try:
            CHANGES[module.__name__](module)
        except (AttributeError, ImportError, OSError) as error:
            logger.warning("adbray: %s stays as it is: %r", module.__name__, error)


class Finder(importlib.abc.MetaPathFinder):
    """Finds what is in CHANGES by the finders after it."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name not in CHANGES:
            return None
        for finder in sys.meta_path:
            if finder is self:
                continue
            spec = finder.find_spec(name, path, target)
            if spec is not None and spec.loader is not None:
                spec.loader = _Loader(spec.loader)
                return spec
        return None


def install() -> None:
    """Once in a process."""
    if not any(isinstance(finder, Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, Finder())


install()
