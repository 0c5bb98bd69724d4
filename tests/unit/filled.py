"""Values of any type that a print function takes, with chosen texts wherever it has text."""

from __future__ import annotations

import dataclasses
import inspect
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any

import click
from pydantic import BaseModel, JsonValue

from adbray_ctl.core.errors import AdbrayError, SpecError
from adbray_ctl.core.observed.logs import KeptLog

# Texts that are not free: others compute with them.
EXACT: dict[type[BaseModel], dict[str, str]] = {KeptLog: {"start": "20260921T141320Z"}}


class Filler:
    """Makes values; ``text`` gives the next text, ``variant`` chooses of enums and unions."""

    def __init__(self, text: Callable[[], str], variant: int = 0) -> None:
        self._text = text
        self._variant = variant

    def arguments(self, function: Callable[..., object]) -> dict[str, Any]:
        """One for each parameter of ``function``, by name."""
        hints = typing.get_type_hints(function)
        hints.pop("return", None)
        return {name: self.make(hint) for name, hint in hints.items()}

    def make(self, hint: Any) -> Any:
        """A value of the type ``hint``."""
        # A JSON value may be a text, too.
        simple = {
            JsonValue: self._text,
            str: self._text,
            int: lambda: 3,
            float: lambda: 3.0,
            bool: self._bool,
        }
        if hint in simple:
            return simple[hint]()
        origin, inner = typing.get_origin(hint), typing.get_args(hint)
        if origin is not None:
            return self._of_generic(origin, inner)
        assert inspect.isclass(hint), f"teach this module to make {hint}"
        return self._of_class(hint)

    def _of_generic(self, origin: Any, inner: tuple[Any, ...]) -> Any:
        if origin in {typing.Union, types.UnionType}:
            return self.make(self._chosen([one for one in inner if one is not type(None)]))
        if origin is typing.Annotated:
            return self.make(inner[0])
        if origin is typing.Literal:
            return self._chosen(inner)
        if origin in {dict, Mapping}:
            return {self.make(inner[0]): self.make(inner[1])}
        if origin is frozenset:
            return frozenset({self.make(inner[0])})
        if origin is tuple and inner[-1] is not Ellipsis:
            return tuple(self.make(one) for one in inner)
        assert origin in {tuple, list, Sequence}, f"teach this module to make {origin}"
        return (self.make(inner[0]), self.make(inner[0]))

    def _of_class(self, kind: type[Any]) -> Any:
        if issubclass(kind, Enum):
            return self._chosen(list(kind))
        if issubclass(kind, BaseModel):
            fields = typing.get_type_hints(kind)
            made = {name: self.make(fields[name]) for name in kind.model_fields}
            return kind(**made | EXACT.get(kind, {}))
        if dataclasses.is_dataclass(kind) or hasattr(kind, "_fields"):
            hints = typing.get_type_hints(kind)
            return kind(**{name: self.make(hint) for name, hint in hints.items()})
        if issubclass(kind, Path):
            return Path("/some/file")
        return self._error(kind)

    def _error(self, kind: type[Any]) -> BaseException:
        if issubclass(kind, AdbrayError):
            single = AdbrayError(self._text(), where=self._text(), hint=self._text())
            both = (single, AdbrayError(self._text()))
            return SpecError(self._text(), faults=both) if self._variant % 2 else single
        if issubclass(kind, click.ClickException):
            return click.UsageError(self._text())
        assert issubclass(BaseException, kind), f"teach this module to make {kind}"
        return ValueError(self._text())

    def _bool(self) -> bool:
        return self._variant % 2 == 0

    def _chosen(self, several: Sequence[Any]) -> Any:
        return several[self._variant % len(several)]
