"""Changes modules of Ray when they are imported, and imports none itself.

A module that is not as expected, as in a later Ray, stays as it is: then Ray's own behaviour holds.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import logging
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

logger = logging.getLogger(__name__)

# By the name of Ray's module: the function that changes it, and the module here that has it. That
# is imported with Ray's module, and so by no process that uses neither.
CHANGES = {
    "ray.experimental.internal_kv": ("uploads.changes", "kv"),
    "ray.dashboard.subprocesses.handle": ("uploads.changes", "dashboard"),
    "ray.util.client.server.proxier": ("uploads.changes", "client_server"),
    "ray.serve._private.constants": ("serve", "constants"),
    "ray.serve._private.grpc_util": ("serve", "grpc_util"),
    "ray.serve._private.http_util": ("serve", "http_util"),
    "ray.serve._private.replica": ("serve", "replica"),
    "ray.serve.schema": ("serve", "schema"),
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
        where, change = CHANGES[module.__name__]
        try:
            getattr(importlib.import_module(f"{__package__}.{where}"), change)(module)
        except Exception as error:  # noqa: BLE001 - an import of Ray's must not fail for this
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
