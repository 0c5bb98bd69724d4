"""Exit codes and messages of the command line, for input that never reaches a host."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from adbray_ctl.adapters.specs.file import load_fleet
from adbray_ctl.adapters.specs.templates import rendered
from adbray_ctl.cli.app import cli, run
from adbray_ctl.core.lab import LabPlan
from tests.unit.cases import SpecCase, spec_cases


@pytest.mark.parametrize("case", spec_cases("bad_specs"), ids=str)
def test_bad_spec_exits_2_with_file_and_line(
    case: SpecCase, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    case.write(tmp_path)
    assert run(["-C", str(tmp_path), "validate"]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    told = output.err.replace(f"{tmp_path}/", "")
    for fragment in case.expect:
        assert fragment in told
    assert "Traceback" not in output.err


@pytest.mark.parametrize("case", spec_cases("good_specs"), ids=str)
def test_good_spec_exits_0(case: SpecCase, tmp_path: Path) -> None:
    case.write(tmp_path)
    assert run(["-C", str(tmp_path), "validate"]) == 0
    assert run(["-C", str(tmp_path), "validate", "--json"]) == 0


@pytest.mark.parametrize("kind", ["fleet", "group"])
def test_schema_is_json(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["schema", kind]) == 0
    assert json.loads(capsys.readouterr().out)["type"] == "object"


@pytest.mark.parametrize("name", sorted(cli.commands))
def test_every_verb_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([name, "--help"]) == 0
    assert "Usage: adbray" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["no-such-verb"],
        ["apply", "--no-such-option"],
        ["job", "submit"],
        ["init"],
        ["init", "10.0.0.1", "--lab"],
        ["init", "not a host"],
        ["init", "10.0.0.1", "10.0.0.1"],
        ["init", "10.0.0.1:70000"],
        ["init", "10.0.0.1", "--identity-file", "100%"],
        ["init", "--lab"],
        ["lab", "up", "--hosts", "0"],
        ["lab", "up", "--hosts", "-1", "--vm", "1"],
        ["lab", "up", "--vm", "9"],
        ["lab", "up", "--vm", "1", "--vm-disk", "btrfs"],
        ["apply"],
        ["apply", "nosuch"],
        ["status"],
        ["destroy", "nosuch"],
        ["env", "nosuch"],
        ["orphans"],
        ["orphans", "--yes"],
        ["orphans", "--force"],
        ["orphans", "oldgroup"],
        ["orphans", "--remove", "--json"],
        ["orphans", "--remove", "--nosuch"],
        ["completion", "tcsh"],
    ],
    ids=" ".join,
)
def test_bad_usage_exits_2(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["-C", str(tmp_path), *arguments]) == 2
    assert "Traceback" not in capsys.readouterr().err
    assert not list(tmp_path.glob("*.yml"))


def test_init_writes_once_and_then_refuses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["-C", str(tmp_path), "init", "ops@10.0.0.1:2222", "node2.example.com"]
    assert run(arguments) == 0
    assert run(["-C", str(tmp_path), "validate"]) == 0
    before = (tmp_path / "fleet.yml").read_text()
    assert "node2" in before
    assert "port: 2222" in before
    assert run(arguments) == 3
    assert (tmp_path / "fleet.yml").read_text() == before
    assert "exists already" in capsys.readouterr().err


def test_init_makes_up_names_that_are_free_and_allowed(tmp_path: Path) -> None:
    hosts = ["host2", "10.0.0.2", "localhost", "all.example.com", "host2.example.com"]
    assert run(["-C", str(tmp_path), "init", *hosts]) == 0
    found = [host.name for host in load_fleet(tmp_path / "fleet.yml").hosts]
    assert found == ["host2", "host3", "host4", "host5", "host6"]


def test_init_quotes_the_key_file(tmp_path: Path) -> None:
    arguments = ["init", "10.0.0.1", "--identity-file", "keys/of ops: #1"]
    assert run(["-C", str(tmp_path), *arguments]) == 0
    found = load_fleet(tmp_path / "fleet.yml").ssh.identity_file
    assert found == str(tmp_path / "keys/of ops: #1")


def test_init_for_a_lab_refuses_a_fleet_of_something_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "fleet.yml").write_text("kind: Fleet\nhosts: [{name: a, address: 10.0.0.1}]\n")
    assert run(["-C", str(tmp_path), "init", "--lab"]) == 2
    assert "fleet.yml is not of a lab" in capsys.readouterr().err
    assert not (tmp_path / "groups").exists()


def test_init_for_a_lab_names_hosts_that_it_has(tmp_path: Path) -> None:
    plan = LabPlan(id="0", subnet="198.18.1", count=2)
    (tmp_path / "fleet.yml").write_text(rendered("lab_fleet.yml.j2", hosts=plan.hosts))
    assert run(["-C", str(tmp_path), "init", "--lab"]) == 0
    assert run(["-C", str(tmp_path), "validate"]) == 0
    assert "names: [lab2]" in (tmp_path / "groups" / "quickstart.yml").read_text()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("scale main cpu --min 5 --max 2", "--min 5 and --max 2 cannot be set: worker_groups[0]"),
        ("scale main cpu --max 99", "--max 99 cannot be set: worker_groups[0].max_workers: 99 is"),
        ("upgrade main --ray 2.40.0", "--ray 2.40.0 cannot be set: ray.version: "),
        ("upgrade main --ray 2026-13-45", "--ray 2026-13-45 cannot be set: ray.version: "),
    ],
)
def test_an_option_that_does_not_fit_is_told_without_lines(
    arguments: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["-C", str(tmp_path), "init", "10.0.0.1"]) == 0
    path = tmp_path / "groups" / "main.yml"
    before = path.read_text()
    assert run(["-C", str(tmp_path), *arguments.split()]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {told}")
    assert "main.yml" not in error
    assert path.read_text() == before


def test_a_job_without_its_script_is_refused_before_anything_is_sent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "main.py").write_text("print(1)\n")
    submit = ["-C", str(tmp_path), "job", "submit", "g", "--working-dir", str(tmp_path), "--"]
    assert run([*submit, "python", "mian.py"]) == 2
    assert "'mian.py' is not in the working directory" in capsys.readouterr().err
    missing = str(tmp_path / "nosuch")
    submit = ["-C", str(tmp_path), "job", "submit", "g", "--working-dir", missing, "--"]
    assert run([*submit, "python", "main.py"]) == 2
    assert "does not exist" in capsys.readouterr().err


def test_full_disk_and_permissions_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["-C", "/proc", "init", "10.0.0.1"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert "Traceback" not in error
