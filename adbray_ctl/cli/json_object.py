"""Options of the command line whose value is a JSON object."""

from __future__ import annotations

import json
from typing import Any

import click


class JsonObject(click.ParamType[dict[str, Any]]):
    """A JSON object whose values are of ``kinds``; any are taken without."""

    name = "json"

    def __init__(self, example: str, kinds: tuple[type, ...] = ()) -> None:
        self._example = example
        self._kinds = kinds

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> dict[str, Any]:
        if isinstance(value, dict):
            return value
        try:
            found = json.loads(value)
        except (ValueError, RecursionError) as error:
            self.fail(f"it is not JSON: {error}; write it like {self._example}", param, ctx)
        if not isinstance(found, dict) or not all(self._takes(one) for one in found.values()):
            self.fail(f"write it like {self._example}", param, ctx)
        return found

    def _takes(self, value: Any) -> bool:
        # To Python a truth value is a number.
        return not self._kinds or (isinstance(value, self._kinds) and not isinstance(value, bool))


NUMBERS = JsonObject('{"name": 1}', (int, float))
TEXTS = JsonObject('{"name": "text"}', (str,))
VALUES = JsonObject('{"pip": ["emoji"]}')
