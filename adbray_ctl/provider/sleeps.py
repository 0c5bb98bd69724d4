"""Puts hosts to sleep on which nothing runs."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from adbray_ctl.provider.journal import Event, Kind
from adbray_ctl.provider.model import HostFault, SlotFault
from adbray_ctl.provider.power import PowerSwitch
from adbray_ctl.provider.view import HostView
from adbray_ctl.provider.views import HostViews

logger = logging.getLogger(__name__)

_THREADS = 64


class Sleeps:
    """Hosts on their way to sleep.

    Ray's threads call: ``put_to_sleep``, which does not wait.
    Our threads, ``adbray-sleep``, run: ``_put_to_sleep``.
    Lock: none; no field changes.
    """

    def __init__(
        self, views: HostViews, power: PowerSwitch, report: Callable[[Event], None]
    ) -> None:
        self._views = views
        self._power = power
        self._report = report
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="adbray-sleep")

    def put_to_sleep(self, view: HostView) -> None:
        """The host refuses it if anything runs there."""
        self._pool.submit(self._put_to_sleep, view)

    def _put_to_sleep(self, view: HostView) -> None:
        try:
            view.link.rest()
            self._power.put_to_sleep(view.host)
        except SlotFault as fault:
            logger.info("%s is not put to sleep: %s", view.host.name, fault)
            return
        except HostFault as fault:
            text = f"{view.host.name} is not put to sleep: {fault}"
            self._report(Event(Kind.FAULT, text, host=view.host.name))
            return
        view.link.close()
        self._views.fell_asleep(view)
