"""Ray's own adapter over our provider, as autoscaler v2 drives it."""

from __future__ import annotations

import json
from pathlib import Path

from ray.autoscaler.v2.instance_manager.config import FileConfigReader
from ray.autoscaler.v2.instance_manager.node_provider import (
    CloudInstanceProviderError,
    NodeProviderAdapter,
)
from ray.core.generated.instance_manager_pb2 import (  # type: ignore[attr-defined]
    NodeKind,  # made at run time
)

from adbray_ctl.core.desired.autoscaler import HEAD_TYPE, autoscaling_config
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.group import RayClusterSpec
from adbray_ctl.provider.demand import Demand
from adbray_ctl.provider.journal import EVENTS
from adbray_ctl.provider.lost_jobs import Job
from adbray_ctl.provider.node_provider import SlotProvider
from adbray_ctl.provider.ray_state import RayNode, RayState
from tests.unit.cluster import placed
from tests.unit.provider.hosts import FakeHosts, until

HEAD = "head.0123"
FLEET = Fleet.model_validate(
    {"kind": "Fleet", "hosts": [{"name": "a", "address": "10.0.0.1"}]},
)
SPEC = RayClusterSpec.model_validate(
    {
        "kind": "RayCluster",
        "name": "demo",
        "idle_timeout_s": 90,
        "worker_groups": [
            {"name": "v", "size": "small", "min_workers": 0, "max_workers": 1},
            {
                "name": "w",
                "size": "c.medium",
                "min_workers": 1,
                "max_workers": 4,
                "labels": {"tier": "x"},
            },
        ],
    }
)


class Driven:
    """Ray's adapter over our provider, on hosts that are stood in for."""

    def __init__(self, folder: Path) -> None:
        self.hosts = FakeHosts({"a": ["w-0", "w-2", "v-0"], "b": ["w-1", "w-3"]})
        self.joined: set[str] = set()
        self.demands: tuple[Demand, ...] = ()
        self.jobs: tuple[Job, ...] = ()
        self.failed: dict[str, str] = {}
        self.folder = folder
        self.write_config("a", "b")
        self.reader = FileConfigReader(str(folder / "autoscaling.json"))
        self.provider = SlotProvider(
            self.reader.get_cached_autoscaling_config().get_provider_config(),
            "demo",
            connect=self.hosts.connect,
            clock=lambda: self.hosts.now,
            sleep=self.hosts.sleep,
            read_ray=self.read_ray,
            jobs=self,
        )
        self.adapter = NodeProviderAdapter(self.provider, self.reader)

    def write_config(self, *names: str, launches_per_minute: int | None = None) -> None:
        config = autoscaling_config(FLEET, SPEC, placed(FLEET, SPEC)).model_dump(mode="json")
        known = {host.name: host for host in self.hosts.addresses}
        config["provider"] |= {
            "config_file": str(self.folder / "autoscaling.json"),
            "journal_dir": str(self.folder),
            "hosts": [{"name": n, "address": known[n].address, "port": 22} for n in names],
            "launches_per_minute": launches_per_minute,
        }
        (self.folder / "autoscaling.json").write_text(json.dumps(config))

    def read_ray(self) -> RayState:
        return RayState({name: RayNode(alive=True) for name in self.joined}, self.demands)

    def head_since_s(self) -> float:
        return 0.0

    def unfinished(self) -> tuple[Job, ...]:
        return self.jobs

    def has_supervisor(self, job: str) -> bool:
        raise RuntimeError(f"{job}: the GCS does not answer")

    def fail(self, job: str, message: str, at_s: float) -> None:
        self.failed[job] = message

    def events(self) -> list[tuple[str, str]]:
        """The kind and text of every event so far."""
        lines = (self.folder / EVENTS).read_text().splitlines()
        return [(event["kind"], event["text"]) for event in map(json.loads, lines)]

    def running(self) -> dict[str, str]:
        """The node type of each worker's slot that runs."""
        found = self.adapter.get_non_terminated()
        head = found.pop(HEAD)
        assert (head.node_type, head.node_kind) == (HEAD_TYPE, NodeKind.HEAD)
        return {instance.partition(".")[0]: i.node_type for instance, i in found.items()}

    def instance(self, slot: str) -> str:
        return next(i for i in self.adapter.get_non_terminated() if i.startswith(f"{slot}."))

    def error(self) -> str:
        """What Ray would report of the next failure."""
        found: list[CloudInstanceProviderError] = []

        def is_there() -> bool:
            found.extend(self.adapter.poll_errors())
            return bool(found)

        until(is_there)
        return str(found[0])
