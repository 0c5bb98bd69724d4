"""The part of `adbray check` about NVIDIA cards: their driver, and their health."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from packaging.version import Version

from adbray_ctl.core.observed.gpus import BurnIn, GpuReading
from adbray_ctl.core.preflight.findings import GROUP_WIDE, Finding, FindingState, Subject
from adbray_ctl.core.preflight.readings import Check
from adbray_ctl.core.versions import release

# The oldest NVIDIA driver for CUDA 12.
_DRIVER = Version("525")


def gpu(of: Subject) -> Iterator[Finding]:
    """Cards and driver, as far as cards are there, declared, or needed; then each card's health."""
    seen = of.readings.gpu
    yield _driver(of, seen)
    if seen.reboot:
        yield of.finding(
            Check.GPU,
            FindingState.FAIL,
            seen.reboot,
            expected="the module that is installed is the one that is loaded",
            remedy="`adbray apply` drains and boots it, if fleet.yml has `gpu` for it; or boot it",
        )
    elif seen.error:
        yield of.finding(
            Check.GPU,
            FindingState.FAIL,
            seen.error,
            expected="NVML tells of every card",
            remedy="run `nvidia-smi` there; where it hangs, boot the host",
        )
    yield from _health(of, seen)


def _driver(of: Subject, seen: GpuReading) -> Finding:
    declared = of.host.capacity.gpus if of.host.capacity is not None else None
    wanted = max(declared or 0, of.needs.cards if of.needs is not None else 0)
    # A container sees all of the machine's cards on the bus, whether it was given them or not.
    on_pci = 0 if of.readings.system.container else seen.on_pci
    found = _words(seen)
    if on_pci > seen.cards:
        found += f", {on_pci} cards on the PCI bus"
    expected = f"{wanted} cards with their driver" if wanted else "a driver for every card"
    if not on_pci and not seen.cards:
        return _none(of, found, expected, wanted)
    if seen.cards < wanted:
        remedy = "see to its driver (`gpu` in fleet.yml), or lower capacity.gpus there"
        return of.finding(Check.GPU, FindingState.FAIL, found, expected=expected, remedy=remedy)
    if on_pci > seen.cards:
        remedy = "see to their driver (`gpu` in fleet.yml), or leave the cards unused"
        return of.finding(Check.GPU, FindingState.WARN, found, expected=expected, remedy=remedy)
    if release(seen.driver) < _DRIVER:
        remedy = f"update the NVIDIA driver to {_DRIVER} or newer, which CUDA 12 needs"
        return of.finding(Check.GPU, FindingState.WARN, found, expected=expected, remedy=remedy)
    return of.finding(Check.GPU, FindingState.OK, found, expected=expected)


def _none(of: Subject, found: str, expected: str, wanted: int) -> Finding:
    """The host has no card, which is well unless one is wanted, or a driver was asked for."""
    looked_after = of.fleet.gpu_of(of.host.name) is not None
    if not wanted and not looked_after:
        return of.finding(Check.GPU, FindingState.OK, "no NVIDIA card", expected=expected)
    out = "lower capacity.gpus there" if wanted else "take `gpu` of this host out of fleet.yml"
    return of.finding(
        Check.GPU,
        FindingState.FAIL if wanted else FindingState.WARN,
        f"no GPU found; {found}",
        expected=expected,
        remedy=f"put a card in, hand one to this machine if it is virtual, or {out}",
    )


def _words(seen: GpuReading) -> str:
    """Count, driver, and what the cards are: 8 cards, driver 550.54.15: 8 NVIDIA H100 of 80 GiB."""
    if not seen.driver:
        return f"driver {seen.installed} is not loaded" if seen.installed else "no driver"
    kinds: dict[str, int] = {}
    for card in seen.found:
        if card.name:
            kind = f"{card.name}, {card.memory_mb / 1024:.0f} GiB" + (", MIG" if card.mig else "")
            kinds[kind] = kinds.get(kind, 0) + 1
    listed = "; ".join(f"{count} x {kind}" for kind, count in kinds.items())
    count = "1 card" if seen.cards == 1 else f"{seen.cards} cards"
    return f"{count}, driver {seen.driver}" + (f": {listed}" if listed else "")


def _health(of: Subject, seen: GpuReading) -> Iterator[Finding]:
    expected = "no errors of its own since boot, full PCIe width, cool enough"
    for card in seen.found:
        if card.faults:
            yield of.finding(
                Check.GPU,
                FindingState.FAIL,
                f"{card.title}: {', '.join(card.faults)}",
                expected=expected,
                remedy="`adbray apply` sets its workers aside; boot the host, or change the card",
            )
        if card.complaints:
            yield of.finding(
                Check.GPU,
                FindingState.WARN,
                f"{card.title}: {', '.join(card.complaints)}",
                expected=expected,
                remedy="look at its cooling and its seat in the slot",
            )


def burned(answers: Sequence[BurnIn]) -> Iterator[Finding]:
    """The findings of a burn-in, card by card."""
    if not answers:
        what = "no burn-in: no host shows a card with a driver"
        yield _burn_in(GROUP_WIDE, FindingState.SKIPPED, what)
    for answer in answers:
        if answer.error:
            remedy = "run `nvidia-smi` there; where it hangs, boot the host"
            what = f"burn-in: {answer.error}"
            yield _burn_in(answer.host, FindingState.FAIL, what, remedy)
        for card in answer.cards:
            if card.busy:
                what = f"{card.title}: no burn-in, others have it, or all of its memory"
                remedy = "stop what uses it, and try again"
                yield _burn_in(answer.host, FindingState.SKIPPED, what, remedy)
            elif card.fault:
                remedy = "take it out of use: lower capacity.gpus, and change the card"
                what = f"{card.title}: {card.fault}"
                yield _burn_in(answer.host, FindingState.FAIL, what, remedy)
            else:
                what = f"{card.title}: {card.passes} passes over {card.mb} MiB, all data right"
                yield _burn_in(answer.host, FindingState.OK, what)


def _burn_in(host: str, state: FindingState, found: str, remedy: str = "") -> Finding:
    return Finding(
        host=host,
        check=Check.GPU,
        state=state,
        found=found,
        expected="every pattern comes back as it was written",
        remedy=remedy,
    )
