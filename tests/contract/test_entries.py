"""Entries of tasks: their loops and conditions mean what they mean for tasks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible.template import Templar, trust_as_template

from tests.unit.host_script import load

ENTRIES: Any = load(Path(__file__).parents[2] / "plugins" / "plugin_utils" / "entries.py")
VARIABLES: dict[str, Any] = {"slots": [{"name": "a", "big": True}, {"name": "b", "big": False}]}


def trusted(value: Any) -> Any:
    """As it is in a task's file."""
    if isinstance(value, dict):
        return {key: trusted(one) for key, one in value.items()}
    if isinstance(value, list):
        return [trusted(one) for one in value]
    return trust_as_template(value) if isinstance(value, str) else value


@pytest.mark.parametrize(
    ("entry", "made"),
    [
        ({"name": "{{ slots[0].name }}"}, [{"name": "a"}]),
        ({"name": "x", "when": "slots == []"}, []),
        ({"name": "x", "when": ["slots != []", "slots[1].big"]}, []),
        ({"name": "x{{ item }}", "loop": [1, "b"]}, [{"name": "x1"}, {"name": "xb"}]),
        (
            {"name": "{{ slot.name }}", "loop": "{{ slots }}", "loop_var": "slot"},
            [{"name": "a"}, {"name": "b"}],
        ),
        ({"name": "{{ item.name }}", "loop": "{{ slots }}", "when": "item.big"}, [{"name": "a"}]),
        ({"name": "x", "loop": []}, []),
    ],
)
def test_an_entry_is_there_for_each_item_for_which_it_should(
    entry: dict[str, Any], made: list[dict[str, Any]]
) -> None:
    rendered = ENTRIES.rendered(Templar(variables=VARIABLES), trusted(entry), VARIABLES)
    assert [one for one, _ in rendered] == made
