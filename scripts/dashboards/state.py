"""The dashboard of what a group's state stands on: heads, GCS, Redis, certificates."""

from __future__ import annotations

from dashboards.boards import GROUP, GROUPS, OF_GROUP, OF_SLOT, Board, lines, number

_LEADS = f"adbray_head_leads{{{GROUP}}}"
_LATENCY = f"rate(ray_gcs_storage_operation_latency_ms_bucket{{{GROUP}}}[$__rate_interval])"
_OPERATIONS = f"rate(ray_gcs_storage_operation_count_total{{{GROUP}}}[$__rate_interval])"
_COMMANDS = f"rate(redis_commands_processed_total{{{GROUP}}}[$__rate_interval])"
_TIME = f"rate(redis_commands_duration_seconds_total{{{GROUP}}}[$__rate_interval])"
_TIMES = f"rate(redis_commands_total{{{GROUP}}}[$__rate_interval])"
_OF_REDIS = "Ray tells it of groups without a Redis; of one the panels below tell."
_UP = f'redis_up{{job="redis",{GROUP}}}'
_MEMORY = f"redis_memory_used_bytes{{{GROUP}}} / (redis_memory_max_bytes{{{GROUP}}} > 0)"
_EXPIRES = f"adbray_certificate_expires_seconds{{{GROUP}}} - time()"

_NOW = (
    number("Heads that answer", "short", f'sum(up{{job="ray",slot="head",{GROUP}}})'),
    number("Failovers in a day", "short", f"ceil(sum(changes({_LEADS}[1d])) / 2)"),
    number("Redis servers that answer", "short", f"sum({_UP})"),
    number("First certificate ends in", "s", f"min({_EXPIRES})"),
)

_HEAD = (
    lines(
        "Who leads",
        "short",
        f"max by (group, slot, host) ({_LEADS})",
        "{{group}} {{slot}} on {{host}}",
        "1 where the head runs, 0 where a standby waits.",
    ),
    lines(
        "Failovers, in ten minutes",
        "short",
        f"sum by (group) (changes({_LEADS}[10m]))",
        OF_GROUP,
        "Each hand-over counts where the leadership goes and where it comes.",
    ),
    lines(
        "GCS: time of its storage's operations, slowest in a hundred",
        "ms",
        f"histogram_quantile(0.99, sum by (group, le) ({_LATENCY}))",
        OF_GROUP,
        _OF_REDIS,
    ),
    lines(
        "GCS: operations in a second",
        "ops",
        f"sum by (group) ({_OPERATIONS})",
        OF_GROUP,
        _OF_REDIS,
    ),
    lines(
        "GCS and raylets: lag of event loops",
        "ms",
        f"max by (group, slot) (ray_io_context_event_loop_lag_ms{{{GROUP}}})",
        OF_SLOT,
    ),
    lines(
        "Dashboard: lag of its event loop",
        "s",
        f"max by (group) (ray_dashboard_event_loop_lag_seconds{{{GROUP}}})",
        OF_GROUP,
    ),
)

_REDIS = (
    lines("Redis answers", "short", f"max by (group, slot) ({_UP})", OF_SLOT),
    lines("Memory, of its bound", "percentunit", _MEMORY, OF_SLOT),
    lines("Commands in a second", "ops", _COMMANDS, OF_SLOT),
    lines(
        "Time of a command, on average",
        "s",
        f"sum by (group, slot) ({_TIME}) / sum by (group, slot) ({_TIMES})",
        OF_SLOT,
    ),
    lines("Size of its log", "bytes", f"redis_aof_current_size_bytes{{{GROUP}}}", OF_SLOT),
    lines(
        "Its log can be written",
        "short",
        f"redis_aof_last_write_status{{{GROUP}}} * redis_aof_last_bgrewrite_status{{{GROUP}}}",
        OF_SLOT,
    ),
    lines(
        "How far replicas are behind",
        "s",
        f"max by (group, slot) (redis_connected_slave_lag_seconds{{{GROUP}}})",
        OF_SLOT,
    ),
    lines("Replica has its primary", "short", f"redis_master_link_up{{{GROUP}}}", OF_SLOT),
    lines(
        "Sentinels are enough to fail over",
        "short",
        f"redis_sentinel_master_ckquorum_status{{{GROUP}}}",
        OF_SLOT,
    ),
)

BOARD = Board(
    name="state",
    title="Head, GCS and Redis",
    says="Who leads, how fast the cluster's state is written, and how its Redis does.",
    variables=(GROUPS,),
    rows={"Now": _NOW, "Head and GCS": _HEAD, "Redis": _REDIS},
    hours=12,
)
