"""A host's NVIDIA cards and their driver as it reads them itself (adbray_host/gpus)."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class _Gpu(BaseModel):
    model_config = ConfigDict(defer_build=True, frozen=True, extra="ignore")


class GpuCard(_Gpu):
    """One card as NVML tells of it; memory in MiB, temperatures in degrees Celsius.

    ``index`` is its place on the PCI bus among the host's cards, ``pci`` its address there.
    ``ecc_errors`` are those since boot that were not corrected, ``xids`` errors of its own in the
    kernel's log since then. With ``faults`` it is of no use, with ``complaints`` of less.
    """

    index: int
    uuid: str = ""
    name: str = ""
    pci: str = ""
    memory_mb: int = 0
    mig_capable: bool = False
    mig: bool = False
    pcie_width: int = 0
    pcie_width_max: int = 0
    ecc: bool = False
    ecc_errors: int = 0
    temperature_c: int | None = None
    xids: tuple[int, ...] = ()
    faults: tuple[str, ...] = ()
    complaints: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """Index and model, for a message."""
        return f"GPU {self.index} ({self.name})" if self.name else f"GPU {self.index}"


class GpuReading(_Gpu):
    """NVIDIA cards ``on_pci`` and ``switches`` between them; ``cards`` are those the driver shows.

    ``driver`` is the version that is loaded, ``installed`` that of the module on disk for the
    running kernel; empty where there is none. ``nouveau`` says that the kernel's own is loaded,
    ``reboot`` why the host must boot before it uses what is installed. ``found`` are the cards one
    by one; ``error`` says why NVML tells of none.
    """

    on_pci: int = 0
    switches: int = 0
    cards: int = 0
    driver: str = ""
    installed: str = ""
    nouveau: bool = False
    reboot: str = ""
    found: tuple[GpuCard, ...] = ()
    error: str = ""

    def faults_of(self, indices: tuple[int, ...]) -> str:
        """What is wrong with the cards of these indices, in one line; empty if nothing is."""
        bad = [card for card in self.found if card.index in indices and card.faults]
        return "; ".join(f"{card.title}: {', '.join(card.faults)}" for card in bad)


class BurnedCard(_Gpu):
    """What came of one card's burn-in: how often ``mb`` MiB of its memory carried a pattern.

    ``fault`` says what went wrong; ``busy`` that others have the card, or all of its memory.
    """

    index: int
    name: str = ""
    passes: int = 0
    mb: int = 0
    fault: str = ""
    busy: bool = False

    @property
    def title(self) -> str:
        """Index and model, for a message."""
        return f"GPU {self.index} ({self.name})" if self.name else f"GPU {self.index}"


class BurnIn(_Gpu):
    """A host's burn-in; ``error`` says why there was none."""

    host: str
    cards: tuple[BurnedCard, ...] = ()
    error: str = ""
