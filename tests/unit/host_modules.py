"""Modules of adbray_host that find a host's files and programs elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest


class HostModules:
    """Their names as one. What is set here is set in the first module that has it."""

    def __init__(self, patch: pytest.MonkeyPatch, *modules: ModuleType) -> None:
        vars(self).update(_patch=patch, _modules=modules)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._owner(name), name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._patch.setattr(self._owner(name), name, value)

    def _owner(self, name: str) -> ModuleType:
        found: ModuleType = next(one for one in self._modules if hasattr(one, name))
        return found


class OneOfSeveral:
    """A module for one of several hosts: its constants are elsewhere while it is called."""

    def __init__(self, module: ModuleType, *elsewhere: tuple[ModuleType, str, str]) -> None:
        self._module, self._elsewhere = module, elsewhere

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*words: Any) -> Any:
            with pytest.MonkeyPatch.context() as patch:
                for module, constant, value in self._elsewhere:
                    patch.setattr(module, constant, value)
                return getattr(self._module, name)(*words)

        return call
