"""Builds what Grafana reads of a dashboard, by Grafana's own library.

The library would rather have its second model of dashboards; the first is what each Grafana since
10 reads from files, and what Ray's own dashboards are.
"""

from __future__ import annotations

import json
from itertools import count
from typing import Any

from grafana_foundation_sdk.builders import common as shared
from grafana_foundation_sdk.builders import dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models import dashboard as models

from dashboards.boards import Board, Panel, Variable

# As the role grafana calls it.
_SOURCE = common.DataSourceRef(type_val="prometheus", uid="prometheus")
_WIDTH = 24
_NUMBERS_A_ROW = 6


def text_of(board: Board) -> str:
    """The JSON of ``board``; the same for the same board."""
    built = (
        dashboard.Dashboard(board.title)
        .uid(f"adbray-{board.name}")
        .description(board.says)
        .tags(["adbray"])
        .readonly()
        .time(f"now-{board.hours}h", "now")
        .refresh("30s")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .link(_links())
    )
    for variable in board.variables:
        built = built.with_variable(_variable(variable))
    ids = count(1)
    for title, panels in board.rows.items():
        built = built.with_row(dashboard.Row(title).id(next(ids)))
        for panel in panels:
            made = _number(panel) if panel.number else _lines(panel)
            built = built.with_panel(made.id(next(ids)))
    whole = json.loads(JSONEncoder().encode(built.build()))
    _drop_unasked(whole)
    return json.dumps(whole, sort_keys=True, indent=1) + "\n"


def _drop_unasked(whole: dict[str, Any]) -> None:
    """What the library gives to each link and variable, and nobody can tell it not to."""
    for link in whole["links"]:
        # Newer Grafanas would have it in a menu, where nobody looks.
        del link["placement"]
    for variable in whole["templating"]["list"]:
        for key in ("auto", "auto_min", "auto_count"):
            # Of variables of the type interval.
            del variable[key]


def _links() -> dashboard.DashboardLink:
    """From each dashboard to the others, with what is chosen and the time."""
    return (
        dashboard.DashboardLink("adbray")
        .type(models.DashboardLinkType.DASHBOARDS)
        .tags(["adbray"])
        .include_vars(True)
        .keep_time(True)
    )


def _variable(variable: Variable) -> dashboard.QueryVariable:
    return (
        dashboard.QueryVariable(variable.name)
        .label(variable.label)
        .query(variable.query)
        .datasource(_SOURCE)
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.NATURAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".+")
        .current(models.VariableOption(text=["All"], value=["$__all"]))
    )


def _queries(panel: Panel) -> list[prometheus.Dataquery]:
    return [
        prometheus.Dataquery()
        .ref_id(chr(ord("A") + index))
        .datasource(_SOURCE)
        .expr(expression)
        .legend_format(legend or "__auto")
        for index, (expression, legend) in enumerate(panel.queries)
    ]


def _number(panel: Panel) -> stat.Panel:
    legends = any(legend for _, legend in panel.queries)
    built = (
        stat.Panel()
        .title(panel.title)
        .description(panel.says)
        .unit(panel.unit)
        .datasource(_SOURCE)
        .height(8 if legends else 4)
        .span(_WIDTH // (3 if legends else _NUMBERS_A_ROW))
        .reduce_options(shared.ReduceDataOptions().calcs(["lastNotNull"]))
        .graph_mode(common.BigValueGraphMode.NONE)
    )
    for query in _queries(panel):
        built = built.with_target(query.instant())
    return built


def _lines(panel: Panel) -> timeseries.Panel:
    built = (
        timeseries.Panel()
        .title(panel.title)
        .description(panel.says)
        .unit(panel.unit)
        .min(0)
        .datasource(_SOURCE)
        .height(8)
        .span(_WIDTH // 2)
        .fill_opacity(30 if panel.stacked else 0)
        .show_points(common.VisibilityMode.NEVER)
        .legend(
            shared.VizLegendOptions()
            .show_legend(True)
            .display_mode(common.LegendDisplayMode.LIST)
            .placement(common.LegendPlacement.BOTTOM)
        )
        .tooltip(shared.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI))
    )
    if panel.stacked:
        built = built.stacking(shared.StackingConfig().mode(common.StackingMode.NORMAL))
    for query in _queries(panel):
        built = built.with_target(query.range())
    return built
