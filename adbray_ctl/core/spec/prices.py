"""What an hour of each thing costs, as fleet.yml says it."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from adbray_ctl.core.spec.base import SPEC_CONFIG
from adbray_ctl.core.spec.impact import KEEPS
from adbray_ctl.core.spec.strings import CURRENCY, GPU_FULL_NAME

Price = Annotated[float, Field(strict=True, ge=0, le=1_000_000, allow_inf_nan=False)]
GpuModel = Annotated[str, Field(pattern=GPU_FULL_NAME)]
# The price of a model without one of its own.
ANY_MODEL = "default"


class Prices(BaseModel):
    """What `adbray usage` multiplies hours by."""

    model_config = SPEC_CONFIG

    currency: Annotated[str, Field(pattern=CURRENCY), KEEPS]
    """What the prices are in, for example EUR."""
    acu_hour: Annotated[Price, KEEPS]
    """Price of an ACU for an hour: of a core, times 0.8 for sizes c.*, 1.25 for m.*."""
    disk_gb_hour: Annotated[Price, KEEPS]
    """Price of a GiB of disk for an hour."""
    gpu_hour: Annotated[dict[GpuModel, Price], KEEPS] = {}
    """Price of a whole GPU for an hour by its model, as `adbray usage` names it, or `default`."""

    def of_gpu(self, model: str) -> float | None:
        """The price of a GPU of ``model`` for an hour, if there is one."""
        return self.gpu_hour.get(model, self.gpu_hour.get(ANY_MODEL))
