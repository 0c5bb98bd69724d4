"""Dashboards and provisioning are what Grafana says it reads; see grafana/README.md."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml
from jsonschema import Draft7Validator

from tests.contract.dashboards import BOARDS, ROLE, load, made_by_ray
from tests.contract.grafana_schema import NEWEST, OLDEST, faults

# Grafana 10 passes over keys that it does not know.
SINCE_10 = {
    "dashboard.templating.list: unknown: allowCustomValue",
    "stat.options: unknown: percentChangeColorMode",
}

# The keys of Grafana's page "Provision Grafana": no schema of these files is published, and Grafana
# itself says nothing of a key that it does not know.
# https://grafana.com/docs/grafana/latest/administration/provisioning/
TEXT, NUMBER, YES_OR_NO = {"type": "string"}, {"type": "integer"}, {"type": "boolean"}


def closed(required: list[str], **keys: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "required": required,
        "properties": keys,
        "additionalProperties": False,
    }


DATASOURCES = closed(
    ["apiVersion", "datasources"],
    apiVersion={"const": 1},
    deleteDatasources={"type": "array", "items": closed(["name"], name=TEXT, orgId=NUMBER)},
    prune=YES_OR_NO,
    datasources={
        "type": "array",
        "items": closed(
            ["name", "type", "access"],
            name=TEXT,
            type=TEXT,
            access={"enum": ["proxy", "direct"]},
            orgId=NUMBER,
            uid=TEXT,
            url={"type": "string", "pattern": "^https?://"},
            user=TEXT,
            database=TEXT,
            basicAuth=YES_OR_NO,
            basicAuthUser=TEXT,
            withCredentials=YES_OR_NO,
            isDefault=YES_OR_NO,
            # Of the table there, what it has for Prometheus.
            jsonData=closed(
                [],
                timeInterval={"type": "string", "pattern": "^[0-9]+(ms|[smhdwMy])$"},
                httpMethod={"enum": ["GET", "POST"]},
                customQueryParameters=TEXT,
                manageAlerts=YES_OR_NO,
                alertmanagerUid=TEXT,
                prometheusVersion=TEXT,
                prometheusType={"enum": ["Prometheus", "Cortex", "Mimir", "Thanos"]},
                cacheLevel={"enum": ["Low", "Medium", "High", "None"]},
                incrementalQuerying=YES_OR_NO,
                incrementalQueryOverlapWindow=TEXT,
                disableRecordingRules=YES_OR_NO,
            ),
            secureJsonData={"type": "object"},
            version=NUMBER,
            editable=YES_OR_NO,
        ),
    },
)
PROVIDERS = closed(
    ["apiVersion", "providers"],
    apiVersion={"const": 1},
    providers={
        "type": "array",
        "items": closed(
            ["name", "options"],
            name=TEXT,
            orgId=NUMBER,
            folder=TEXT,
            folderUid=TEXT,
            type={"const": "file"},
            disableDeletion=YES_OR_NO,
            updateIntervalSeconds=NUMBER,
            allowUiUpdates=YES_OR_NO,
            options=closed(["path"], path=TEXT, foldersFromFilesStructure=YES_OR_NO),
        ),
    },
)


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_the_newest_grafana_knows_all_of_it(path: Path) -> None:
    assert faults(load(path)) == set()


def test_so_does_the_oldest_but_for_what_came_since() -> None:
    assert set().union(*(faults(load(path), OLDEST) for path in BOARDS)) == SINCE_10


def test_of_ray_s_it_is_known_what_is_old(monkeypatch: pytest.MonkeyPatch) -> None:
    made = made_by_ray("demo", monkeypatch)
    assert {board["schemaVersion"] for board in made.values()} == {27}
    found = set().union(*(faults(board) for board in made.values()))
    # An option that is left out is what a panel begins with.
    found -= {fault for fault in found if re.search(r"\.options.*required property", fault)}
    lines = (Path(__file__).parent / "grafana" / "ray.txt").read_text().splitlines()
    assert found == {line for line in lines if line and not line.startswith("#")}


def misspelt(board: dict[str, Any]) -> None:
    board["templating"]["list"][0]["includeall"] = True


def no_place(board: dict[str, Any]) -> None:
    del board["panels"][-1]["gridPos"]["w"]


def no_such_mode(board: dict[str, Any]) -> None:
    next(p for p in board["panels"] if p["type"] == "stat")["options"]["colorMode"] = "loud"


def no_such_style(board: dict[str, Any]) -> None:
    panel = next(p for p in board["panels"] if p["type"] == "timeseries")
    panel["fieldConfig"]["defaults"]["custom"]["drawStyle"] = "circles"


def no_query(board: dict[str, Any]) -> None:
    del board["panels"][-1]["targets"][0]["expr"]


def in_a_row(board: dict[str, Any]) -> None:
    row = next(p for p in board["panels"] if p["type"] == "row")
    row["panels"] = [{"type": "stat", "title": 1}]


@pytest.mark.parametrize("version", [NEWEST, OLDEST])
@pytest.mark.parametrize(
    ("harm", "fault"),
    [
        (misspelt, "dashboard.templating.list: unknown: includeall"),
        (no_place, "timeseries.gridPos: 'w' is a required property"),
        (no_such_mode, "stat.options.colorMode: 'loud' is not one of "),
        (no_such_style, "timeseries.custom.drawStyle: 'circles' is not one of "),
        (no_query, "query: 'expr' is a required property"),
        (in_a_row, "stat.title: 1 is not of type 'string'"),
    ],
    ids=lambda harm: getattr(harm, "__name__", ""),
)
def test_what_is_broken_is_told(
    harm: Callable[[dict[str, Any]], None], fault: str, version: str
) -> None:
    board = load(next(path for path in BOARDS if path.stem == "group"))
    before = faults(board, version)
    broken = copy.deepcopy(board)
    harm(broken)
    (shown,) = faults(broken, version) - before
    assert shown.startswith(fault)


def provided(name: str) -> Any:
    text = (ROLE / "templates" / name).read_text(encoding="utf-8")
    defaults = yaml.safe_load((ROLE / "defaults" / "main.yml").read_text(encoding="utf-8"))
    known = defaults | {"_grafana_dir": "/etc/adbray-monitoring/grafana"}
    template = jinja2.Template(text, undefined=jinja2.StrictUndefined)
    return yaml.safe_load(template.render(known))


@pytest.mark.parametrize(
    ("name", "schema"), [("datasource.yml.j2", DATASOURCES), ("providers.yml.j2", PROVIDERS)]
)
def test_provisioning_has_keys_that_grafana_documents(name: str, schema: dict[str, Any]) -> None:
    found = provided(name)
    Draft7Validator(schema).validate(found)
    (key,) = {"datasources", "providers"} & found.keys()
    for harmed in ({**found[key][0], "editible": True}, {**found[key][0], "name": 1}):
        assert not Draft7Validator(schema).is_valid(found | {key: [harmed]})


def test_titles_are_unique_in_their_folder_as_grafana_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ([load(path) for path in BOARDS], [*made_by_ray("demo", monkeypatch).values()]):
        titles = [board["title"] for board in folder]
        assert len(set(titles)) == len(titles) > 0
