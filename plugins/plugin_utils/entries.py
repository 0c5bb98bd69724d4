"""Entries of a list in a task, each with a loop and conditions as tasks have them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Entry = dict[str, Any]
# Of an entry as it is written; they are no part of what it becomes.
LOOPS = ("loop", "loop_var", "when")


def rendered(templar: Any, entry: Entry, variables: Entry) -> Iterator[tuple[Entry, Entry]]:
    """The entry for each item of its loop where its conditions hold, with the variables it has.

    ``variables`` are those of ``templar``.
    """
    own = {key: value for key, value in entry.items() if key not in LOOPS}
    when = entry.get("when", [])
    conditions = when if isinstance(when, list) else [when]
    items = templar.template(entry["loop"]) if "loop" in entry else None
    one = templar if items is None else templar.copy_with_new_env()
    for known in _rounds(entry, items, variables):
        one.available_variables = known
        if all(one.evaluate_conditional(condition) for condition in conditions):
            yield one.template(own), known


def _rounds(entry: Entry, items: list[Any] | None, variables: Entry) -> Iterator[Entry]:
    if items is None:
        yield variables
        return
    for item in items:
        yield {**variables, entry.get("loop_var", "item"): item}
