"""Stops workers: tried again until their host says that they are gone."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from adbray_ctl.provider.model import HostFault, SlotFault
from adbray_ctl.provider.view import HostView
from adbray_ctl.provider.views import HostViews

logger = logging.getLogger(__name__)

_THREADS = 64
# A stop that the host refused is tried again after this long.
_STOP_AGAIN_S = 10.0


class Stops:
    """The instances that are to be stopped.

    Ray's threads call: ``stop``, ``give_up``, ``given_up``, ``go_on``; none of them waits.
    Our threads, ``adbray-stop``, run: ``_stop``.
    Lock: around everything but ``Link.stop``; with it held, that of ``HostViews`` may be taken.
    """

    def __init__(self, views: HostViews, clock: Callable[[], float]) -> None:
        self._views = views
        self._clock = clock
        self._lock = threading.Lock()
        # The instances to stop, and when that is tried next (monotonic seconds).
        self._to_stop: dict[str, float] = {}
        self._stopping: set[str] = set()
        self._given_up: dict[str, str] = {}
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="adbray-stop")

    def stop(self, instance: str) -> None:
        """Stop ``instance``, now or when its host can be reached again."""
        with self._lock:
            self._to_stop.setdefault(instance, 0.0)
            self._begin(instance)

    def give_up(self, instance: str, reason: str) -> None:
        """Stop ``instance`` at the next ``go_on``, though Ray did not ask for it."""
        with self._lock:
            self._given_up[instance] = reason
            self._to_stop[instance] = 0.0

    def given_up(self) -> dict[str, str]:
        """The instances that were given up since the last call, and why."""
        with self._lock:
            given_up, self._given_up = self._given_up, {}
            return given_up

    def go_on(self) -> None:
        """Try again what is due."""
        with self._lock:
            now = self._clock()
            for instance in [i for i, at in self._to_stop.items() if at <= now]:
                self._begin(instance)

    def _begin(self, instance: str) -> None:
        if view := self._views.reachable(instance):
            if instance not in self._stopping:
                self._stopping.add(instance)
                self._pool.submit(self._stop, view, instance)
        elif self._views.is_gone(instance):
            self._to_stop.pop(instance, None)

    def _stop(self, view: HostView, instance: str) -> None:
        try:
            stopped = view.link.stop(instance)
        except (HostFault, SlotFault) as fault:
            logger.warning("%s on %s is not stopped: %s", instance, view.host.name, fault)
            with self._lock:
                self._stopping.discard(instance)
                self._to_stop[instance] = self._clock() + _STOP_AGAIN_S
                if isinstance(fault, HostFault):
                    self._views.failed(view, fault)
            return
        with self._lock:
            self._stopping.discard(instance)
            self._to_stop.pop(instance, None)
            self._views.stopped(view, instance, stopped)
