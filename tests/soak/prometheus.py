"""What a group's Prometheus says, asked over HTTP; its fleet.yml has `listen: host`."""

from __future__ import annotations

import json
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Alert(NamedTuple):
    """An alert as it was seen, in seconds since the epoch."""

    at: float
    state: str
    name: str
    labels: dict[str, str]


@dataclass(frozen=True)
class Prometheus:
    """One of them, by the address of its host."""

    address: str
    within_s: float = 15
    """How long an answer may take."""

    def get(self, path: str, **arguments: str | float) -> Any:
        url = f"http://{self.address}:9090/api/v1/{path}?{urllib.parse.urlencode(arguments)}"
        with urllib.request.urlopen(url, timeout=self.within_s) as answer:
            return json.load(answer)["data"]

    def vector(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """Labels and value of each sample of the answer."""
        found = self.get("query", query=expression)["result"]
        return [(one["metric"], float(one["value"][1])) for one in found]

    def number(self, expression: str) -> float:
        """The one value of the answer."""
        ((_, value),) = self.vector(expression)
        return value

    def samples(self, selector: str) -> list[tuple[float, float]]:
        """Time and value of each sample of a range of the one series there is."""
        (series,) = self.get("query", query=selector)["result"]
        return [(float(at), float(value)) for at, value in series["values"]]

    def targets(self, **labels: str) -> list[dict[str, Any]]:
        """The targets it scrapes, of those with these labels."""
        found = self.get("targets", state="active")["activeTargets"]
        return [one for one in found if labels.items() <= one["labels"].items()]

    def alerts(self) -> list[Alert]:
        """What is pending or firing."""
        now = time.time()
        found = self.get("alerts")["alerts"]
        return [Alert(now, a["state"], a["labels"]["alertname"], a["labels"]) for a in found]


@dataclass
class Watch:
    """What was asked, how often, and all alerts there were."""

    polls: int = 0
    seen: list[Alert] = field(default_factory=list)

    def of(self, state: str) -> list[Alert]:
        return [one for one in self.seen if one.state == state]


@contextmanager
def alerts_watched(prometheus: Prometheus, every_s: float = 1.0) -> Iterator[Watch]:
    """Ask for alerts all through the block; an answer that fails is raised at its end."""
    watch, over, errors = Watch(), threading.Event(), []

    def ask() -> None:
        while not over.wait(every_s):
            try:
                watch.seen += prometheus.alerts()
                watch.polls += 1
            except (OSError, ValueError) as error:
                errors.append(error)
                return

    asker = threading.Thread(target=ask)
    asker.start()
    try:
        yield watch
    finally:
        over.set()
        asker.join()
    if errors:
        raise errors[0]
    assert watch.polls > 3
