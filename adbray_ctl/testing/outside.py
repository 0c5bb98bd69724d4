"""All fakes together, as the one value that services are given."""

from __future__ import annotations

from adbray_ctl.core.observed.hosts import Observed
from adbray_ctl.core.protocols.specs import Specs
from adbray_ctl.services.tools import Tools
from adbray_ctl.testing.archives import FakeArchives
from adbray_ctl.testing.clock import FakeClock, FakePower
from adbray_ctl.testing.drills import FakeDrills
from adbray_ctl.testing.history import FakeHistory
from adbray_ctl.testing.hosts import FakeHosts, FakeLeftovers
from adbray_ctl.testing.insight import (
    FakeBundles,
    FakeDisks,
    FakeLoads,
    FakeNodeLogs,
    FakeUsageLog,
)
from adbray_ctl.testing.jobs import FakeJobs
from adbray_ctl.testing.journal import Journal
from adbray_ctl.testing.nodes import FakeNodes
from adbray_ctl.testing.redis import FakeHeadState, FakeRedis
from adbray_ctl.testing.runs import FakeInventories, FakeLease, FakeLock, FakeRunner
from adbray_ctl.testing.secrets import FakeSecrets


class Outside:
    """A fake of each Protocol around ``specs``, with one journal; ``tools`` is what services take.

    Spec files have no fake: real ones need a folder and nothing else.
    """

    def __init__(self, specs: Specs, observed: Observed | None = None) -> None:
        self.specs = specs
        self.journal = Journal()
        self.hosts = FakeHosts(observed or Observed(), journal=self.journal)
        self.leftovers = FakeLeftovers()
        self.usage = FakeUsageLog()
        self.nodes = FakeNodes(self.hosts, self.journal)
        self.logs = FakeNodeLogs()
        self.bundles = FakeBundles()
        self.loads = FakeLoads()
        self.disks = FakeDisks()
        self.secrets = FakeSecrets()
        self.inventories = FakeInventories()
        self.archives = FakeArchives()
        self.runner = FakeRunner(self.journal)
        self.lock = FakeLock(self.journal)
        self.lease = FakeLease(self.journal)
        self.history = FakeHistory()
        self.clock = FakeClock()
        self.power = FakePower(self.journal)
        self.drills = FakeDrills(self.journal)
        self.redis = FakeRedis()
        self.state = FakeHeadState(self.journal)
        self.jobs = FakeJobs()

    @property
    def tools(self) -> Tools:
        return Tools(
            specs=self.specs,
            hosts=self.hosts,
            leftovers=self.leftovers,
            usage=self.usage,
            nodes=self.nodes,
            logs=self.logs,
            bundles=self.bundles,
            loads=self.loads,
            disks=self.disks,
            secrets=self.secrets,
            inventories=self.inventories,
            archives=self.archives,
            runner=self.runner,
            lock=self.lock,
            lease=self.lease,
            history=self.history,
            clock=self.clock,
            power=self.power,
            drills=self.drills,
            redis=self.redis,
            state=self.state,
            jobs=lambda _, __: self.jobs,
            list_files=lambda _: (),
        )
