"""First spec files, rendered by Jinja from the package's templates."""

from __future__ import annotations

import json
from functools import partial


def rendered(template: str, **values: object) -> str:
    """The text of ``template`` with ``values`` in it."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("adbray_ctl"),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        autoescape=False,  # noqa: S701 - YAML, not HTML
    )
    # A JSON string is a YAML one too, whatever is in it.
    environment.filters["json"] = partial(json.dumps, ensure_ascii=False)
    return environment.get_template(template).render(values)
