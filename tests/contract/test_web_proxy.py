"""What nginx answers to whom has no password, as far as its configuration shows."""

from __future__ import annotations

import re
from pathlib import Path

import jinja2

ROLE = Path(__file__).resolve().parents[2] / "roles" / "web_proxy"
GIVEN = {
    "web_proxy_group": "demo",
    "web_proxy_grafana_port": 3000,
    "lookup": lambda *_: "of a file",
}


def test_a_slash_is_added_only_after_the_password() -> None:
    """nginx adds one to the name of a location that passes requests on before it asks for it."""
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(ROLE / "templates"), trim_blocks=True, autoescape=True
    )
    names = ("shared.conf.j2", "group.conf.j2")
    config = "".join(templates.get_template(name).render(GIVEN) for name in names)
    passing = re.findall(r"location (/[a-z/]+)/ \{", config)
    assert passing == ["/prometheus", "/alertmanager", "/grafana", "/ray/demo"]
    for path in passing:
        assert re.search(rf"location = {path} \{{\s+try_files /none @slash;\s+\}}", config), path
