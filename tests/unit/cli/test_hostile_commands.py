"""Commands whose cluster and hosts say hostile texts: what they print is what was said."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from adbray_ctl import wiring
from adbray_ctl.cli import app
from adbray_ctl.cli.render import drawing, screen
from adbray_ctl.cli.state import State
from adbray_ctl.core.jobs.job import Job
from adbray_ctl.core.observed.hosts import HostFacts, HostObservation, Observed
from adbray_ctl.core.observed.ray import RayJob
from adbray_ctl.core.observed.scaling import EVENTS_FILE
from adbray_ctl.testing.hosts import FakeHosts
from adbray_ctl.testing.jobs import FakeJobs
from tests.unit.cli.head_and_worker import FLEET, GROUP
from tests.unit.cluster import applied, placed
from tests.unit.core.gpu_hosts import FACTS
from tests.unit.hostile import TEXTS

COLUMNS = 50_000
DISK = {"point": "/", "device": "8:1", "kind": "ext4", "free_gb": 900, "total_gb": 999}


def saying(text: str, *hosts: HostObservation) -> FakeHosts:
    """Hosts whose head has an event that says ``text``."""
    event = {"number": 1, "at": 1.0, "kind": "start", "text": text}
    return FakeHosts(Observed(hosts=hosts), {EVENTS_FILE.format(group="demo"): json.dumps(event)})


def jobs(text: str) -> FakeJobs:
    """A cluster whose job runs and says ``text``."""
    return FakeJobs([Job(id="1", status="FAILED", entrypoint=text, message=text)], text)


def invoke(directory: Path, text: str, *arguments: str) -> None:
    """Run a command where everything says ``text``."""
    tools = wiring.tools(directory)
    fleet = tools.specs.fleet()
    (directory / "groups" / "demo.yml").write_text(GROUP)
    spec = tools.specs.group("demo", fleet)
    # The plan restarts the head, which interrupts the job.
    (directory / "groups" / "demo.yml").write_text(GROUP + "ray: {packages: [six]}\n")
    seen = applied(fleet, spec, placed(fleet, spec))
    hosts = [_with_job(host, text) for host in seen.hosts]
    silent = HostObservation(host="gone", error=text)
    head = saying(text, *hosts, silent)
    state = State(directory=directory)
    made = replace(tools, hosts=head, jobs=lambda _, __: jobs(text))
    vars(state)["tools"] = made
    with app.cli.make_context("adbray", ["-C", str(directory), *arguments]) as context:
        context.obj = state
        name, command, rest = app.cli.resolve_command(context, list(arguments))
        assert command is not None
        with command.make_context(name, rest, parent=context) as inner:
            command.invoke(inner)


def _with_job(host: HostObservation, text: str) -> HostObservation:
    job = RayJob(id="1", entrypoint=text, nodes=("id-head",))
    views = [view.model_copy(update={"jobs": (job,)}) for view in host.ray]
    facts = HostFacts.model_validate(FACTS | {"file_systems": (DISK,)})
    return host.model_copy(update={"ray": tuple(views), "facts": facts})


COMMANDS = {
    "job list demo": 1,
    "job status demo 1": 2,
    "events demo": 1,
    "status demo": 0,
    "plan demo": 1,
    "plan demo -o {}/saved.json": 1,
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_shows_what_was_said(
    command: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(drawing, "_PIPED_WIDTH", COLUMNS)
    (tmp_path / "groups").mkdir()
    gone = "{name: gone, address: 10.0.0.3, retired: true}"
    (tmp_path / "fleet.yml").write_text(FLEET.replace("]", f", {gone}]"))
    for text in TEXTS:
        invoke(tmp_path, text, *command.format(tmp_path).split())
        out = " ".join(capsys.readouterr().out.split())
        for line in screen.shown(text).split("\n"):
            assert out.count(" ".join(line.split())) >= COMMANDS[command], text
        assert "\x1b" not in out
