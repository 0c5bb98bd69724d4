"""What the operator writes of the logs that hosts keep of workers that ended."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from adbray_ctl.core.spec.base import SPEC_CONFIG
from adbray_ctl.core.spec.impact import TELLS_HOSTS

KEPT_LOGS = "kept_logs."
"""Its settings begin so."""


class KeptLogs(BaseModel):
    """How long hosts keep Ray's logs of workers that ended, packed and off their slots' disks.

    They lie on the file system of /var/lib, of which 5 % is left free. The oldest go first, and all
    of a group when it is destroyed.
    """

    model_config = SPEC_CONFIG

    days: Annotated[int, Field(strict=True, ge=1, le=3650), TELLS_HOSTS] = 14
    """Days for which the logs of a worker are kept after its end."""
    max_gb: Annotated[int, Field(strict=True, ge=0, le=10_000), TELLS_HOSTS] = 2
    """What the logs of all groups may come to on one host, packed, in GiB; 0 keeps none."""

    @property
    def settings(self) -> dict[str, int]:
        """Those that are not at their default, for a host that was never told has the defaults."""
        given = self.model_dump(exclude_defaults=True)
        return {f"{KEPT_LOGS}{key}": value for key, value in given.items()}


KEPT_LOGS_DEFAULTS: dict[str, int] = {
    f"{KEPT_LOGS}{key}": value for key, value in KeptLogs().model_dump().items()
}
"""What a host has where it was told nothing."""
