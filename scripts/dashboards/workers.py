"""The dashboard of workers: what each uses of its share."""

from __future__ import annotations

from dashboards.boards import (
    GROUPS,
    OF_SLOT,
    SLOTS,
    WORKER_GROUPS,
    WORKERS,
    Board,
    lines,
)

_OF_DISK = "{{group}} {{slot}} {{disk}}"
# Ray's own processes and those of jobs; node_cpu_utilization would be the whole host's.
_CORES = f"sum by (group, slot) (ray_component_cpu_percentage{{{WORKERS}}}) / 100"
_CPUS = f'sum by (group, slot) (ray_resources{{Name="CPU",{WORKERS}}})'
# A worker's cgroup is the root of those that Ray sees, so this is its share.
_MEMORY = f"max by (group, slot) (ray_node_cgroup_mem_used{{{WORKERS}}})"
_MEMORY_SHARE = f"max by (group, slot) (ray_node_cgroup_mem_total{{{WORKERS}}})"
_FREE = f"adbray_slot_disk_avail_bytes{{{SLOTS}}}"
_SIZE = f"adbray_slot_disk_size_bytes{{{SLOTS}}}"
_STORE = f"sum by (group, slot) (ray_object_store_memory{{{WORKERS}}})"
_STORE_SIZE = f'sum by (group, slot) (ray_resources{{Name="object_store_memory",{WORKERS}}})'
_ON_DISK = f'sum by (group, slot) (ray_object_store_memory{{Location="SPILLED",{WORKERS}}})'


def _moved(state: str) -> str:
    """Bytes a second that were spilled or restored."""
    bytes_of = f'ray_spill_manager_objects_bytes{{State="{state}",{WORKERS}}}'
    return f"sum by (group, slot) (rate({bytes_of}[$__rate_interval]))"


_CPU_AND_MEMORY = (
    lines("Cores in use", "short", _CORES, OF_SLOT),
    lines("Cores in use, of the share", "percentunit", f"{_CORES} / {_CPUS}", OF_SLOT),
    lines("Memory in use", "bytes", _MEMORY, OF_SLOT),
    lines("Memory in use, of the share", "percentunit", f"{_MEMORY} / {_MEMORY_SHARE}", OF_SLOT),
)

_DISK = (
    lines(
        "Disk in use, of the quota",
        "percentunit",
        f"1 - {_FREE} / {_SIZE}",
        _OF_DISK,
        "Above 95 % Ray makes no object that would have to be spilled.",
    ),
    lines("Free on the disk", "bytes", _FREE, _OF_DISK),
)

_OBJECTS = (
    lines("Object store, of its size", "percentunit", f"{_STORE} / {_STORE_SIZE}", OF_SLOT),
    lines("Spilled objects on the disk", "bytes", _ON_DISK, OF_SLOT),
    lines("Spilled in a second", "Bps", _moved("Spilled"), OF_SLOT),
    lines("Restored in a second", "Bps", _moved("Restored"), OF_SLOT),
)

BOARD = Board(
    name="workers",
    title="Workers",
    says="What each worker uses of its share: CPU, memory, disk, object store.",
    variables=(GROUPS, WORKER_GROUPS),
    rows={"CPU and memory": _CPU_AND_MEMORY, "Disk": _DISK, "Objects": _OBJECTS},
)
