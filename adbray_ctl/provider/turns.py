"""Ray's scheduler, corrected: what waits for its turn is not reported as impossible.

Ray 2.54 to 2.60 call a demand infeasible when no further node may be added for it. At max_workers
that is every demand of more than runs now. Drivers print it as "No available node types can fulfill
resource requests", and with RAY_enable_infeasible_task_early_exit the GCS cancels such tasks.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from typing import Any

from ray.autoscaler.v2 import autoscaler
from ray.autoscaler.v2.event_logger import AutoscalerEventLogger
from ray.autoscaler.v2.scheduler import (
    ResourceDemandScheduler,
    SchedulingReply,
    SchedulingRequest,
)
from ray.autoscaler.v2.utils import ResourceRequestUtil

from adbray_ctl.provider.carry import Carrier

logger = logging.getLogger(__name__)

# What ends sooner is not worth a line in a job's output.
WAITS_S = 30.0
# Ray would repeat the same at each tick, in a log without a bound.
REPEAT_S = 60.0


class _Drafts:
    """Keeps what Ray's scheduler would log, in place of Ray's event logger."""

    def __init__(self) -> None:
        self.last: dict[str, Any] = {}

    def log_cluster_scheduling_update(self, **update: Any) -> None:
        self.last = update


class TurnScheduler(ResourceDemandScheduler):
    """Not thread-safe, as Ray's own."""

    def __init__(
        self,
        event_logger: AutoscalerEventLogger | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        # Ray logs into this, and the events are written once they are corrected.
        self._drafts = _Drafts()
        super().__init__(self._drafts)  # type: ignore[arg-type]
        self._events = event_logger
        self._clock = clock
        self._waits_since: float | None = None
        self._said_waiting = False
        self._reported: tuple[bytes, ...] = ()
        self._reported_at = 0.0

    def schedule(self, request: SchedulingRequest) -> SchedulingReply:
        reply = super().schedule(request)
        waiting: list[Any] = []
        try:
            waiting = _correct(reply, Carrier.of_request(request))
        except Exception:  # whatever Ray's code raises: Ray's own answer still serves
            logger.exception("cannot distinguish what waits from what is impossible")
        if self._events is not None:
            try:
                self._log(self._events, reply, waiting)
            except Exception:
                logger.exception("cannot log scheduling events")
        return reply

    def _log(self, events: AutoscalerEventLogger, reply: SchedulingReply, waiting: Any) -> None:
        fresh = self._is_fresh(reply)
        floors = reply.infeasible_cluster_resource_constraints
        events.log_cluster_scheduling_update(
            **{
                **self._drafts.last,
                "infeasible_requests": reply.infeasible_resource_requests if fresh else [],
                "infeasible_gang_requests": reply.infeasible_gang_resource_requests
                if fresh
                else [],
                "infeasible_cluster_resource_constraints": floors if fresh else [],
            }
        )
        if self._is_long(waiting):
            # It has no method of its own for this.
            events._logger.info(_in_words(waiting))  # noqa: SLF001

    def _is_fresh(self, reply: SchedulingReply) -> bool:
        """Whether what is impossible was not reported a moment ago."""
        asked = (
            *reply.infeasible_resource_requests,
            *reply.infeasible_gang_resource_requests,
            *reply.infeasible_cluster_resource_constraints,
        )
        key = tuple(sorted({one.SerializeToString(deterministic=True) for one in asked}))
        now = self._clock()
        if key == self._reported and now - self._reported_at < REPEAT_S:
            return False
        self._reported, self._reported_at = key, now
        return True

    def _is_long(self, waiting: Any) -> bool:
        """Whether something has waited for long; true once, until nothing waits."""
        if not waiting:
            self._waits_since, self._said_waiting = None, False
            return False
        now = self._clock()
        if self._waits_since is None:
            self._waits_since = now
        if self._said_waiting or now - self._waits_since < WAITS_S:
            return False
        self._said_waiting = True
        return True


def install() -> None:
    """Have the autoscaler of this process use it: it makes its scheduler after its provider."""
    setattr(autoscaler, "ResourceDemandScheduler", TurnScheduler)  # noqa: B010  # not exported


def _correct(reply: SchedulingReply, carrier: Carrier) -> list[Any]:
    """Leave in ``reply`` what is impossible; gives the requests for resources that merely wait."""
    tasks, gangs = reply.infeasible_resource_requests, reply.infeasible_gang_resource_requests
    floors = reply.infeasible_cluster_resource_constraints
    reply.infeasible_resource_requests, waiting = _split(tasks, carrier.carries_task)
    reply.infeasible_gang_resource_requests, gangs = _split(gangs, carrier.carries_gang)
    reply.infeasible_cluster_resource_constraints, floors = _split(floors, carrier.carries_floor)
    for gang in gangs:
        waiting += gang.requests
    for floor in floors:
        waiting += ResourceRequestUtil.ungroup_by_count(floor.resource_requests)
    return waiting


def _split(asked: Iterable[Any], fits: Callable[[Any], bool]) -> tuple[list[Any], list[Any]]:
    """What does not fit, and what does; each kind is judged once."""
    known: dict[bytes, bool] = {}
    found: dict[bool, list[Any]] = {False: [], True: []}
    for one in asked:
        key = one.SerializeToString(deterministic=True)
        if key not in known:
            known[key] = fits(one)
        found[known[key]].append(one)
    return found[False], found[True]


def _in_words(waiting: list[Any]) -> str:
    counted = ResourceRequestUtil.group_by_count(waiting)
    shown = ", ".join(
        f"{ResourceRequestUtil.to_resource_map(one.request)}*{one.count}" for one in counted
    )
    return (
        f"Waiting for workers to become free: {shown}. All workers that fit are busy, and"
        " max_workers allows no more of them."
    )
