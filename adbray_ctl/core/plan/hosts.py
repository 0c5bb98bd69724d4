"""What a plan tells of hosts: those it goes without, and those it boots."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class SilentHost(BaseModel):
    """A host that gave no answer, ``why``, and that the plan goes without."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str
    retired: bool
    why: str

    @property
    def text(self) -> str:
        """What that means, in one line."""
        if self.retired:
            return (
                f"host {self.host} is retired and gives no answer:"
                " what stands there stays until it answers"
            )
        return f"host {self.host} gives no answer, and nothing is placed there: {self.why}"


class HostBoot(BaseModel):
    """A host that boots, and why; ``others`` are the slots of other groups that run there."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str
    reason: str
    others: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """What that means, in one line."""
        others = f"; that interrupts {', '.join(self.others)} as well" if self.others else ""
        return f"host {self.host} boots: {self.reason}{others}"
