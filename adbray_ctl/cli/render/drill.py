"""What came of a drill, as text."""

from __future__ import annotations

from adbray_ctl.cli.render.screen import Table, Text, say
from adbray_ctl.core.drill import Drill


def print_drill(drill: Drill) -> None:
    """The timeline, then what survived."""
    table = Table("seconds", "what")
    table.add("0.0", f"{drill.fault} on {drill.host}")
    for moment in drill.timeline:
        table.add(f"{moment.at_s:.1f}", moment.what)
    say(table)
    head = drill.leader_after
    moved = f"moved from {drill.leader_before} to {head}" if head != drill.leader_before else head
    facts = {
        "head": moved,
        "known actor": _after(drill.held_s),
        "actor looked up": _after(drill.recovered_s),
        "new task": _after(drill.tasks_s),
        "actor's memory": "kept" if drill.actor_kept else "lost",
        "calls that failed": str(drill.failed_calls),
        **{f"job {job}": state for job, state in drill.jobs.items()},
    }
    for name, value in facts.items():
        say(Text(f"{name:<18}", "dim").append(value))


def _after(seconds: float) -> str:
    return f"again after {seconds:.2f} s" if seconds else "never interrupted"
