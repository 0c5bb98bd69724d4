"""Ray's own view of a group, as a host of its head reports it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from adbray_ctl.core.foreign import Foreign
from adbray_ctl.core.jobs.uploads import UploadRoom
from adbray_ctl.core.observed.scaling import ScalingView


class _Observed(BaseModel):
    model_config = ConfigDict(defer_build=True, frozen=True, extra="ignore")


class RayNode(_Observed):
    """One node as Ray's state API lists it; ``started_at`` in seconds since the epoch."""

    node_id: str
    address: str
    alive: bool
    is_head: bool
    labels: dict[str, str] = {}
    started_at: float = 0
    resources: dict[str, float] = {}


class RayJob(_Observed):
    """A running job: its submission id, what it runs, and the ids of the nodes it is on."""

    id: Foreign
    entrypoint: Foreign
    nodes: tuple[str, ...] = ()


class RayLoad(_Observed):
    """How much runs on one node; ``detached`` are those of the actors that no job waits for."""

    drivers: int = 0
    actors: int = 0
    tasks: int = 0
    detached: int = 0

    @property
    def ends(self) -> bool:
        """Whether there is something that ends by itself: detached actors do not."""
        return bool(self.drivers or self.tasks or self.actors > self.detached)


class RayView(_Observed):
    """Ray's answer, asked on the head host; ``load`` is by node id.

    ``error`` says why there is none, or why it is not whole. ``scaling`` is what the autoscaler
    told last, whether it still runs or not. ``uploads`` is what its store takes, where it says so.
    """

    group: str
    nodes: tuple[RayNode, ...] = ()
    jobs: tuple[RayJob, ...] = ()
    load: dict[str, RayLoad] = {}
    scaling: ScalingView | None = None
    uploads: UploadRoom | None = None
    error: Foreign | None = None
