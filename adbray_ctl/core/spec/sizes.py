"""The size catalogue: what a size's name stands for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from adbray_ctl.core.spec.impact import RESTARTS_RAY

_CORES = {
    "small": 1,
    "medium": 2,
    "large": 4,
    "xlarge": 8,
    "2xlarge": 16,
    "4xlarge": 32,
    "8xlarge": 64,
}

# Family prefix -> GiB of memory per core, and ACU (AnalyticDB compute unit) per core.
_FAMILIES = {"c.": (2, Fraction(4, 5)), "": (4, Fraction(1)), "m.": (8, Fraction(5, 4))}


class Size(BaseModel):
    """A named share of a host: whole CPU cores and GiB of memory."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    cpus: Annotated[int, Field(strict=True, ge=1, le=1024), RESTARTS_RAY]
    """CPU cores."""
    memory_gb: Annotated[
        float, Field(strict=True, ge=0.5, le=65536, allow_inf_nan=False), RESTARTS_RAY
    ]
    """Memory in GiB."""


BUILTIN: Mapping[str, Size] = {
    family + name: Size(cpus=cores, memory_gb=cores * ratio)
    for family, (ratio, _) in _FAMILIES.items()
    for name, cores in _CORES.items()
}
"""AnalyticDB Ray's sizes, family by family, small to large."""


class Catalog(Mapping[str, Size]):
    """The built-in sizes with a fleet's additions; an addition of the same name wins."""

    def __init__(self, additions: Mapping[str, Size] | None = None) -> None:
        self._sizes = {**BUILTIN, **(additions or {})}

    def __getitem__(self, name: str) -> Size:
        return self._sizes[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._sizes)

    def __len__(self) -> int:
        return len(self._sizes)


def acu_factor(name: str) -> Fraction:
    """The compute units of a core of the size called ``name``, by its family."""
    return _FAMILIES[family(name)][1]


def family(name: str) -> str:
    """The family prefix of a size's name: ``c.``, ``m.``, or nothing for the general one."""
    return name[:2] if name[:2] in _FAMILIES else ""
