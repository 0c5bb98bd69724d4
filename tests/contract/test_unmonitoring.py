"""What takes a group's monitoring away, as Ansible runs it here on files of a test."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from adbray_ctl.core.plan.monitoring import ROLES

ROOT = Path(__file__).resolve().parents[2]
# All that plays of these roles name.
GROUPS = ("hosts", "measured", "monitoring", "web", "grafana", "unmonitoring")
# Names that no machine has, of what is no file of the test.
NOWHERE = {
    f"_{role}_{kind}": f"adbray-of-a-test-{role}"
    for role in ROLES
    for kind in ("unit", "metrics_unit", "state")
}


class Site:
    """A host of which Prometheus, Alertmanager and Grafana are files in ``etc`` alone."""

    def __init__(self, base: Path) -> None:
        self.base, self.etc = base, base / "etc"
        for file in (
            "alertmanager.yml",
            "grafana/grafana.ini",
            "groups/demo.json",
            "nodes/demo.json",
            "prometheus.d/00-shared.yml",
            "prometheus.d/10-demo.yml",
            "prometheus.yml",
            "rules/ray.yml",
            "tokens/demo",
        ):
            (self.etc / file).parent.mkdir(parents=True, exist_ok=True)
            (self.etc / file).touch()
        (self.etc / "groups/demo.json").write_text('{"group": "demo", "revision": "r1"}')
        of_group = {f"{role}_group": "demo" for role in ("prometheus", "grafana", "web_proxy")}
        hosts: dict[str, Any] = {f"adbray_{name}": {"hosts": {}} for name in GROUPS}
        hosts["adbray_unmonitoring"]["hosts"] = {
            "here": {
                "ansible_connection": "local",
                "ansible_python_interpreter": sys.executable,
                **of_group,
            }
        }
        (base / "hosts.yml").write_text(yaml.safe_dump({"all": {"children": hosts}}))

    def apply(self, *options: str, **given: str) -> subprocess.CompletedProcess[str]:
        """The step of a plan that takes monitoring away."""
        places = {f"_{role}_etc": str(self.etc) for role in ("prometheus", "alertmanager")}
        places |= {"_grafana_etc": str(self.etc), "_grafana_own": str(self.base / "opt")}
        places |= {"_web_proxy_etc": str(self.base / "web")}
        command = [
            "ansible-playbook",
            "-i",
            str(self.base / "hosts.yml"),
            "--tags",
            ",".join(ROLES),
        ]
        command += ["-e", json.dumps(NOWHERE | places | given), *options, "playbooks/site.yml"]
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        return subprocess.run(
            command,
            cwd=ROOT,
            env=os.environ | {"PATH": path, "ANSIBLE_LOCAL_TEMP": str(self.base / "local")},
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def left(self) -> list[str]:
        files = (path for path in self.etc.rglob("*") if path.is_file())
        return sorted(str(path.relative_to(self.etc)) for path in files)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_what_plans_see_goes_last_when_a_group_is_watched_no_longer(site: Site) -> None:
    broken = site.apply(_node_exporter_metrics="{{ nothing.at.all }}")
    assert broken.returncode != 0
    assert "Remove the metrics of slots" in broken.stdout
    assert site.left == ["groups/demo.json"]
    # Nothing is applied, should the group be watched again after all.
    record = (site.etc / "groups/demo.json").read_text()
    assert json.loads(record) == {"group": "demo", "revision": ""}
    # On a machine of its own, so that the exporters' program is left out.
    again = site.apply("--skip-tags", "node_exporter")
    assert again.returncode == 0, again.stdout + again.stderr
    assert not site.etc.exists()


def test_what_another_group_needs_stays(site: Site) -> None:
    for file in ("groups/other.json", "prometheus.d/10-other.yml"):
        (site.etc / file).touch()
    # Prometheus itself cannot go on here.
    done = site.apply("--skip-tags", "node_exporter,prometheus")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "grafana/grafana.ini" in site.left
    assert "alertmanager.yml" in site.left
