"""A saved plan has the form that it always had."""

from __future__ import annotations

import json

from adbray_ctl.core.plan.plan import ChangePlan
from tests.unit.core.plans import plan, spec


def test_a_plan_that_was_saved_is_read_with_the_effects_of_its_fields() -> None:
    found = plan(spec(ray={"version": "2.61.0"}))
    text = found.model_dump_json()
    again = ChangePlan.model_validate_json(text)
    assert again.changes == found.changes
    assert any(change.wants_software for change in again.changes)
    assert again.model_dump_json() == text


def test_effects_and_changes_of_steps_are_not_saved() -> None:
    saved = json.loads(plan(spec(ray={"version": "2.61.0"})).model_dump_json())
    fields = [field for change in saved["changes"] for field in change["fields"]]
    assert {key for field in fields for key in field} == {"field", "old", "new"}
    for step in saved["steps"]:
        assert list(step)[:3] == ["title", "members", "hosts"]
        assert all(len(member) == 2 for member in step["members"])
