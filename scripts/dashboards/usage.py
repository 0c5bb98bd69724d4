"""The dashboard of usage: what ran of each group and worker group, over time."""

from __future__ import annotations

from dashboards.boards import GROUP, GROUPS, OF_GROUP, OF_WORKERS, Board, number, stack

_BY = "sum by (group, worker_group)"
_OF_SLOT = "on (group, slot, host)"
_WORKERS = f'count by (group, worker_group) (up{{job="ray",worker_group!="",{GROUP}}} == 1)'
_CORES = f'{_BY} (ray_resources{{Name="CPU",worker_group!="",{GROUP}}})'
_GPUS = f'{_BY} (ray_resources{{Name="GPU",worker_group!="",{GROUP}}})'
# Of what runs; a head's disk has no worker group.
_RUNNING_DISKS = (
    f'adbray_slot_disk_size_bytes{{disk="data",{GROUP}}} * {_OF_SLOT}'
    f" adbray_slot_running{{{GROUP}}} / 2^30"
)
_DISK_GB = f'{_BY} (label_replace({_RUNNING_DISKS}, "worker_group", "$1", "slot", "(.+)-[0-9]+"))'
_BILL = "As Prometheus saw it. What is billed hosts write down themselves: adbray usage."


def _hours(query: str) -> str:
    """The time that is shown, a minute a sample."""
    return f"sum_over_time(({query})[$__range:1m]) / 60"


_RUNS = (
    stack("Workers", "short", _WORKERS, OF_WORKERS),
    stack("Cores", "short", _CORES, OF_WORKERS),
    stack("GPUs", "short", _GPUS, OF_WORKERS, "A worker on a slice of a card has one GPU here."),
    stack("Disk, GB", "short", _DISK_GB, OF_WORKERS, "As its file system has it."),
)

_SUMS = (
    number("Core hours", "short", _hours(_CORES), OF_WORKERS, _BILL),
    number("GPU hours", "short", _hours(_GPUS), OF_WORKERS, _BILL),
    number("GB hours of disk", "short", _hours(_DISK_GB), OF_WORKERS, _BILL),
)

_USED = (
    stack(
        "Cores in use by processes",
        "short",
        f"sum by (group) (ray_component_cpu_percentage{{{GROUP}}}) / 100",
        OF_GROUP,
        "Against the cores above: what was kept and not used.",
    ),
    stack(
        "Cores given to tasks and actors",
        "short",
        f'sum by (group) (ray_resources{{Name="CPU",State="USED",{GROUP}}})',
        OF_GROUP,
    ),
)

BOARD = Board(
    name="usage",
    title="Usage",
    says="Cores, GPUs and disk that ran, by group and worker group.",
    variables=(GROUPS,),
    rows={"Runs": _RUNS, "In the time that is shown": _SUMS, "Of it in use": _USED},
    hours=168,
)
