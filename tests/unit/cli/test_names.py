"""Names that nothing has: each command refuses them, and asks no host for a group."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from adbray_ctl import wiring
from adbray_ctl.cli.app import run
from adbray_ctl.core.history import RunStart

# Whatever asks a host of these fails the test: unit tests reach no network.
FLEET = "kind: Fleet\nhosts: [{name: a, address: 10.0.0.1}, {name: bee, address: 10.0.0.2}]\n"
GROUP = "kind: RayCluster\nname: main\nworker_groups: [{name: cpu, size: small}]\n"
COMMANDS = (
    "status mian",
    "status mian --json",
    "status mian --watch",
    "top mian --once",
    "events mian",
    "events mian --follow",
    "logs mian head",
    "logs mian --list",
    "collect mian",
    "usage mian",
    "addresses mian",
    "env mian",
    "job submit mian -- true",
    "job list mian",
    "job status mian j",
    "job logs mian j",
    "job stop mian j",
    "validate mian",
    "check mian",
    "plan mian",
    "apply mian",
    "render mian -o out",
    "scale mian cpu --max 2",
    "restart mian head",
    "drain mian cpu-0",
    "upgrade mian --ray 2.60.0",
    "rollback mian",
    "backup mian -o file",
    "destroy mian --yes --force",
    "drill redis mian --yes",
    "unlock mian --yes",
    "history -g mian",
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "groups").mkdir()
    (tmp_path / "fleet.yml").write_text(FLEET)
    (tmp_path / "groups" / "main.yml").write_text(GROUP)
    return tmp_path


def refused(project: Path, capsys: pytest.CaptureFixture[str], line: str) -> str:
    assert run(["-C", str(project), *line.split()]) == 2, capsys.readouterr()
    told = capsys.readouterr()
    assert told.out == ""
    assert not (project / ".adbray" / "runs").exists()
    return told.err


@pytest.mark.parametrize("line", COMMANDS)
def test_a_group_that_does_not_exist(
    line: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = refused(project, capsys, line)
    assert "there is no group 'mian'; groups: main; did you mean 'main'?" in told


@pytest.mark.parametrize("line", COMMANDS)
def test_what_is_no_name_at_all(
    line: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "is no group's name" in refused(project, capsys, line.replace("mian", "../main"))


@pytest.mark.parametrize(
    ("line", "what"),
    [
        (
            "scale main cpus --max 2",
            "no worker group 'cpus' in group main; worker groups: cpu",
        ),
        ("wake be", "no host 'be' in fleet.yml; hosts: a, bee; did you mean 'bee'?"),
        ("replace be new=10.0.0.3", "no host 'be' in fleet.yml; hosts: a, bee; did"),
        ("replace a be", "no host 'be' in fleet.yml; hosts: a, bee; did"),
        ("history show 7", "there is no run 7"),
        ("history show -- -1", "there is no run -1"),
        ("history show 99999999999999999999", "there is no run 99999999999999999999"),
        ("rollback main --to 99999999999999999999", "there is no run"),
        ("status --watch --every nan", "'nan' is not a number of seconds"),
        ("status --watch --every inf", "inf is not in the range"),
        ("status --watch --every 1e300", "is not in the range"),
        ("top --every nan", "'nan' is not a number of seconds"),
        ("usage --by hour", "Invalid value for '--by'"),
        ("drill redis main --process raylets", "Invalid value for '--process'"),
        ("replace \udcff new=10.0.0.3", "no host '\\udcff' in fleet.yml; hosts: a, bee"),
        ("job submit main -- echo \udcff", "is not UTF-8"),
        ("job submit main --env A=\udcff -- true", "is not UTF-8"),
        ("job submit main --working-dir= -- true", "--working-dir: its value is empty"),
        ("job submit main --submission-id a/b -- true", "'a/b' cannot be the id of a job"),
        ("job submit main --submission-id= -- true", "'' cannot be the id of a job"),
        (f"job submit main --submission-id {'x' * 129} -- true", "cannot be the id of a job"),
        ("job submit main --submission-id .. -- true", "cannot be the id of a job"),
        ("job submit main --entrypoint-num-cpus nan -- true", "cannot have nan CPUs"),
        ("job submit main --entrypoint-num-cpus -1 -- true", "cannot have -1 CPUs"),
        ("job submit main --entrypoint-num-cpus 0.00001 -- true", "cannot have 1e-05 CPUs"),
        ("job submit main --entrypoint-num-gpus inf -- true", "cannot have inf GPUs"),
        ("job submit main --entrypoint-memory 2GiB -- true", "'2GiB' is not a valid integer"),
        ('job submit main --entrypoint-resources {"a":true} -- true', 'write it like {"name": 1}'),
        ('job submit main --entrypoint-resources {"CPU":1} -- true', "use --entrypoint-num-cpus"),
        ("job submit main --metadata-json [1] -- true", 'write it like {"name": "text"}'),
        ("job submit main --runtime-env-json {pip -- true", "it is not JSON"),
        (
            "job submit main --runtime-env nowhere.yml -- true",
            "nowhere.yml: the file does not exist",
        ),
        ("job submit main --runtime-env . -- true", ".: this is not a file"),
        (
            "job submit main --runtime-env fleet.yml --runtime-env-json {} -- true",
            "a job has one runtime environment",
        ),
    ],
)
def test_other_names_and_numbers(
    line: str, what: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert what in refused(project, capsys, line)


def test_an_empty_command_is_no_job(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["-C", str(project), "job", "submit", "main", "--", " "]) == 2
    assert "the command is empty" in capsys.readouterr().err


def test_the_history_knows_groups_that_have_no_file(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    history = wiring.tools(project).history
    files = {"plan": "", "spec": "", "fleet": ""}
    start = {"group": "old", "command": "apply", "started_at": time.time(), "nodes": ()}
    history.begin(RunStart.model_validate(start | files))
    assert run(["-C", str(project), "history", "-g", "old"]) == 0
    assert "old" in capsys.readouterr().out
    assert "runs: 1 to 1" in refused(project, capsys, "history show 2")
    # Without its file it cannot be planned, nor can its file be given an older text.
    for line in ("plan old", "rollback old --to 1 --force", "scale old cpu --max 1"):
        assert "there is no group 'old'; groups: main" in refused(project, capsys, line)


def test_a_lab_host_that_does_not_exist(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["-C", str(tmp_path), "lab", "cut", "lab1"]) == 1
    assert "there is no lab here" in capsys.readouterr().err
    (tmp_path / ".adbray" / "lab").mkdir(parents=True)
    plan = '{"id": "abcde", "subnet": "198.18.9", "count": 2}'
    (tmp_path / ".adbray" / "lab" / "lab.json").write_text(plan)
    for verb in ("cut", "heal", "kill", "start"):
        assert run(["-C", str(tmp_path), "lab", verb, "lab1", "lab22"]) == 2
        told = capsys.readouterr().err
        assert "there is no host 'lab22' in this lab; hosts: lab1, lab2; did you mean" in told
