"""Grafana in a browser and in Ray's dashboard, behind one password, until it is to be no more.

A stand-in takes its place (roles/grafana/molecule): what it answers is what it read of what the
role wrote, and it draws nothing.
"""

from __future__ import annotations

import base64
import hashlib
import json
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from adbray_ctl.core.desired.grafana import ray_dashboard_settings
from tests.e2e.conftest import REPOSITORY, Project, lab_of
from tests.soak.browser import Browser, browser

NAME = "drawn"
MONITOR = "lab2"
SPEC = f"""\
kind: RayCluster
name: {NAME}
head: {{size: micro, disk_gb: 1, hosts: {{names: [lab1]}}}}
redis: {{mode: none}}
worker_groups:
  - {{name: w, size: nano, disk_gb: 1, hosts: {{names: [lab1]}}}}
"""
MONITORING = f"monitoring:\n  host: {MONITOR}\n  listen: host\n  web: {{}}\n"
GRAFANA = (
    "  grafana: {{panels_in_ray: true, tarball: {{path: grafana.tar.gz, sha256: {sha256}}}}}\n"
)
OWN = {"adbray-gpu", "adbray-group", "adbray-state", "adbray-usage", "adbray-workers"}
LEFT = (
    "ls -d /opt/adbray-grafana /etc/adbray-monitoring/grafana /var/lib/*/adbray-grafana "
    "/var/lib/adbray-grafana /etc/systemd/system/adbray-grafana* /run/credentials/adbray-grafana*"
)


@dataclass(frozen=True)
class Answer:
    """What came, and from where, past redirections."""

    status: int
    url: str
    text: str


@dataclass(frozen=True)
class Site:
    """A project whose monitoring has Grafana, and what one needs to enter."""

    project: Project
    grafana: str

    @property
    def web(self) -> str:
        return str(self.project.json("addresses", NAME)["web"])

    @property
    def secrets(self) -> Path:
        return self.project.directory / ".adbray" / "secrets"

    @property
    def login(self) -> str:
        """Of the web server."""
        return "admin:" + (self.secrets / "_web" / "password").read_text()

    @property
    def admin_password(self) -> str:
        """Of Grafana."""
        return (self.secrets / "_grafana" / "admin_password").read_text()

    def ask(self, url: str, login: str = "") -> Answer:
        """As a program that is no browser and has no cookies."""
        headers = {}
        if login:
            headers["Authorization"] = "Basic " + base64.b64encode(login.encode()).decode()
        context = ssl.create_default_context(cafile=self.secrets / "_web" / "web.crt")
        opener = urllib.request.build_opener(
            urllib.request.HTTPSHandler(context=context), urllib.request.ProxyHandler({})
        )
        request = urllib.request.Request(url, headers=headers)  # noqa: S310  # http, of the lab
        try:
            with opener.open(request, timeout=30) as told:
                return Answer(told.status, told.url, told.read().decode())
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.url or "", error.read().decode())

    def spell(self, *, grafana: bool) -> None:
        """Write fleet.yml with Grafana or without."""
        path = self.project.directory / "fleet.yml"
        before = path.read_text().partition("monitoring:")[0]
        path.write_text(before + MONITORING + (self.grafana if grafana else ""))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A group on one host, and on another what shows it, Grafana too."""
    with lab_of(tmp_path_factory.mktemp("grafana"), "--hosts", "2") as project:
        make = REPOSITORY / "roles" / "grafana" / "molecule" / "default" / "package.sh"
        subprocess.run(["sh", make, project.directory], check=True, capture_output=True)
        archive = (project.directory / "grafana.tar.gz").read_bytes()
        found = Site(project, GRAFANA.format(sha256=hashlib.sha256(archive).hexdigest()))
        project.write_group(NAME, SPEC)
        found.spell(grafana=True)
        project.ok("apply", NAME)
        yield found


@pytest.fixture(scope="module")
def page(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser that has given the one password, and is unknown to Grafana."""
    certificate = site.secrets / "_web" / "web.crt"
    with browser(tmp_path_factory.mktemp("browser"), certificate) as found:
        found.visit(site.web.replace("//", f"//{site.login}@"))
        found.await_text("Ray groups", "Grafana", NAME)
        yield found


def await_frame(page: Browser, *parts: str) -> str:
    """The text of the first frame that has all ``parts``."""
    script = """[...document.querySelectorAll("iframe")].map(
        frame => frame.contentDocument?.body?.innerText ?? "nothing")"""
    end = time.monotonic() + 120
    while True:
        texts: list[str] = page.run(script)
        for text in texts:
            if all(part in text for part in parts):
                return text
        assert time.monotonic() < end, f"no frame has {parts}: {texts}\n{page.text()}"
        time.sleep(0.5)


def test_nobody_enters_without_both_passwords(site: Site) -> None:
    assert site.ask(f"{site.web}grafana/").status == 401
    assert site.ask(f"{site.web}grafana/api/search", f"admin:{site.admin_password}").status == 401
    page = site.ask(f"{site.web}grafana/", site.login)
    assert (page.status, page.url) == (200, f"{site.web}grafana/login")
    assert site.ask(f"{site.web}grafana/api/search", site.login).status == 401


def test_grafana_s_own_port_asks_for_its_password_too(site: Site) -> None:
    search = f"http://{site.project.addresses[MONITOR]}:3000/grafana/api/search"
    assert site.ask(search).status == 401
    assert site.ask(search, "admin:admin").status == 401
    assert site.ask(search, site.login).status == 401
    told = site.ask(search, f"admin:{site.admin_password}")
    uids = {board["uid"] for board in json.loads(told.text)}
    settings = ray_dashboard_settings(NAME)
    ray = {value for name, value in settings.items() if name.endswith("_UID")}
    assert uids == OWN | ray


def test_its_password_is_drawn_and_in_no_argument_log_or_record(site: Site) -> None:
    password = site.admin_password
    assert len(password) == 64
    known = "/etc/adbray-monitoring/grafana/admin_password"
    assert site.project.on(MONITOR, f"cat {known}") == password
    held = "/proc/[0-9]*/cmdline /proc/[0-9]*/environ"
    assert site.project.try_on(MONITOR, f"grep -lsF -f {known} {held}").out == ""
    assert site.project.try_on(MONITOR, f"journalctl --no-pager | grep -cF -f {known}").out == "0\n"
    state = site.project.directory / ".adbray"
    # What the lab's hosts have on their disks is not of this machine.
    parts = [part for part in state.iterdir() if part.name != "lab"]
    kept = [path for part in parts for path in (part, *part.rglob("*"))]
    holders = [path for path in kept if path.is_file() and password.encode() in path.read_bytes()]
    assert [path.name for path in holders] == ["admin_password"]


def test_one_logs_in_at_grafana_behind_the_proxy(site: Site, page: Browser) -> None:
    page.visit(f"{site.web}grafana/")
    page.await_text("Welcome to what stands in")
    body = json.dumps({"user": "admin", "password": site.admin_password})
    sent = json.dumps({"method": "POST", "body": body})
    assert page.run(f'fetch("/grafana/login", {sent}).then(told => told.status)') == 200
    page.visit(f"{site.web}grafana/")
    page.await_text("Head, GCS and Redis", "Workers", "Default Dashboard", "Serve Dashboard")
    page.keep_screenshot("grafana")


def test_ray_s_dashboard_knows_where_grafana_is(site: Site) -> None:
    api = f"{site.web}ray/{NAME}/api"
    told = json.loads(site.ask(f"{api}/grafana_health", site.login).text)
    assert told["msg"] == "Grafana running"
    assert told["data"]["grafanaHost"] == f"{site.web}grafana"
    assert told["data"]["dashboardDatasource"] == "Prometheus"
    uid = ray_dashboard_settings(NAME)["RAY_GRAFANA_DEFAULT_DASHBOARD_UID"]
    assert told["data"]["dashboardUids"]["default"] == uid
    assert site.ask(f"{api}/prometheus_health", site.login).status == 200


def test_it_shows_panels_to_whoever_is_logged_in_at_both(site: Site, page: Browser) -> None:
    page.visit(f"{site.web}ray/{NAME}/#/metrics")
    await_frame(page, "Default Dashboard: ", " targets")
    page.keep_screenshot("metrics")
    page.visit(f"{site.web}ray/{NAME}/#/overview")
    await_frame(page, "Node Count: ", " targets")
    page.keep_screenshot("overview")


def test_taken_out_of_the_fleet_it_goes_and_the_rest_stays(site: Site) -> None:
    project = site.project
    told = "grep -ls RAY_GRAFANA /proc/[0-9]*/environ; grep -rls RAY_GRAFANA /etc/adbray"
    assert project.try_on("lab1", told).out != ""
    assert project.try_on(MONITOR, LEFT).out != ""
    site.spell(grafana=False)
    (plan,) = project.json("plan", NAME)
    assert "panels_in_ray" in json.dumps(plan)
    project.ok("apply", NAME, "--yes")
    assert project.try_on(MONITOR, LEFT).out == ""
    assert project.on(MONITOR, "ss -Hltn 'sport = :3000'") == ""
    assert project.try_on("lab1", told).out == ""
    assert site.ask(f"{site.web}grafana/login", site.login).status == 404
    assert "grafana" not in site.ask(site.web, site.login).text.lower()
    health = site.ask(f"{site.web}ray/{NAME}/api/grafana_health", site.login)
    assert "Grafana running" not in health.text
    assert site.ask(f"{site.web}prometheus/graph", site.login).status == 200
    (plan,) = project.json("plan", NAME)
    assert plan["steps"] == []


def test_destroy_takes_it_along(site: Site) -> None:
    site.spell(grafana=True)
    site.project.ok("apply", NAME, "--yes")
    assert site.project.try_on(MONITOR, LEFT).out != ""
    site.project.ok("destroy", NAME, "--yes")
    for trace in (LEFT, "ls -d /etc/adbray-web /etc/adbray-monitoring"):
        assert site.project.try_on(MONITOR, trace).out == ""
    assert site.project.on(MONITOR, "ss -Hltn 'sport = :3000'") == ""
