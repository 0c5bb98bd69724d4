"""Bundles from real files, history and secrets, with stand-ins for hosts alone."""

from __future__ import annotations

import base64
import json
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from adbray_ctl import wiring
from adbray_ctl.cli import app
from adbray_ctl.cli.commands.collect import collect as command
from adbray_ctl.cli.state import State
from adbray_ctl.core.bundle import Bundle, HostFiles
from adbray_ctl.core.errors import HostError, RefusedError, SpecError, UsageError
from adbray_ctl.core.events import Note, RunEvent
from adbray_ctl.core.history import RunOutcome, RunStart
from adbray_ctl.core.observed.hosts import HostObservation, Observed
from adbray_ctl.services.collect import collect
from adbray_ctl.services.tools import Tools
from adbray_ctl.testing.hosts import FakeHosts
from adbray_ctl.testing.insight import FakeBundles
from tests.unit.cluster import applied, placed

FLEET = """\
kind: Fleet
ssh: {identity_file: keys/fleet}
hosts:
  - {name: a, address: 10.0.0.1, power: {wake: [ipmitool, -P, p0wer-word]}}
  - {name: b, address: 10.0.0.2}
  - {name: c, address: 10.0.0.3}
monitoring: {host: a, webhook_url_file: webhook}
"""
GROUP = """\
kind: RayCluster
name: demo
head: {size: small, hosts: {names: [a]}}
worker_groups: [{name: w, size: small, env: {KEY: "%s", SHORT: "7"}}]
"""
NOW_KEY, OLD_KEY, OTHER_KEY = 'new "key" 100%', "the old one", "of another group"
WEBHOOK = "https://alerts.example.com/hook/AbCdEf123456"


def forms(secret: str) -> tuple[str, ...]:
    encoded = base64.b64encode(f"user:{secret}".encode()).decode()
    quoted = json.dumps(secret)[1:-1]
    return secret, quoted, quoted.replace("%", "%%"), quote(secret, safe=""), encoded


def printed(host: str, secrets: Sequence[str]) -> HostFiles:
    """The files of a host that prints each secret in each form."""
    text = "".join(f"{form}\n" for secret in secrets for form in forms(secret))
    files = {"journal/x.log": text, "units/x.service": 'Environment="SHORT=7" 7'}
    return HostFiles(host=host, files=files, left_out=("ray/big.log",))


@dataclass
class Project:
    """A project whose group demo is applied; c gives no answer."""

    tools: Tools
    bundles: FakeBundles
    directory: Path
    notes: list[str] = field(default_factory=list)

    def collect(self, group: str = "demo") -> Bundle:
        def report(event: RunEvent) -> None:
            assert isinstance(event, Note)
            self.notes.append(event.text)

        return collect(self.tools, group, lines=9, since=1, versions={"adbray": "1"}, report=report)

    def secrets(self) -> list[str]:
        found = [NOW_KEY, OLD_KEY, OTHER_KEY, WEBHOOK, "p0wer-word", "fleet key line 0123456789"]
        for path in (self.directory / ".adbray" / "secrets").rglob("*"):
            if path.is_file():
                lines = path.read_text().strip().splitlines()
                found += [line for line in lines if not line.startswith("-----")]
        return found


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "groups").mkdir()
    (tmp_path / "keys").mkdir()
    begin, end = (f"-----{word} OPENSSH PRIVATE KEY-----\n" for word in ("BEGIN", "END"))
    (tmp_path / "keys" / "fleet").write_text(f"{begin}fleet key line 0123456789\n{end}")
    (tmp_path / "webhook").write_text(WEBHOOK + "\n")
    (tmp_path / "webhook").chmod(0o600)
    (tmp_path / "fleet.yml").write_text(FLEET)
    group = tmp_path / "groups" / "demo.yml"
    group.write_text(GROUP % NOW_KEY.replace('"', '\\"'))
    other = GROUP.replace("demo", "other") % OTHER_KEY
    (tmp_path / "groups" / "other.yml").write_text(other)
    tools = wiring.tools(tmp_path)
    for name in ("demo", "other"):
        tools.secrets.create(name)
    (tmp_path / ".adbray" / "secrets" / "grafana").write_text("admin-password-of-grafana\n")
    fleet = tools.specs.fleet()
    spec = tools.specs.group("demo", fleet)
    seen = applied(fleet, spec, placed(fleet, spec))
    silent = HostObservation(host="c", error="no answer")
    hosts = tuple(silent if host.host == "c" else host for host in seen.hosts)
    bundles = FakeBundles()
    made = replace(tools, hosts=FakeHosts(Observed(hosts=hosts)), bundles=bundles)
    found = Project(made, bundles, tmp_path)
    bundles.found = {name: printed(name, found.secrets()) for name in "abc"}
    log = tmp_path / "run.log"
    log.write_text(f"changed: {OLD_KEY} {NOW_KEY}\n")
    old = GROUP % OLD_KEY
    start = RunStart(
        group="demo",
        command="apply",
        started_at=1,
        plan='{"x": 1}',
        spec=old,
        fleet=FLEET,
        nodes=(),
    )
    number = made.history.begin(start)
    made.history.log(number, str(log))
    made.history.end(number, RunOutcome.FAILED, 2, f"it said {OLD_KEY}")
    return found


def test_no_secret_is_in_it_in_any_form(project: Project) -> None:
    found = project.collect()
    secrets = project.secrets()
    assert len(secrets) > 25
    for secret in secrets:
        for form in forms(secret):
            for name, text in found.files.items():
                assert form not in text, f"{name}: {secret}"
    assert found.files["hosts/a/units/x.service"] == 'Environment="SHORT=***" 7'


def test_values_that_hosts_alone_know_are_not_in_it(project: Project) -> None:
    value = 'still $in "use" 100%'
    unit = "Environment=HOME=/tmp\nEnvironment=" + json.dumps(f"KEY={value}").replace("%", "%%")
    shown = 'Environment=HOME=/tmp "KEY=still \\$in \\"use\\" 100%"'

    said = HostFiles(host="a", files={"journal/x.log": f"said {value}", "x.show": shown})
    units = HostFiles(host="b", files={"units/x.service": f'{unit}\nEnvironment="x\n'})
    project.bundles.found = {"a": said, "b": units}
    files = project.collect().files
    found = {name.rpartition("/")[2]: text for name, text in files.items() if "hosts/" in name}
    assert found == {
        "x.log": "said ***",
        "x.show": 'Environment=HOME=/tmp "KEY=***"',
        "x.service": 'Environment=HOME=/tmp\nEnvironment="KEY=***"\nEnvironment="x\n',
    }


def test_what_is_in_it(project: Project) -> None:
    found = project.collect()
    files = found.files
    assert next(iter(files)) == "manifest.json"
    assert {"fleet.yml", "groups/demo.yml", "status.json", "history.json", "versions.json"} < set(
        files
    )
    assert 'KEY: "***"' in files["groups/demo.yml"]
    assert "groups/other.yml" not in files
    assert json.loads(files["status.json"])["group"] == "demo"
    (run,) = json.loads(files["history.json"])
    assert (run["error"], run["plan"]) == ("it said ***", {"x": 1})
    assert files["runs/1-1.log"] == "changed: *** ***\n"
    manifest = json.loads(files["manifest.json"])
    assert set(manifest["files"]) == set(files) - {"manifest.json"}
    assert manifest["versions"] == {"adbray": "1"}
    missing = {one["what"]: one["why"] for one in manifest["missing"]}
    assert missing["hosts/c"] == "no answer"
    assert "hosts/a/ray/big.log" in missing
    assert manifest["silent_hosts"] == ["c"]
    assert "c" not in project.bundles.asked
    assert any("host 1 of " in note for note in project.notes)


def test_what_cannot_be_had_costs_nothing_else(project: Project) -> None:
    silent = HostFiles(host="a", error="it hangs")
    project.bundles.found = {**project.bundles.found, "a": silent}
    (project.directory / "groups" / "demo.yml").write_text("kind: RayCluster\nsizes: [\n")
    (project.directory / "run.log").unlink()
    found = project.collect()
    missing = {one.what for one in found.missing}
    assert {"groups/demo.yml", "plan.json", "runs/1-1.log", "hosts/a", "hosts/c"} <= missing
    assert found.silent == ("c", "a")
    assert "status.json" in found.files


def test_a_group_without_a_file_is_collected_from_its_hosts(project: Project) -> None:
    (project.directory / "groups" / "demo.yml").unlink()
    found = project.collect()
    assert "hosts/a/journal/x.log" in found.files
    assert "groups/demo.yml" in {one.what for one in found.missing}


def test_no_such_group(project: Project) -> None:
    hosts = FakeHosts(Observed(hosts=(HostObservation(host="a"), HostObservation(host="b"))))
    project.tools = replace(project.tools, hosts=hosts)
    with pytest.raises(UsageError, match="no group 'nobody'; groups: demo, other"):
        project.collect("nobody")
    (project.directory / "fleet.yml").write_text("kind: Fleet\n")
    with pytest.raises(SpecError):
        project.collect()


def run(project: Project, *arguments: str) -> None:
    state = State(directory=project.directory)
    vars(state)["tools"] = project.tools
    command.main(args=["demo", *arguments], obj=state, standalone_mode=False)


def test_the_archive_is_its_owners_alone_and_a_missing_host_a_failure(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    path = project.directory / "case.tar.gz"
    with pytest.raises(HostError, match="incomplete, without what c knows"):
        run(project, "-o", str(path))
    assert path.stat().st_mode & 0o777 == 0o600
    with tarfile.open(path) as archive:
        names = archive.getnames()
    assert names[0] == "case/manifest.json"
    assert "case/hosts/a/journal/x.log" in names
    screen = capsys.readouterr()
    assert screen.out.startswith(f"wrote {path}: ")
    assert "without hosts/c: no answer" in screen.err
    with pytest.raises(RefusedError, match="there is a file already"):
        run(project, "-o", str(path))


@pytest.mark.parametrize(
    "arguments", [["../etc"], ["demo", "--since", "soon"], ["demo", "-n", "0"]], ids=" ".join
)
def test_a_wrong_command_line_exits_2(arguments: list[str], tmp_path: Path) -> None:
    (tmp_path / "fleet.yml").write_text("kind: Fleet\nhosts: [{name: a, address: 10.0.0.1}]\n")
    code: Any = app.run(["-C", str(tmp_path), "collect", *arguments])
    assert code == 2
