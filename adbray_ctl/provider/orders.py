"""What apply orders of a living head: hosts, worker groups and limits, from the autoscaling config.

Ray reads that file again at every tick, and so does the provider.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ray.autoscaler.v2.instance_manager.config import NodeTypeConfig

from adbray_ctl.provider.demand import Offer
from adbray_ctl.provider.model import HostAddress, Power


@dataclass(frozen=True)
class Orders:
    """The hosts with slots; what the workers of each worker group offer; the runaway guard."""

    hosts: tuple[HostAddress, ...] = ()
    offers: Mapping[str, Offer] = field(default_factory=dict)
    launches_per_minute: int | None = None

    @property
    def types(self) -> Mapping[str, NodeTypeConfig]:
        """The worker groups in the words of Ray's scheduler, without their minima."""
        return {
            name: NodeTypeConfig(
                name=name,
                min_worker_nodes=0,
                max_worker_nodes=offer.most,
                resources=dict(offer.resources),
                labels=dict(offer.labels),
            )
            for name, offer in self.offers.items()
        }


def parse_orders(text: str) -> Orders:
    """Read the file's ``text``. Raises ValueError when it is not one of ours."""
    try:
        config = json.loads(text)
        provider = config["provider"]
        return Orders(
            hosts=tuple(_host(host) for host in provider["hosts"]),
            offers={
                name: Offer(
                    kind["resources"],
                    kind["labels"],
                    int(kind["max_workers"]),
                    int(kind["min_workers"]),
                )
                for name, kind in config["available_node_types"].items()
                if name != config["head_node_type"]
            },
            launches_per_minute=provider["launches_per_minute"],
        )
    except (TypeError, KeyError) as error:
        raise ValueError(f"the autoscaling config lacks {error}") from error


def _host(host: Mapping[str, Any]) -> HostAddress:
    power = host.get("power")
    return HostAddress(
        name=str(host["name"]),
        address=str(host["address"]),
        port=int(host["port"]),
        power=Power(
            wake=tuple(power["wake"]),
            sleep=tuple(power["sleep"]),
            timeout_s=float(power["timeout_s"]),
            idle_s=float(power["idle_s"]),
        )
        if power
        else None,
        slots=tuple(sorted(host.get("slots", {}).items())),
    )
