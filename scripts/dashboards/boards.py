"""What a dashboard is made of, and what all of them share.

Variables stand in queries as Grafana has them: ``$group`` is a regular expression.
"""

from __future__ import annotations

from dataclasses import dataclass

GROUP = 'group=~"$group"'
WORKERS = f'{GROUP},worker_group=~"$worker_group"'
# Of what hosts tell of slots: there a worker group is the part of a slot's name before its number.
SLOTS = f'{GROUP},slot=~"${{worker_group}}-[0-9]+"'
OF_GROUP = "{{group}}"
OF_WORKERS = "{{group}} {{worker_group}}"
OF_SLOT = "{{group}} {{slot}}"


@dataclass(frozen=True)
class Panel:
    """``queries`` are (expression, legend), ``unit`` is one of Grafana's.

    A ``number`` shows the last value alone; ``stacked`` lays series upon each other.
    """

    title: str
    unit: str
    queries: tuple[tuple[str, str], ...]
    says: str = ""
    number: bool = False
    stacked: bool = False


@dataclass(frozen=True)
class Variable:
    """``query`` gives its values; all of them are chosen at first."""

    name: str
    label: str
    query: str


@dataclass(frozen=True)
class Board:
    """``rows`` are panels by the title of their row; it opens with the last ``hours``."""

    name: str
    title: str
    says: str
    variables: tuple[Variable, ...]
    rows: dict[str, tuple[Panel, ...]]
    hours: int = 3


def lines(title: str, unit: str, query: str, legend: str, says: str = "") -> Panel:
    """The series of one query over time."""
    return Panel(title, unit, ((query, legend),), says)


def stack(title: str, unit: str, query: str, legend: str, says: str = "") -> Panel:
    """The same, laid upon each other."""
    return Panel(title, unit, ((query, legend),), says, stacked=True)


def number(title: str, unit: str, query: str, legend: str = "", says: str = "") -> Panel:
    """The last value of each series of one query."""
    return Panel(title, unit, ((query, legend),), says, number=True)


GROUPS = Variable("group", "Group", 'label_values(up{job="ray"}, group)')
WORKER_GROUPS = Variable(
    "worker_group", "Worker group", f'label_values(up{{job="ray",{GROUP}}}, worker_group)'
)
HOSTS = Variable("host", "Host", f'label_values(up{{job="ray",{GROUP}}}, host)')
