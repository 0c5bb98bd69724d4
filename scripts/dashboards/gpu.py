"""The dashboard of cards, as the driver tells of them, by the hosts of groups."""

from __future__ import annotations

from dashboards.boards import GROUP, GROUPS, HOSTS, Board, lines, number, stack

# A card is a host's, whichever groups' workers share it.
_CARD = 'host=~"$host"'
_OF_CARD = "{{host}} {{card}} {{model}}"
_USED = f"adbray_gpu_memory_used_bytes{{{_CARD}}}"
_XID = f"adbray_gpu_xid_errors_total{{{_CARD}}}"
_ECC = f"adbray_gpu_ecc_uncorrected_total{{{_CARD}}}"
_SIZE = f"adbray_gpu_memory_total_bytes{{{_CARD}}}"

_NOW = (
    number("Cards", "short", f"count({_SIZE})"),
    number("Busy", "percentunit", f"avg(adbray_gpu_utilization_ratio{{{_CARD}}})"),
    number("Memory in use", "percentunit", f"sum({_USED}) / sum({_SIZE})"),
    number("Hottest", "celsius", f"max(adbray_gpu_temperature_celsius{{{_CARD}}})"),
    number("XID errors in a day", "short", f"sum(increase({_XID}[1d]))"),
    number("ECC errors, uncorrected", "short", f"sum({_ECC})"),
)

_CARDS = (
    lines("Busy", "percentunit", f"adbray_gpu_utilization_ratio{{{_CARD}}}", _OF_CARD),
    lines("Memory in use", "bytes", _USED, _OF_CARD),
    lines("Memory in use, of all", "percentunit", f"{_USED} / {_SIZE}", _OF_CARD),
    lines("Temperature", "celsius", f"adbray_gpu_temperature_celsius{{{_CARD}}}", _OF_CARD),
    lines("Power", "watt", f"adbray_gpu_power_watts{{{_CARD}}}", _OF_CARD),
)

_FAULTS = (
    lines(
        "XID errors, in an hour",
        "short",
        f"increase({_XID}[1h])",
        _OF_CARD,
        "What the driver reports of a card or of a job on it; NVIDIA's list says what each is.",
    ),
    lines(
        "ECC errors that were not corrected",
        "short",
        _ECC,
        _OF_CARD,
    ),
)

_RAY = (
    stack(
        "GPUs as Ray gives them out",
        "short",
        f'sum by (group, State) (ray_resources{{Name="GPU",{GROUP}}})',
        "{{group}} {{State}}",
        "A worker on a slice of a card has one GPU here.",
    ),
)

BOARD = Board(
    name="gpu",
    title="GPUs",
    says="Cards of the hosts that groups run on.",
    variables=(GROUPS, HOSTS),
    rows={"Now": _NOW, "Cards": _CARDS, "Faults": _FAULTS, "In Ray": _RAY},
)
