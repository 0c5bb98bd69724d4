"""What users put into environments is found in whatever style of YAML, and cut out exactly."""

from __future__ import annotations

import pytest
import yaml

from adbray_ctl.adapters.specs.masked import masked
from adbray_ctl.adapters.specs.source import Broken

STYLES = {
    "plain": ("A: some words", "some words"),
    "double": ('A: "sl\\x61sh \\" quote"', 'slash " quote'),
    "single": ("A: 'it''s one'", "it's one"),
    "over lines": ("A: one\n      two", "one two"),
    "quoted over lines": ('A: "one\\\n      two"', "onetwo"),
    "folded": ("A: >-\n      one\n      two", "one two"),
    "kept": ("A: |-\n      one\n      two", "one\ntwo"),
    "number": ("A: 4711", "4711"),
    "with a comment": ("A: value # not of it", "value"),
    "explicit": ("? A\n    : value", "value"),
}


@pytest.mark.parametrize("style", STYLES)
def test_a_value_is_cut_whatever_its_style(style: str) -> None:
    entry, value = STYLES[style]
    text = f"# head\nname: demo\nworker_groups:\n- name: w\n  env:\n    {entry}\n  size: small\n"
    found = masked(text)
    assert found.values == (("A", value),)
    assert yaml.safe_load(found.text) == {
        "name": "demo",
        "worker_groups": [{"name": "w", "env": {"A": "***"}, "size": "small"}],
    }
    assert value not in found.text
    assert found.text.startswith("# head\n")


def test_flow_json_and_byte_order_mark() -> None:
    text = '\ufeff{"worker_groups": [{"name": "w", "env": {"A": "x1y2", "B": ""}}], "name": "x1y2"}'
    found = masked(text)
    assert found.values == (("A", "x1y2"), ("B", ""))
    assert yaml.safe_load(found.text) == {
        "worker_groups": [{"name": "w", "env": {"A": "***", "B": "***"}}],
        "name": "x1y2",
    }


def test_aliases_are_cut_where_they_stand() -> None:
    text = "x: &all {A: one1}\nworker_groups:\n- {env: *all}\n- {env: &e {B: two2}}\n- {env: *e}\n"
    found = masked(text)
    assert set(found.values) == {("A", "one1"), ("B", "two2")}
    assert "one1" not in found.text
    assert "two2" not in found.text


def test_commands_that_wake_hosts_are_cut() -> None:
    text = "hosts:\n- name: a\n  power: {wake: [ipmi, -P, hunter2], timeout_s: 60}\n"
    found = masked(text)
    assert "hunter2" not in found.text
    assert ("wake", "hunter2") in found.values


@pytest.mark.parametrize("text", ["a: [", "\tb: c", "a: *none", "a: b: c", "a: !!str b"])
def test_what_is_no_yaml_is_refused(text: str) -> None:
    with pytest.raises(Broken):
        masked(text)
