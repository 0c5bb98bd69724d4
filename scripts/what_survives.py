"""Writes docs/what-survives.md from docs/drills.json, which the soak measured; `make docs` runs it.

`ADBRAY_DRILLS=docs/drills.json pytest tests/soak/test_{head_faults,worker_host,rack}.py` measures
anew.
"""

from __future__ import annotations

import json
import statistics
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from jinja2 import Environment, FileSystemLoader, StrictUndefined

ROOT = Path(__file__).resolve().parents[1]
FACTS = ROOT / "docs" / "drills.json"
TARGET = ROOT / "docs" / "what-survives.md"
Facts: TypeAlias = dict[str, Any]


@dataclass(frozen=True)
class Failure:
    """A row, and what there is to tell of it."""

    name: str
    title: str
    survives: str
    lost: str


FAILURES = (
    Failure(
        "head-process gcs",
        "GCS killed",
        "Workers, their tasks and actors, objects on workers, drivers on workers, detached actors,"
        " the job table.",
        "Jobs whose entrypoint runs on the head (those that asked for no CPUs), jobs that had not"
        " begun, objects on the head, drivers behind ray://. The jobs end as FAILED within a"
        " minute, and say so.",
    ),
    Failure("head-process raylet", "the head's raylet killed", "As above.", "As above."),
    Failure("head-process all", "all of the head's processes killed", "As above.", "As above."),
    Failure(
        "head-hang gcs",
        "GCS hangs (hang_after_s: {hang_s})",
        "As above; the time begins with `head.hang_after_s`.",
        "As above.",
    ),
    Failure(
        "head-host",
        "the head's host killed, with a standby",
        "As above, behind the same address.",
        "As above, and the head's logs until its host is back. Without a standby nothing works"
        " until the host, or one that `adbray replace` puts in its place, runs the head.",
    ),
    Failure(
        "redis",
        "Redis killed, the primary of three",
        "As above. The Sentinels promote another; a Redis that is alone starts again from its"
        " append-only file.",
        "What was written in the last second (appendfsync everysec) if its host dies too. Ray 2.60"
        " ends its GCS when the connection breaks, so the head starts anew.",
    ),
    Failure(
        "worker-host",
        "a worker's host cut off for {cut_s} s",
        "Everything on other hosts: neither actors nor tasks there are interrupted. Where"
        " `min_workers` or the demand asks for it, another slot of the worker group is started.",
        "What ran on that host, and the objects there: Ray gives the node up, issues retriable"
        " tasks and restartable actors again elsewhere, and the worker joins anew once its host is"
        " back.",
    ),
    Failure(
        "rack",
        "all hosts killed and started at once",
        "The job table; detached actors that may be restarted are, under their names and without"
        " their memory. Until Ray has given up the node that such an actor was on, calls raise"
        " ActorUnavailableError, and may be made again.",
        "Everything that ran, all objects, and the last second of what was written to Redis.",
    ),
)


def document(facts: Facts) -> str:
    """The whole document."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        undefined=StrictUndefined,
        trim_blocks=True,
        autoescape=False,  # noqa: S701 - Markdown, not HTML
    )
    environment.filters["paragraph"] = paragraph
    bare = facts["bare_start_s"]
    return environment.get_template("what-survives.md.j2").render(
        facts,
        failures=[one for one in FAILURES if one.name in facts["rounds"]],
        row=lambda one: row(one, facts),
        title=lambda one: titled(one, facts),
        bare=f"`ray start --head` by hand on the same hosts took {statistics.median(bare):.1f} s"
        f" ({min(bare):.1f} to {max(bare):.1f}) until it returned.",
    )


def titled(failure: Failure, facts: Facts) -> str:
    title = failure.title.format(**facts)
    return f"{title[0].upper()}{title[1:]}"


def row(failure: Failure, facts: Facts) -> tuple[str, ...]:
    """Its figures."""
    rounds = facts["rounds"][failure.name]
    looked_up = [one["recovered_s"] for one in rounds]
    return (
        failure.title.format(**facts),
        str(len(rounds)),
        seconds(statistics.median(looked_up)),
        seconds(max(looked_up)),
        middle(rounds, "held_s"),
        middle(rounds, "nodes_back_s"),
    )


def middle(rounds: list[Facts], name: str) -> str:
    found = [one[name] for one in rounds if one.get(name) is not None]
    return seconds(statistics.median(found)) if found else ""


def seconds(value: float) -> str:
    return f"{value:.1f} s" if value else "-"


def paragraph(text: str) -> str:
    return textwrap.fill(text, 100, break_on_hyphens=False, break_long_words=False)


if __name__ == "__main__":
    TARGET.write_text(document(json.loads(FACTS.read_text())))
