"""The sound rest of a faulty document, so that its other faults are told at the same time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from adbray_ctl.core.spec.faults import Fault, Path
from adbray_ctl.core.spec.validation import faults_of

M = TypeVar("M", bound=BaseModel)

# A dropped value can leave its mapping without a key it needs, which is dropped in the next round.
_ROUNDS = 3


def salvage(
    document: Mapping[str, object],
    faults: tuple[Fault, ...],
    model: type[M],
    rules: Callable[[M], tuple[Fault, ...]],
) -> tuple[Fault, ...]:
    """What ``rules`` finds in ``document`` once everything with one of ``faults`` is left out.

    Nothing is found when what is left is no ``model``. Paths are those of ``document``.
    """
    dropped = {_faulty(fault, document) for fault in faults}
    for _ in range(_ROUNDS):
        origins: dict[Path, Path] = {}
        rest = _without(document, dropped, (), (), origins)
        try:
            sound = model.model_validate(rest)
        except ValidationError as error:
            found = faults_of(error, model)
            dropped |= {_original(_faulty(fault, rest), origins) for fault in found}
            continue
        later = (replace(f, path=_original(f.path, origins)) for f in rules(sound))
        return tuple(fault for fault in later if not _follows(fault, dropped))
    return ()


def _faulty(fault: Fault, document: object) -> Path:
    """The smallest part of the document that has to go: for a missing key, what misses it."""
    value = document
    for depth, part in enumerate(fault.path):
        in_mapping = isinstance(value, Mapping) and part in value
        if not in_mapping and not (isinstance(value, tuple) and isinstance(part, int)):
            return fault.path[:depth]
        value = value[part]  # type: ignore[index]  # narrowed above, which mypy cannot combine
    return fault.path


def _without(
    value: object, dropped: set[Path], path: Path, new_path: Path, origins: dict[Path, Path]
) -> object:
    origins[new_path] = path
    if isinstance(value, Mapping):
        return {
            key: _without(child, dropped, (*path, key), (*new_path, key), origins)
            for key, child in value.items()
            if (*path, key) not in dropped
        }
    if isinstance(value, tuple):
        kept = [index for index in range(len(value)) if (*path, index) not in dropped]
        return tuple(
            _without(value[old], dropped, (*path, old), (*new_path, new), origins)
            for new, old in enumerate(kept)
        )
    return value


def _original(path: Path, origins: Mapping[Path, Path]) -> Path:
    rest: Path = ()
    while path and path not in origins:
        path, rest = path[:-1], (path[-1], *rest)
    return (*origins.get(path, ()), *rest)


def _follows(fault: Fault, dropped: set[Path]) -> bool:
    """Whether ``fault`` may be there only because something was dropped."""
    path = fault.path
    return any(
        path[: len(gone)] == gone
        or gone[: len(path)] == path
        or (fault.relative and gone[:-1] == path[:-1])
        for gone in dropped
    )
