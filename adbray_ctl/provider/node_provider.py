"""Ray's side of the provider: the methods that autoscaler v2 calls, in Ray's words."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ray._raylet import GcsClient  # type: ignore[attr-defined]  # of Ray's compiled part
from ray.autoscaler import tags
from ray.autoscaler.node_provider import NodeProvider
from ray.autoscaler.v2.instance_manager.node_provider import LaunchNodeError
from ray.autoscaler.v2.sdk import get_cluster_resource_state

from adbray_ctl.provider.fleet import SlotFleet
from adbray_ctl.provider.link import Login, SshLink
from adbray_ctl.provider.model import parse_hosts

logger = logging.getLogger(__name__)

HEAD_TYPE = "ray.head"


@dataclass(frozen=True)
class Settings:
    """The `provider` part of the autoscaling config; ``gcs_address`` is host:port."""

    hosts_file: str
    login: Login
    gcs_address: str

    @classmethod
    def of(cls, config: dict[str, Any]) -> Settings:
        login = Login(
            user=config["user"],
            key_file=config["key_file"],
            known_hosts_file=config["known_hosts_file"],
        )
        return cls(config["hosts_file"], login, config["gcs_address"])


class SlotProvider(NodeProvider):
    """Ray's autoscaler decides which slots run, and this makes it so.

    Every tick asks the hosts anew, so that a head that was restarted knows what runs. Calls come
    from several threads.
    """

    def __init__(
        self,
        provider_config: dict[str, Any],
        cluster_name: str,
        *,
        fleet: SlotFleet | None = None,
        known_to_ray: Callable[[], set[str]] | None = None,
    ) -> None:
        super().__init__(provider_config, cluster_name)
        settings = Settings.of(provider_config)
        self._hosts_file = Path(settings.hosts_file)
        self._hosts_text = ""
        self._fleet = fleet or SlotFleet(
            lambda host: SshLink(host, settings.login), clock=time.monotonic, sleep=time.sleep
        )
        self._known_to_ray = known_to_ray or (lambda: instances_in_ray(settings.gcs_address))
        # The monitor inherits the head's own id from the head's process.
        self._head = os.environ["RAY_CLOUD_INSTANCE_ID"]
        self._types: dict[str, str] = {self._head: HEAD_TYPE}

    def non_terminated_nodes(self, tag_filters: dict[str, str]) -> list[str]:
        self._read_hosts()
        found = {slot.instance: slot.worker_group for slot in self._fleet.refresh()}
        self._types = {self._head: HEAD_TYPE, **found}
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
        self._fleet.launch(tags_[tags.TAG_RAY_USER_NODE_TYPE], count)

    def terminate_node(self, node_id: str) -> None:
        self.terminate_nodes([node_id])

    def terminate_nodes(self, node_ids: list[str]) -> None:
        """Ray has drained them, or they have ended, or they never came."""
        workers = [node for node in node_ids if "." in node and not node.startswith("head.")]
        if not workers:
            return
        try:
            known = self._known_to_ray()
        except Exception:  # whatever Ray's client raises: it must not keep a worker running
            logger.exception("cannot ask Ray which workers joined")
            known = set(workers)
        for node in workers:
            if node not in known:
                self._fleet.set_aside(node, "its worker did not join Ray in time")
            self._fleet.stop(node)

    def _read_hosts(self) -> None:
        """Take over the list of hosts when apply has changed it."""
        text = self._hosts_file.read_text()
        if text != self._hosts_text:
            self._fleet.set_hosts(parse_hosts(text))
            self._hosts_text = text


def instances_in_ray(gcs_address: str) -> set[str]:
    """The instance ids of all nodes that Ray knows, dead ones among them."""
    state = get_cluster_resource_state(GcsClient(address=gcs_address))
    return {node.instance_id for node in state.node_states}


def _tell_causes() -> None:
    """Let `ray status` show why a launch failed.

    NodeProviderAdapter keeps our exception as the cause of its own, whose text, which is all that
    is reported, leaves the cause out (Ray 2.54 to 2.60).
    """

    def text(self: BaseException) -> str:
        return f"{self.args[0]}{self.__cause__ or ''}"

    LaunchNodeError.__str__ = text  # type: ignore[method-assign]


def _keep_the_log_short() -> None:
    """Drop what is said at every tick, and paramiko's word on every connection."""
    for name, told in {
        # Of two empty fields that Ray puts into the config itself.
        "ray.autoscaler._private.util": "empty legacy field",
        "ray.autoscaler.v2.scheduler": "is required by min_worker_nodes",
    }.items():
        logging.getLogger(name).addFilter(_without(told))
    logging.getLogger("paramiko").setLevel(logging.WARNING)


def _without(text: str) -> Callable[[logging.LogRecord], bool]:
    return lambda record: text not in record.getMessage()


_tell_causes()
_keep_the_log_short()
