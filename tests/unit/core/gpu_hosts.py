"""The group on three hosts where the driver of one is looked after."""

from __future__ import annotations

from typing import Any

from adbray_ctl.core.observed.hosts import HostFacts, Observed
from tests.unit.core.plans import FLEET

# w-0 runs on a with the head, x-0 or w-1 elsewhere; g-0 alone is bound to c.
FACTS: dict[str, Any] = {
    "cpus": 64,
    "memory_mb": 2**18,
    "gpus": 4,
}


def hosts(gpu: dict[str, Any] | None) -> dict[str, Any]:
    return {"hosts": [h | ({"gpu": gpu} if h["name"] == "c" else {}) for h in FLEET["hosts"]]}


def with_reading(seen: Observed, **reading: Any) -> Observed:
    facts = HostFacts.model_validate(FACTS | {"gpu": reading})
    return Observed(
        hosts=tuple(
            h.model_copy(update={"facts": facts}) if h.host == "c" else h for h in seen.hosts
        )
    )


DISTRO = {"driver": "distro", "branch": "535"}
