"""What the provider knows of hosts and slots, and how a host's answer becomes that."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum


class HostFault(Exception):
    """A host cannot be asked; the text says why, without the host's name."""


class SlotFault(Exception):
    """A host answered that it does not do what was asked; the text says why."""


class SlotState(str, Enum):  # noqa: UP042  # a head may run Python 3.10, which has no StrEnum
    STOPPED = "stopped"
    RUNNING = "running"
    STOPPING = "stopping"


@dataclass(frozen=True)
class Power:
    """The commands that wake a host and put it to sleep, run on the head; none for never.

    It may take ``timeout_s`` to answer again, and sleeps after ``idle_s`` without a worker.
    """

    wake: tuple[str, ...]
    sleep: tuple[str, ...]
    timeout_s: float
    idle_s: float


@dataclass(frozen=True)
class HostAddress:
    """A host that carries slots of the group, and where its sshd listens.

    Of a host that may be asleep ``slots`` names the slots, each with its worker group.
    """

    name: str
    address: str
    port: int
    power: Power | None = None
    slots: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Slot:
    """A worker slot as its host reports it; ``start`` is the id of its unit's last start.

    ``waits`` is why its host keeps a start waiting, if it does; None where hosts give no turns.
    """

    host: str
    name: str
    worker_group: str
    state: SlotState
    start: str = ""
    held: bool = False
    detail: str = ""
    waits: str | None = None

    @property
    def instance(self) -> str:
        """Ray's name for what runs in it: another one for every start, on any host, for ever."""
        return f"{self.name}.{self.start}"

    @property
    def place(self) -> str:
        """Which slot of all hosts: one that moves stands on two of them for a while."""
        return f"{self.name} on {self.host}"

    @property
    def number(self) -> int:
        return int(self.name.rpartition("-")[2])


def split_instance(instance: str) -> tuple[str, str]:
    """The slot and the start that an instance's id is made of."""
    slot, _, start = instance.partition(".")
    return slot, start


def parse_slots(host: str, text: str | bytes) -> tuple[Slot, ...]:
    """The slots in a host's answer. Raises SlotFault for its refusal, HostFault for nonsense."""
    try:
        answer = json.loads(text)
        if "error" in answer:
            # A host that is about to fall silent is as good as silent.
            fault = HostFault if answer.get("resting") else SlotFault
            raise fault(str(answer["error"]))
        return tuple(
            Slot(
                host=host,
                name=str(slot["slot"]),
                worker_group=str(slot["worker_group"]),
                state=SlotState(slot["state"]),
                start=str(slot["start"]),
                held=bool(slot["held"]),
                detail=str(slot["detail"]),
                # A gate of an earlier version shows none.
                waits=str(slot["waits"]) if "waits" in slot else None,
            )
            for slot in answer["slots"]
        )
    except (ValueError, TypeError, KeyError) as error:
        shown = text[:80]
        raise HostFault(f"its answer cannot be read: {shown!r}") from error
