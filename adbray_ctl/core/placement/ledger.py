"""The account of one host: what it can carry, what is taken, and why something does not fit."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from adbray_ctl.core.placement.cards import CardLedger, Cut
from adbray_ctl.core.slot.disks import SlotDisk
from adbray_ctl.core.slot.gpu import Card, Isolation, share_of, unservable
from adbray_ctl.core.slot.record import Gpu, SlotRecord
from adbray_ctl.core.spec.fleet import PortPolicy

# Who has the ports of a head that was placed just now.
OWN_HEAD = "this group's head"


class Capacity(BaseModel):
    """What a host can carry. Memory in MiB, disk in GiB, GPUs in whole cards.

    ``card`` is what each GPU is, None where that is not known or they differ. ``disk`` is how that
    of a new slot is kept there.
    """

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    cpus: int
    memory_mb: int
    disk_gb: int
    gpus: int = 0
    card: Card | None = None
    disk: SlotDisk = SlotDisk()


class ResourceRequest(BaseModel):
    """What a slot asks of a host. ``slices`` is n for an allocation unit of 1/n of one card.

    ``own_ports`` are its alone, ``group_ports`` those that slots of its ``group`` share. ``only``
    names what a host can carry one of.
    """

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    cpus: int = 0
    memory_mb: int = 0
    disk_gb: int = 0
    cards: int = 0
    slices: int = 1
    isolation: Isolation | None = None
    own_ports: tuple[int, ...] = ()
    group_ports: tuple[int, ...] = ()
    only: str = ""
    group: str = ""

    @property
    def text(self) -> str:
        parts = []
        if self.cpus:
            parts.append(f"{self.cpus} CPU")
        parts.append(f"{_gib(self.memory_mb):g} GiB memory")
        if self.disk_gb:
            parts.append(f"{self.disk_gb} GiB disk")
        if self.cards:
            parts.append(f"1/{self.slices} GPU" if self.slices > 1 else f"{self.cards} GPU")
        return ", ".join(parts)


class HostLedger:
    """Running account of one host; ``charge`` and ``take`` are its only changes."""

    def __init__(self, *, host: str, capacity: Capacity | str, ports: PortPolicy) -> None:
        self.host = host
        self._capacity = capacity
        self._policy = ports
        self._cpus = self._memory = self._disk = 0
        self._blocks: set[int] = set()
        self._ports: dict[int, str] = {}
        self._only: set[str] = set()
        self._cards = CardLedger(0 if isinstance(capacity, str) else capacity.gpus)

    @property
    def room(self) -> float:
        """Share of CPU and memory still free, 0..1: the smaller of the two."""
        if isinstance(self._capacity, str):
            return 0.0
        cpus = 1 - self._cpus / max(self._capacity.cpus, 1)
        memory = 1 - self._memory / max(self._capacity.memory_mb, 1)
        return round(min(cpus, memory), 6)

    @property
    def disk(self) -> SlotDisk:
        """How a new slot's disk is kept here."""
        return SlotDisk() if isinstance(self._capacity, str) else self._capacity.disk

    @property
    def card(self) -> Card | None:
        """What its GPUs are, as far as that is known."""
        return None if isinstance(self._capacity, str) else self._capacity.card

    def charge(self, record: SlotRecord) -> None:
        """Book a slot that already stands here."""
        self._cpus += record.cpus
        self._memory += record.memory_mb
        self._disk += record.disk_gb
        self._blocks.add(record.block)
        owner = f"{record.group}/{record.slot}"
        self._ports.update(dict.fromkeys(record.ports.values(), owner))
        if record.gpu:
            self._cards.book(record.gpu.cards, _cut(record.gpu, record.group))

    def why_not(self, request: ResourceRequest, standing: Gpu | None = None) -> str | None:
        """The reason why ``request`` does not fit here, or None when it does.

        ``standing`` is the share of cards that the slot has here already: it may be had again even
        while the host does not tell what its cards are.
        """
        capacity = self._capacity
        if isinstance(capacity, str):
            return capacity
        short = self._short(request, capacity)
        if lacks := self._why_no_gpu(request, capacity, standing):
            short.append(lacks)
        for port in (*request.own_ports, *request.group_ports):
            if port in self._ports:
                short.append(f"port {port} is used by {self._ports[port]}")
        if request.only in self._only:
            short.append(f"a {request.only} is here already")
        if self._free_block() is None:
            short.append("no port block left (ports in fleet.yml)")
        return "; ".join(short) or None

    def block_is_free(self, block: int) -> bool:
        return block not in self._blocks and block in self._all_blocks()

    def block_ports(self, block: int) -> range:
        """The ports of one block."""
        first = self._policy.base + block * self._policy.block
        return range(first, first + self._policy.block)

    def gpu_is_free(self, gpu: Gpu | None, request: ResourceRequest) -> bool:
        """Whether the very share ``gpu`` can be taken again for ``request``."""
        if gpu is None or not is_asked_for(gpu, request):
            return False
        return set(gpu.cards) <= set(self._cards.open_for(_cut(request, request.group)))

    def take(
        self, request: ResourceRequest, *, block: int | None, gpu: Gpu | None
    ) -> tuple[int, Gpu | None]:
        """Book ``request`` (which must fit); a given block and GPU share are kept, else chosen."""
        chosen = block if block is not None else self._free_block()
        if chosen is None:
            raise ValueError(f"{self.host}: take() without a free port block")
        if request.cards and (gpu is None or self.card is not None):
            cut = _cut(request, request.group)
            cards = gpu.cards if gpu else self._cards.free_for(cut, request.cards)
            gpu = self._share(request, cards)
        self._cpus += request.cpus
        self._memory += request.memory_mb
        self._disk += request.disk_gb
        self._blocks.add(chosen)
        self._ports.update(dict.fromkeys(request.own_ports, OWN_HEAD))
        self._only |= {request.only} - {""}
        if gpu:
            self._cards.book(gpu.cards, _cut(request, request.group))
        return chosen, gpu

    def _short(self, request: ResourceRequest, capacity: Capacity) -> list[str]:
        memory = _gib(capacity.memory_mb - self._memory), _gib(capacity.memory_mb)
        return [
            f"{max(free, 0):g} of {total:g} {unit} free, {need:g} needed"
            for need, free, total, unit in (
                (request.cpus, capacity.cpus - self._cpus, capacity.cpus, "CPU"),
                (_gib(request.memory_mb), *memory, "GiB memory"),
                (request.disk_gb, capacity.disk_gb - self._disk, capacity.disk_gb, "GiB disk"),
            )
            if need > free and need
        ]

    def _why_no_gpu(
        self, request: ResourceRequest, capacity: Capacity, standing: Gpu | None
    ) -> str | None:
        unfit = None
        if request.cards and (capacity.card or not self.gpu_is_free(standing, request)):
            unfit = unservable(capacity.card, request.slices, request.isolation)
        if unfit is not None and capacity.gpus:
            return unfit
        if request.cards and not self._cards.free_for(_cut(request, request.group), request.cards):
            return f"no free GPU for {request.text.rsplit(', ', 1)[-1]} ({self._cards.text})"
        return None

    def _all_blocks(self) -> range:
        # 32768 is where Linux's ephemeral ports start (net.ipv4.ip_local_port_range).
        return range((32768 - self._policy.base) // self._policy.block)

    def _free_block(self) -> int | None:
        return next((block for block in self._all_blocks() if block not in self._blocks), None)

    def _share(self, request: ResourceRequest, cards: tuple[int, ...]) -> Gpu:
        held = share_of(self.card, request.slices, request.isolation)
        return Gpu(
            cards=cards, slices=request.slices, isolation=request.isolation, **held.model_dump()
        )


def is_asked_for(gpu: Gpu | None, request: ResourceRequest) -> bool:
    """Whether ``request`` asks for a share like ``gpu``, on whichever cards."""
    if gpu is None:
        return not request.cards
    same = (gpu.slices, gpu.isolation) == (request.slices, request.isolation)
    return same and len(gpu.cards) == request.cards


def _cut(share: Gpu | ResourceRequest, group: str) -> Cut:
    owner = group if share.isolation is Isolation.MPS else ""
    return Cut(share.slices, share.isolation, owner)


def _gib(mebibytes: int) -> float:
    return round(mebibytes / 1024, 1)
