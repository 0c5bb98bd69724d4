"""Ray's own dashboards, as JSON by the name of each; runs in the venv of a Ray.

Which there are, what they ask for and what the environment says of them is Ray's to know.
"""

from __future__ import annotations

import json
import re
import sys

from ray.dashboard.modules.metrics import grafana_dashboard_factory as factory


def dashboards() -> dict[str, str]:
    """The text of each by its name, of as few characters as may be."""
    found = {}
    for function in dir(factory):
        named = re.match("^generate_(.+)_grafana_dashboard$", function)
        if named:
            content, _ = getattr(factory, function)()
            found[named.group(1)] = json.dumps(json.loads(content), separators=(",", ":"))
    return found


if __name__ == "__main__":
    made = dashboards()
    if not made:
        sys.exit("this Ray makes no dashboards that adbray knows of")
    print(json.dumps(made))
