"""Causes side by side: when Alertmanager told of each alert, and when no longer."""

from __future__ import annotations

import http.client
import json
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any

from tests.e2e.conftest import Project

EVERY_S = 1.0
# Within which an alert is to be gone, if its rule does not look back.
GONE_S = 300.0


class Alert:
    """An alert that has these labels among others."""

    def __init__(self, name: str, **labels: str) -> None:
        self.name = name
        self.labels = labels

    def __str__(self) -> str:
        return f"{self.name} {','.join(f'{k}={v}' for k, v in self.labels.items())}"

    def is_in(self, labels: dict[str, str]) -> bool:
        return (self.labels | {"alertname": self.name}).items() <= labels.items()


@dataclass(frozen=True)
class Case:
    """A cause, which of ``alerts`` it is to raise within ``within_s``, and what mends it.

    It waits for the cases in ``after``, as far as they were chosen, until they are mended and told
    no longer. For one that ``lingers_s`` nobody waits so long: its rule looks back.
    """

    name: str
    what: str
    alerts: tuple[Alert, ...]
    cause: Callable[[Project], None]
    mend: Callable[[Project], None]
    after: tuple[str, ...] = ()
    within_s: float = 300
    lingers_s: float = 0


@dataclass
class Spell:
    """For how long it was told, by time.monotonic(); until now where there is no end."""

    labels: dict[str, str]
    began: float
    ended: float | None = None


@dataclass
class Source:
    """One that is asked again and again which alerts there are."""

    url: str
    alerts_in: Callable[[Any], list[dict[str, str]]]
    spells: list[Spell] = field(default_factory=list)

    def look(self) -> None:
        try:
            with urllib.request.urlopen(self.url, timeout=10) as answer:  # noqa: S310  # a lab's
                told = self.alerts_in(json.load(answer))
        except (OSError, ValueError, http.client.HTTPException):
            return
        now = time.monotonic()
        lasting = [spell for spell in self.spells if spell.ended is None]
        for spell in lasting:
            if spell.labels not in told:
                spell.ended = now
        known = [spell.labels for spell in lasting]
        self.spells += [Spell(labels, now) for labels in told if labels not in known]

    def of(self, alert: Alert, since: float) -> list[Spell]:
        """When it was told at ``since`` or later."""
        return [
            spell
            for spell in self.spells
            if alert.is_in(spell.labels) and (spell.ended is None or spell.ended > since)
        ]


class Watch(threading.Thread):
    """Asks Alertmanager what an operator is to know, and Prometheus which alerts fire."""

    def __init__(self, address: str) -> None:
        super().__init__(daemon=True)
        shown = "active=true&silenced=false&inhibited=false"
        self.told = Source(
            f"http://{address}:9093/api/v2/alerts?{shown}",
            lambda answer: [one["labels"] for one in answer],
        )
        self.fired = Source(
            f"http://{address}:9090/prometheus/api/v1/alerts",
            lambda answer: [
                one["labels"] for one in answer["data"]["alerts"] if one["state"] == "firing"
            ],
        )
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.wait(EVERY_S):
            self.fired.look()
            self.told.look()

    def await_told(self, alert: Alert, since: float, within_s: float) -> float:
        """Seconds from ``since`` until it was told."""
        while not (found := self.told.of(alert, since)):
            self._wait(f"{alert} does not fire", since, within_s)
        sys.stderr.write(f"{alert}: told after {found[0].began - since:.0f} s\n")
        return found[0].began - since

    def await_gone(self, alert: Alert, since: float, within_s: float) -> float:
        """Seconds from ``since`` until it was told no longer; it may have been before that."""
        while any(spell.ended is None for spell in self.told.of(alert, since)):
            self._wait(f"{alert} does not clear", since, within_s)
        ends = [spell.ended for spell in self.told.of(alert, since) if spell.ended]
        return max(ends, default=since) - since

    def _wait(self, what: str, since: float, within_s: float) -> None:
        assert not self.over.is_set(), "the tests are over"
        assert time.monotonic() < since + within_s, f"{what} within {within_s:g} s"
        time.sleep(EVERY_S / 2)


@dataclass(frozen=True)
class Row:
    """One alert of a case, in seconds.

    From its cause until Alertmanager told it, how much later than Prometheus that was, and from the
    mending until it was gone.
    """

    case: str
    alert: Alert
    fired_s: float
    later_s: float
    gone_s: float

    def __str__(self) -> str:
        return (
            f"| {self.case} | {self.alert} | {self.fired_s:.0f} s (+{self.later_s:.0f})"
            f" | {self.gone_s:.0f} s |"
        )


class Drills:
    """Cases side by side, each in a thread of its own."""

    def __init__(self, cases: Iterable[Case], site: Project, watch: Watch) -> None:
        self._site, self._watch = site, watch
        self._chosen = {case.name: case for case in cases}
        self._done = {name: threading.Event() for name in self._chosen}
        self._pool = ThreadPoolExecutor(max(len(self._chosen), 1))
        self._results: dict[str, Future[list[Row]]] = {
            name: self._pool.submit(self._run, case) for name, case in self._chosen.items()
        }

    def result(self, case: Case) -> list[Row]:
        """What it came to; raises what it raised."""
        return self._results[case.name].result()

    def await_all(self) -> None:
        wait(self._results.values())

    def told_now(self) -> list[dict[str, str]]:
        return [spell.labels for spell in self._watch.told.spells if spell.ended is None]

    def told_beside(self) -> list[str]:
        """What no chosen case was to raise."""
        meant = [alert for case in self._chosen.values() for alert in case.alerts]
        return [
            f"{spell.labels}, for {(spell.ended or time.monotonic()) - spell.began:.0f} s"
            for spell in self._watch.told.spells
            if not any(alert.is_in(spell.labels) for alert in meant)
        ]

    def close(self) -> None:
        self._watch.over.set()
        for done in self._done.values():
            done.set()
        self._pool.shutdown()

    def _run(self, case: Case) -> list[Row]:
        try:
            for name in case.after:
                if name in self._done:
                    self._done[name].wait()
            for alert in case.alerts:
                assert not self._watch.told.of(alert, time.monotonic()), f"{alert} is told already"
            began = time.monotonic()
            try:
                case.cause(self._site)
                within_s = case.within_s
                fired = [self._watch.await_told(alert, began, within_s) for alert in case.alerts]
            finally:
                mended = time.monotonic()
                case.mend(self._site)
            if case.lingers_s:
                self._done[case.name].set()
            within_s = case.lingers_s or GONE_S
            gone = [self._watch.await_gone(alert, mended, within_s) for alert in case.alerts]
        finally:
            self._done[case.name].set()
        return [
            self._row(case.what, alert, began, fired_s, gone_s)
            for alert, fired_s, gone_s in zip(case.alerts, fired, gone, strict=True)
        ]

    def _row(self, case: str, alert: Alert, began: float, fired_s: float, gone_s: float) -> Row:
        told = began + fired_s
        first = min((s.began for s in self._watch.fired.of(alert, began)), default=told)
        row = Row(case, alert, fired_s, told - first, gone_s)
        sys.stderr.write(f"\n{row}\n")
        return row
