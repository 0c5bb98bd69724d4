"""Ray's own dashboards, as JSON by the name of each; runs in the venv of a Ray.

Which there are, what they ask for and what the environment says of them is Ray's to know.
"""

from __future__ import annotations

import json
import re
import sys
from typing import Any

from ray.dashboard.modules.metrics import grafana_dashboard_factory as factory

# What Ray 2.60 asks for that no Ray tells, and what it means instead; of another Ray that asks
# otherwise nothing is found here.
MENDED = (
    # Nobody exports this one; both of which it is the difference are.
    (
        r"increase\(ray_data_task_completion_time_excl_backpressure_s(\{[^}]*\})\[5m\]\)",
        (
            r"(increase(ray_data_task_completion_time_s\1[5m])"
            r" - increase(ray_data_task_output_backpressure_time_s\1[5m]))"
        ),
    ),
    # An address without a port, against an instance, which has one.
    (r'NodeAddress=~"\$Instance"', 'instance=~"$Instance"'),
    # What waits for a deployment waits for no replica yet.
    (r'(ray_serve_deployment_queued_queries\{[^}]*?), *replica=~"\$Replica"', r"\1"),
    # The counter's old name.
    (r"ray_serve_deployment_request_counter\{", "ray_serve_deployment_request_counter_total{"),
)


def dashboards() -> dict[str, str]:
    """The text of each by its name, of as few characters as may be."""
    found = {}
    for function in dir(factory):
        named = re.match("^generate_(.+)_grafana_dashboard$", function)
        if named:
            content, _ = getattr(factory, function)()
            found[named.group(1)] = json.dumps(mended(json.loads(content)), separators=(",", ":"))
    return found


def mended(part: Any) -> Any:
    """The same board, or part of one, with queries that can be answered."""
    if isinstance(part, dict):
        return {key: mended(value) for key, value in part.items()}
    if isinstance(part, list):
        return [mended(value) for value in part]
    if isinstance(part, str):
        for wrong, right in MENDED:
            part = re.sub(wrong, right, part)
    return part


if __name__ == "__main__":
    made = dashboards()
    if not made:
        sys.exit("this Ray makes no dashboards that adbray knows of")
    print(json.dumps(made))
