"""Ray's side of the provider: the methods that autoscaler v2 calls, in Ray's words."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ray.autoscaler import tags
from ray.autoscaler.node_provider import NodeProvider
from ray.autoscaler.v2.instance_manager.node_provider import LaunchNodeError

from adbray_ctl.provider.chronicle import Chronicle
from adbray_ctl.provider.fleet import SlotFleet
from adbray_ctl.provider.job_table import GcsJobTable
from adbray_ctl.provider.joins import Joins
from adbray_ctl.provider.journal import Event, Journal, Kind
from adbray_ctl.provider.link import Login, SshLink
from adbray_ctl.provider.lost_jobs import JobTable, LostJobs
from adbray_ctl.provider.model import HostAddress, Slot
from adbray_ctl.provider.orders import Orders, parse_orders
from adbray_ctl.provider.ray_state import RayReader, RayState
from adbray_ctl.provider.turns import install
from adbray_ctl.provider.view import Link

logger = logging.getLogger(__name__)

HEAD_TYPE = "ray.head"
LATE = "it did not join Ray in time"


@dataclass(frozen=True)
class Settings:
    """The fixed part of `provider` in the autoscaling config; ``gcs_address`` is host:port."""

    config_file: str
    journal_dir: str
    login: Login
    gcs_address: str

    @classmethod
    def of(cls, config: dict[str, Any]) -> Settings:
        login = Login(
            user=config["user"],
            key_file=config["key_file"],
            known_hosts_file=config["known_hosts_file"],
        )
        return cls(config["config_file"], config["journal_dir"], login, config["gcs_address"])


class SlotProvider(NodeProvider):
    """Ray's autoscaler decides which slots run, and this makes it so.

    Every tick asks the hosts again, so that a head that was restarted knows what runs. Calls come
    from several threads.
    """

    def __init__(
        self,
        provider_config: dict[str, Any],
        cluster_name: str,
        *,
        connect: Callable[[HostAddress], Link] | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        read_ray: Callable[[], RayState] | None = None,
        jobs: JobTable | None = None,
    ) -> None:
        super().__init__(provider_config, cluster_name)
        settings = Settings.of(provider_config)
        self._config_file = Path(settings.config_file)
        self._config_text = ""
        self._orders = Orders()
        self._journal = Journal(Path(settings.journal_dir), time.time)
        self._chronicle = Chronicle(self._journal.write, time.time)
        self._fleet = SlotFleet(
            connect or (lambda host: SshLink(host, settings.login)),
            clock=clock,
            sleep=sleep,
            report=self._journal.write,
        )
        self._joins = Joins(clock)
        self._read_ray = read_ray or RayReader(settings.gcs_address, lambda: self._orders.types)
        self._lost_jobs = LostJobs(jobs or GcsJobTable(settings.gcs_address), time.time)
        # The monitor inherits the head's own id from the head's process.
        self._head = os.environ["RAY_CLOUD_INSTANCE_ID"]
        self._types: dict[str, str] = {self._head: HEAD_TYPE}

    def non_terminated_nodes(self, tag_filters: dict[str, str]) -> list[str]:
        self._read_config()
        slots = self._fleet.refresh()
        self._types = {self._head: HEAD_TYPE, **{s.instance: s.worker_group for s in slots}}
        self._keep_account(slots)
        self._end_lost_jobs()
        return list(self._types)

    def is_running(self, node_id: str) -> bool:
        return node_id in self._types

    def is_terminated(self, node_id: str) -> bool:
        return node_id not in self._types

    def node_tags(self, node_id: str) -> dict[str, str]:
        head = node_id == self._head
        return {
            tags.TAG_RAY_NODE_KIND: tags.NODE_KIND_HEAD if head else tags.NODE_KIND_WORKER,
            tags.TAG_RAY_USER_NODE_TYPE: self._types.get(node_id, ""),
            tags.TAG_RAY_NODE_STATUS: tags.STATUS_UP_TO_DATE,
        }

    def create_node(self, node_config: dict[str, Any], tags_: dict[str, str], count: int) -> None:
        """Raises LaunchFault when fewer than ``count`` slots could be started."""
        group = tags_[tags.TAG_RAY_USER_NODE_TYPE]
        why = self._chronicle.why_launched(group, self._orders.offers.get(group))
        self._journal.write(Event(Kind.LAUNCH, f"{count} of {group} {why}", group))
        offer = self._orders.offers.get(group)
        least = offer.least if offer else 0
        self._fleet.launch(group, count, self._chronicle.started, least)

    def terminate_node(self, node_id: str) -> None:
        self.terminate_nodes([node_id])

    def terminate_nodes(self, node_ids: list[str]) -> None:
        """Ray has drained them, or they have ended, or nothing needs what has not joined yet."""
        workers = [node for node in node_ids if "." in node and not node.startswith("head.")]
        if not workers:
            return
        try:
            known = set(self._read_ray().nodes)
        except Exception:  # whatever Ray's client raises: it must not keep a worker running
            logger.exception("cannot ask Ray which workers joined")
            known = set(workers)
        for node in workers:
            self._chronicle.stopping(node, joined=node in known)
            self._fleet.stop(node)

    def _read_config(self) -> None:
        """Take over what apply has changed in the file that Ray reads again too."""
        text = self._config_file.read_text()
        if text != self._config_text:
            self._orders = parse_orders(text)
            self._fleet.set_hosts(self._orders.hosts)
            self._fleet.set_rate(self._orders.launches_per_minute)
            self._config_text = text

    def _keep_account(self, slots: tuple[Slot, ...]) -> None:
        """Report what changed and how things stand; scaling never fails for that."""
        for instance, reason in self._fleet.given_up().items():
            self._chronicle.given_up(instance, reason)
        try:
            ray = self._read_ray()
            demands = self._chronicle.look(slots, ray, self._orders.offers, self._fleet.why_no_slot)
            self._give_up_late(slots, ray)
            self._journal.show({**demands, **self._fleet.troubles()})
        except Exception:  # whatever Ray's client raises
            logger.exception("cannot report what the autoscaler does")

    def _give_up_late(self, slots: tuple[Slot, ...], ray: RayState) -> None:
        """Another slot may do better; given up in the next tick."""
        for slot in self._joins.late(slots, ray.nodes):
            self._fleet.give_up(slot, LATE)

    def _end_lost_jobs(self) -> None:
        """The head's monitor is the one process that looks at the GCS all the time."""
        try:
            self._lost_jobs.look()
        except Exception:  # whatever Ray's client raises: it must not keep from scaling
            logger.exception("cannot look for jobs that were lost")


def _show_causes() -> None:
    """Let `ray status` show why a launch failed.

    NodeProviderAdapter keeps our exception as the cause of its own, whose text, which is all that
    is reported, leaves the cause out (Ray 2.54 to 2.60).
    """

    def text(self: BaseException) -> str:
        return f"{self.args[0]}{self.__cause__ or ''}"

    LaunchNodeError.__str__ = text  # type: ignore[method-assign]


def _keep_the_log_short() -> None:
    """Drop what is said at every tick, and paramiko's word on every connection."""
    for name, text in {
        # Of two empty fields that Ray puts into the config itself.
        "ray.autoscaler._private.util": "empty legacy field",
        "ray.autoscaler.v2.scheduler": "is required by min_worker_nodes",
    }.items():
        logging.getLogger(name).addFilter(_without(text))
    logging.getLogger("paramiko").setLevel(logging.WARNING)


def _without(text: str) -> Callable[[logging.LogRecord], bool]:
    return lambda record: text not in record.getMessage()


_show_causes()
_keep_the_log_short()
install()
