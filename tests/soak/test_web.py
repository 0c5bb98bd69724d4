"""A browser reads Prometheus and the Ray dashboard behind one password, until it is to no more."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import Project, lab_of
from tests.soak.browser import Browser, browser

NAME = "shown"
MONITOR = "lab2"
SPEC = f"""\
kind: RayCluster
name: {NAME}
head: {{size: micro, disk_gb: 1, hosts: {{names: [lab1]}}}}
redis: {{mode: none}}
worker_groups:
  - {{name: w, size: nano, disk_gb: 1, hosts: {{names: [lab1]}}}}
"""
WEB = "  web: {}\n"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A group on one host, and on another what shows it to browsers."""
    with lab_of(tmp_path_factory.mktemp("web"), "--hosts", "2") as project:
        fleet = project.directory / "fleet.yml"
        fleet.write_text(f"{fleet.read_text()}monitoring:\n  host: {MONITOR}\n{WEB}")
        project.write_group(NAME, SPEC)
        project.ok("apply", NAME)
        yield project


@pytest.fixture(scope="module")
def page(site: Project, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser that has logged in."""
    told = site.json("addresses", NAME)
    password = Path(told["web_password_file"])
    with browser(tmp_path_factory.mktemp("browser"), password.with_name("web.crt")) as found:
        login = f"{told['web_user']}:{password.read_text()}"
        found.visit(told["web"].replace("//", f"//{login}@"))
        found.await_text("Ray groups", "Prometheus", NAME)
        yield found


def steps(project: Project) -> list[str]:
    (plan,) = project.json("plan", NAME)
    return [step["title"] for step in plan["steps"]]


def test_the_index_leads_on(page: Browser) -> None:
    page.keep_screenshot("index")
    shown = f"Ray groups Prometheus Alertmanager's API Dashboards {NAME}"
    assert page.text().split() == shown.split()


def test_prometheus_answers_a_question_in_its_own_page(site: Project, page: Browser) -> None:
    web = site.json("addresses", NAME)["web"]
    page.visit(f"{web}prometheus/graph?g0.expr=up%7Bjob%3D%22ray%22%7D&g0.tab=1")
    page.await_text(f'group="{NAME}"', 'job="ray"', 'slot="head"', 'slot="w-0"', reload=True)
    page.keep_screenshot("prometheus")


def test_alertmanager_answers(site: Project, page: Browser) -> None:
    web = site.json("addresses", NAME)["web"]
    page.visit(f"{web}alertmanager/")
    page.await_text("lertmanager")
    page.keep_screenshot("alertmanager")
    page.visit(f"{web}alertmanager/api/v2/status")
    page.await_text("versionInfo")


def test_the_dashboard_shows_the_nodes_and_asks_for_no_token(site: Project, page: Browser) -> None:
    page.visit(f"{site.json('addresses', NAME)['web']}ray/{NAME}/#/cluster")
    found = page.await_text("ALIVE", site.addresses["lab1"], "Node List")
    page.keep_screenshot("dashboard")
    assert found.count("ALIVE") >= 2
    assert "token" not in found.lower()


def test_another_control_machine_has_the_same_password(site: Project, tmp_path: Path) -> None:
    other = Project(tmp_path)
    shown = (f"groups/{NAME}.yml", ".adbray/known_hosts", ".adbray/lab/id_ed25519")
    for name in ("fleet.yml", *shown):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(site.directory / name, tmp_path / name)
    other.ok("render", NAME, "--output", str(tmp_path / "inventory"))
    for name in ("password", "web.crt", "web.key"):
        path = f".adbray/secrets/_web/{name}"
        assert (other.directory / path).read_bytes() == (site.directory / path).read_bytes()
    assert steps(other) == []


def test_when_it_is_wanted_no_longer_it_goes_and_prometheus_stays(site: Project) -> None:
    fleet = site.directory / "fleet.yml"
    fleet.write_text(fleet.read_text().replace(WEB, ""))
    site.ok("apply", NAME)
    assert "web" not in site.ok("addresses", NAME)
    assert site.try_on(MONITOR, "ls -d /etc/adbray-web /etc/systemd/system/adbray-web*").out == ""
    assert site.on(MONITOR, "ss -Hltn 'sport = :8443'") == ""
    asked = "import urllib.request as u; u.urlopen('http://127.0.0.1:9090/api/v1/query?query=up')"
    site.on(MONITOR, f'python3 -c "{asked}"')
    assert steps(site) == []
    fleet.write_text(f"{fleet.read_text()}{WEB}")
    site.ok("apply", NAME)
    assert site.on(MONITOR, "ss -Hltn 'sport = :8443'") != ""


def test_destroy_leaves_nothing_of_it(site: Project) -> None:
    site.ok("destroy", NAME, "--yes")
    for trace in ("/etc/adbray-web", "/etc/adbray-monitoring", "/run/adbray-web"):
        assert site.try_on(MONITOR, f"ls -d {trace}").out == ""
    assert site.on(MONITOR, "ls /etc/systemd/system | grep -c adbray || true") == "0"
