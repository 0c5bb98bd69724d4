"""Dashboards: written by the code they come from, readable to Prometheus, on metrics that exist."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import ray
import yaml

from adbray_ctl.core.desired.grafana import DATASOURCE, RAY_DASHBOARDS, ray_dashboard_settings
from tests.contract.dashboards import (
    BOARDS,
    ROLE,
    ROOT,
    VARIABLE,
    load,
    made_by_ray,
    panels,
    variables,
)
from tests.contract.prometheus import own_metrics, promtool, ray_panels

# What Grafana puts in place of them; those of dashboards are regular expressions.
BUILT_IN = {"__rate_interval": "1m", "__range": "1h"}
METRIC = r"\b(?:up|ALERTS|(?:ray|redis|node|adbray|autoscaler)_[a-z_]+\w*)\b"


def queries(board: dict[str, Any]) -> list[str]:
    return [target["expr"] for panel in panels(board) for target in panel.get("targets", ())]


def all_asked(board: dict[str, Any]) -> list[str]:
    """What variables ask for too, in the form that Ray's have."""
    return queries(board) + [v["query"]["query"] for v in variables(board) if v["type"] == "query"]


def chosen(board: dict[str, Any], query: str) -> str:
    """The query as Prometheus gets it, with all that can be chosen chosen."""
    known = BUILT_IN | {variable["name"]: ".+" for variable in variables(board)}
    # Of Ray's, what stands between brackets.
    known |= dict.fromkeys(("interval", "window"), "5m")
    return VARIABLE.sub(lambda match: known[match[1] or match[2]], query)


def test_the_role_has_what_the_code_writes(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "dashboards", str(tmp_path)]
    path = {"PYTHONPATH": str(ROOT / "scripts")}
    subprocess.run(command, check=True, capture_output=True, env=os.environ | path)
    written = {file.name: file.read_text() for file in tmp_path.iterdir()}
    assert {file.name: file.read_text() for file in BOARDS} == written, "run `make dashboards`"


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_prometheus_can_read_each_query(path: Path, tmp_path: Path) -> None:
    board = load(path)
    asked = [chosen(board, query) for query in queries(board)]
    assert len(asked) > 5
    rules = [{"record": f"panel:{n}", "expr": expr} for n, expr in enumerate(asked)]
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": path.stem, "rules": rules}]}))
    promtool("check", "rules", str(file))


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_queries_stand_on_metrics_that_were_seen(path: Path) -> None:
    seen = {"up", "ALERTS"} | own_metrics() | ray_panels()
    for file in (ROOT / "tests" / "alerts" / "metrics").glob("*.txt"):
        seen |= {line for line in file.read_text().splitlines() if not line.startswith("#")}
    board = load(path)
    for query in queries(board):
        used = set(re.findall(METRIC, query))
        assert used, query
        assert used <= seen, used - seen


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_grafana_can_show_it(path: Path) -> None:
    board = load(path)
    datasource = yaml.safe_load(
        (ROLE / "templates" / "datasource.yml.j2")
        .read_text(encoding="utf-8")
        .replace("{{ grafana_prometheus_port }}", "9090")
    )["datasources"][0]
    assert datasource["name"] == DATASOURCE
    source = {"type": datasource["type"], "uid": datasource["uid"]}
    shown = list(panels(board))
    assert len({panel["id"] for panel in shown}) == len(shown)
    assert re.fullmatch("adbray-[a-z]{1,30}", board["uid"])
    taken: set[tuple[int, int]] = set()
    for panel in shown:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert at["x"] + at["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells
        if panel["type"] != "row":
            assert panel["datasource"] == source
            refs = [target["refId"] for target in panel["targets"]]
            assert len(set(refs)) == len(refs) > 0
    assert "group" in [variable["name"] for variable in variables(board)]
    assert all(variable["datasource"] == source for variable in variables(board))


def test_each_of_ray_s_dashboards_has_settings_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    made = made_by_ray("demo", monkeypatch)
    assert made.keys() == set(RAY_DASHBOARDS)
    said = ray_dashboard_settings("demo")
    for name, board in made.items():
        assert board["uid"] == said[f"RAY_GRAFANA_{name}_DASHBOARD_UID"]
        assert f"rayVersion:{ray.__version__}" in board["tags"]


def test_ray_s_dashboards_ask_for_the_group_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    groups: list[dict[str, Any]] = []
    for name, board in made_by_ray("demo", monkeypatch).items():
        assert queries(board), name
        for query in queries(board):
            # Ray 2.60 has no place for a filter there.
            assert 'group="demo"' in query or name == "DATA_LLM" or "ray_" not in query, query
            rule = {"record": f"panel:{name}", "expr": chosen(board, query)}
            groups.append({"name": f"{name} {len(groups)}", "rules": [rule]})
    assert len(groups) > 300
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": groups}))
    promtool("check", "rules", "--lint=none", str(file))


def test_what_ray_asks_for_in_vain_is_mended() -> None:
    """And nothing else: a mend that a new Ray needs no more is to go."""
    path = ROLE / "files" / "ray_dashboards.py"
    code = (
        "import json, runpy, sys; told = runpy.run_path(sys.argv[1]); make = told['dashboards'];"
        " made = make(); make.__globals__['MENDED'] = ();"
        " print(json.dumps([told['MENDED'], made, make()]))"
    )
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, check=True)
    mends, made, own = json.loads(done.stdout)
    asked = {text for board in made.values() for text in all_asked(json.loads(board))}
    in_vain = {text for board in own.values() for text in all_asked(json.loads(board))} - asked
    for wrong, right in mends:
        found = [query for query in in_vain if re.search(wrong, query)]
        assert found, f"this Ray asks no more for {wrong}"
        assert {re.sub(wrong, right, query) for query in found} <= asked
