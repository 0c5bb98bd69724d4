"""What Grafana asks Prometheus for when a dashboard opens, with all chosen that can be chosen."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.contract.dashboards import VARIABLE, panels, variables
from tests.soak.prometheus import Prometheus

# Grafana's own: an interval of the data source's `timeInterval`, of which a rate needs four.
STEP_S = 15
ALL = "$__all"
# Shown where nothing is: a query that stands on it would return something whatever it asks for.
_CONSTANT = re.compile(r"\s+or\s+vector\(0\)$")


@dataclass(frozen=True)
class Query:
    """One query of a panel, or of a variable, as Prometheus gets it.

    ``text`` is that of the dashboard as it opens, ``ticked`` with all values of its variables
    chosen one by one: a variable may offer what no series has.
    """

    board: str
    shown: str
    text: str
    ticked: str

    def __str__(self) -> str:
        return f"{self.board} | {self.shown} | {' '.join(self.text.split())}"


class Past:
    """What a live Prometheus knows of the time since ``start``."""

    def __init__(self, prometheus: Prometheus, start: float) -> None:
        self._prometheus = prometheus
        self._start, self._end = start, time.time()

    @property
    def span_s(self) -> int:
        return math.ceil(self._end - self._start)

    def lines(self, query: str) -> int:
        """How many series it has at any time; those that are never a number are no line."""
        span = {"start": self._start, "end": self._end, "step": STEP_S}
        asked = _CONSTANT.sub("", query)
        found = self._prometheus.get("query_range", query=asked, **span)["result"]
        return sum(any(value != "NaN" for _, value in one["values"]) for one in found)

    def label_values(self, selector: str, label: str) -> set[str]:
        span = {"start": self._start, "end": self._end}
        found = self._prometheus.get("series", **{"match[]": selector}, **span)
        return {one[label] for one in found if one.get(label)}

    def results(self, query: str) -> list[str]:
        """As Grafana's ``query_result`` has them: the labels in braces, a value, a time."""
        found = self._prometheus.get("query", query=query, time=self._end)["result"]
        return [_line(one["metric"], one["value"]) for one in found]


def _line(labels: dict[str, str], value: list[Any]) -> str:
    said = ",".join(f'{key}="{text}"' for key, text in labels.items() if key != "__name__")
    return f"{labels.get('__name__', '')}{{{said}}} {value[1]} {value[0]}"


class Board:
    """A dashboard that has been opened: the values of its variables, and its queries."""

    def __init__(self, name: str, content: dict[str, Any], prometheus: Past) -> None:
        self.name = name
        self._content = content
        self._prometheus = prometheus
        self._chosen = self._ticked = {
            "__interval": f"{STEP_S}s",
            "__rate_interval": f"{4 * STEP_S}s",
            "__range": f"{prometheus.span_s}s",
        }
        self.empty = list(self._open())

    @property
    def panels(self) -> list[dict[str, Any]]:
        return [panel for panel in panels(self._content) if panel["type"] != "row"]

    def queries(self) -> Iterator[Query]:
        for panel in self.panels:
            for target in panel["targets"]:
                yield self._query(panel["title"], target["expr"])

    def _query(self, shown: str, text: str) -> Query:
        return Query(self.name, shown, filled(text, self._chosen), filled(text, self._ticked))

    def _open(self) -> Iterator[Query]:
        """Choose in each variable what is chosen at first; gives those that offer nothing."""
        for variable in variables(self._content):
            if variable["type"] == "datasource":
                continue
            name, values = variable["name"], self._values(variable)
            first = _first(variable, values)
            all_of_it = bool(values) and first in (variable.get("allValue"), _each(values))
            if not values:
                yield self._query(f"variable {name}", _text(variable))
            self._chosen = self._chosen | {name: first}
            self._ticked = self._ticked | {name: _each(values) if all_of_it else first}

    def _values(self, variable: dict[str, Any]) -> list[str]:
        text = filled(_text(variable), self._chosen)
        if variable["type"] in ("custom", "interval"):
            return [one.strip() for one in text.split(",") if one.strip()]
        asked = re.fullmatch(r"label_values\((.+), *(\w+)\)", text, re.DOTALL)
        if asked:
            return sorted(self._prometheus.label_values(asked[1], asked[2]))
        asked = re.fullmatch(r"query_result\((.+)\)", text, re.DOTALL)
        assert asked, f"{variable['name']}: what does Grafana make of {text!r}?"
        wanted = re.compile(str(variable["regex"]).strip("/").replace("(?<", "(?P<"))
        found = [wanted.search(line) for line in self._prometheus.results(asked[1])]
        return sorted({match["value"] for match in found if match})


def filled(text: str, chosen: dict[str, str]) -> str:
    """``text`` with variables replaced."""
    return VARIABLE.sub(lambda match: chosen[match[1] or match[2]], text)


def _text(variable: dict[str, Any]) -> str:
    """What a variable asks for, in whichever of Grafana's two forms, or its options."""
    query = variable.get("query")
    if isinstance(query, dict):
        return str(query["query"])
    return query or ",".join(option["value"] for option in variable["options"])


def _first(variable: dict[str, Any], values: list[str]) -> str:
    """What Grafana puts in its place: without a choice the first option, which is All if there is.

    All is what the dashboard says it is, or else each value.
    """
    current = (variable.get("current") or {}).get("value")
    chosen = current[0] if isinstance(current, list) else current
    if variable.get("includeAll") and chosen in (None, ALL):
        return variable.get("allValue") or _each(values)
    assert chosen != ALL, f"{variable['name']} has no All"
    return str(chosen) if chosen else values[0]


def _each(values: list[str]) -> str:
    """A regular expression of these, within a string of PromQL, as Grafana writes it."""
    doubled = (value.replace("\\", 4 * "\\") for value in values)
    escaped = (re.sub(r"[$^*{}\[\]'+?.()|]", r"\\\\\g<0>", value) for value in doubled)
    return f"({'|'.join(escaped)})"
