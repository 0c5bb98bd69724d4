"""The dashboard of a group as a whole: what runs, what it waits for, what failed."""

from __future__ import annotations

from dashboards.boards import (
    GROUP,
    GROUPS,
    OF_GROUP,
    OF_SLOT,
    OF_WORKERS,
    Board,
    Panel,
    lines,
    number,
    stack,
)

_NODES = f'up{{job="ray",slot!~"autoscaler|dashboard",{GROUP}}}'
_WORKERS = f'up{{job="ray",worker_group!="",{GROUP}}}'
_RESTARTS = f"adbray_slot_restarts_total{{{GROUP}}}"
_SET_ASIDE = f"adbray_slot_set_aside{{{GROUP}}}"
_KILLED = f"ray_memory_manager_worker_eviction_total{{{GROUP}}}"
_TASKS = f'ray_tasks{{State!~"FINISHED|FAILED",{GROUP}}}'

_NOW = (
    number("Nodes that run", "short", f"count({_NODES} == 1) or vector(0)"),
    number("Blocked demands", "short", f"sum(adbray_demand_blocked{{{GROUP}}})"),
    number("Slots set aside", "short", f"count({_SET_ASIDE} > 0) or vector(0)"),
    number("Restarts in an hour", "short", f"sum(increase({_RESTARTS}[1h]))"),
    number("Autoscaler last heard of", "s", f"max(adbray_scaling_age_seconds{{{GROUP}}})"),
    number("Alerts", "short", f'count(ALERTS{{alertstate="firing",{GROUP}}}) or vector(0)'),
)

_NODE_PANELS = (
    stack(
        "Workers that run, by worker group",
        "short",
        f"count by (group, worker_group) ({_WORKERS} == 1)",
        OF_WORKERS,
    ),
    Panel(
        "Nodes as the autoscaler has them",
        "short",
        tuple(
            (
                f"sum by (group, NodeType) (autoscaler_{state}_nodes{{{GROUP}}})",
                f"{{{{group}}}} {{{{NodeType}}}} {state.replace('_', ' ')}",
            )
            for state in ("active", "pending", "recently_failed")
        ),
    ),
)

_DEMAND = (
    stack(
        "CPUs by state",
        "short",
        f'sum by (group, State) (ray_resources{{Name="CPU",{GROUP}}})',
        "{{group}} {{State}}",
        "What Ray gives out by its own count, not what processes use.",
    ),
    stack(
        "Tasks that are not over, by state",
        "short",
        f"clamp_min(sum by (group, State) ({_TASKS}), 0)",
        "{{group}} {{State}}",
    ),
    lines(
        "Blocked demands",
        "short",
        f"sum by (group) (adbray_demand_blocked{{{GROUP}}})",
        OF_GROUP,
        "No worker can be started for them; adbray events says why.",
    ),
    lines(
        "How long the oldest blocked demand has waited",
        "s",
        f"max by (group) (adbray_demand_blocked_seconds{{{GROUP}}})",
        OF_GROUP,
    ),
)

_FAILURES = (
    lines(
        "Restarts by systemd, in five minutes",
        "short",
        f"sum by (group, slot) (increase({_RESTARTS}[5m])) > 0",
        OF_SLOT,
    ),
    lines(
        "Slots set aside: failures in a row",
        "short",
        f"max by (group, slot, on) ({_SET_ASIDE})",
        "{{group}} {{slot}} on {{on}}",
    ),
    lines(
        "Workers' processes ended for want of memory, in five minutes",
        "short",
        f"sum by (group, slot) (increase({_KILLED}[5m]))",
        OF_SLOT,
    ),
    lines("Nodes that do not answer", "short", f"count by (group, slot) ({_NODES} == 0)", OF_SLOT),
)

BOARD = Board(
    name="group",
    title="Group",
    says="What runs of a group, what it waits for, and what failed.",
    variables=(GROUPS,),
    rows={"Now": _NOW, "Nodes": _NODE_PANELS, "Demand": _DEMAND, "Failures": _FAILURES},
)
