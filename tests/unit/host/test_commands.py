"""The commands that run on hosts: real ones, run on this machine by its own python3."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from adbray_ctl.core.observed.hosts import HostFacts, Trace
from adbray_ctl.core.orphans import Leftovers
from adbray_ctl.core.preflight.fixes import FixOutcome, HostFixResults
from adbray_ctl.core.preflight.readings import HostReadings
from adbray_ctl.core.proxies import set_in
from adbray_ctl.core.slot.disks import carrier
from tests.host_command import output


def run(*words: str, elsewhere: dict[str, object] | None = None) -> Any:
    return json.loads(output(elsewhere or {}, *words))


def test_observe_shows_every_trace_of_a_group(tmp_path: Path) -> None:
    folders: dict[str, object] = {
        "layout.ETC": tmp_path / "etc",
        "layout.DATA": tmp_path / "data",
        "layout.RUN": tmp_path / "run",
        "layout.UNITS": tmp_path / "units",
    }
    for name in (
        "etc/a",
        "etc/.slot/.ssh",
        "data/a/head",
        "data/e-f",
        "data/.images",
        "data/.slots/h.w-0.spill",
        "run",
        "units",
    ):
        (tmp_path / name).mkdir(parents=True)
    units = ["adbray-worker@c.w-0.service", "adbray-proc.service", "other@g.service"]
    units.append(r"var-lib-adbray-d\x2dx-w\x2d0.mount")
    for name in ("data/.images/b-1.w-0.img.new", *(f"units/{unit}" for unit in units)):
        (tmp_path / name).write_text("")
    (tmp_path / "etc/.slot/.ssh/authorized_keys").write_text(
        'restrict,command="sudo -n /slot --group gate" ssh-ed25519 AAAA\n'
    )
    lease = {"owner": {"id": "1", "text": "ops@ctl, pid 7: apply a"}, "since": 1, "until": 0}
    (tmp_path / "run/a.lease").write_text(json.dumps(lease))
    answer = run("observe", elsewhere=folders)
    assert answer["groups"] == ["a", "b-1", "c", "d-x", "e-f", "gate", "h"]
    found = {one["group"]: Trace.model_validate(one) for one in answer["traces"]}
    assert found["a"].what == (str(tmp_path / "data/a/head"), str(tmp_path / "etc/a"))
    assert found["a"].changed_by == "ops@ctl, pid 7: apply a"
    assert found["a"].changed_at == max(
        (tmp_path / name).stat().st_mtime for name in ("data/a", "etc/a")
    )
    assert found["c"].what == ("adbray-worker@c.w-0.service",)
    assert found["d-x"].what == (units[-1],)
    assert found["e-f"].changed_by == ""


def test_a_lease_that_was_given_back_says_who_had_it(tmp_path: Path) -> None:
    def ask(verb: str, who: str) -> Any:
        owner = json.dumps({"id": who, "text": f"{who}: apply"}) if who else ""
        where: dict[str, object] = {"layout.RUN": tmp_path}
        return run("lease", verb, "g", owner, "60", elsewhere=where)["held"]

    assert ask("take", "one") is None
    assert ask("take", "two")["owner"]["id"] == "one"
    ask("give", "two")
    assert ask("show", "") is not None, "it was not two's to give"
    ask("give", "one")
    assert ask("show", "") is None
    assert json.loads((tmp_path / "g.lease").read_text())["owner"]["text"] == "one: apply"
    assert ask("take", "two") is None
    ask("break", "")
    assert (ask("show", ""), (tmp_path / "g.lease").read_text()) == (None, "")


def test_a_lease_is_renewed_after_a_boot_and_not_after_the_last_group_s_end(tmp_path: Path) -> None:
    etc, below_run = tmp_path / "etc", tmp_path / "run"
    folders: dict[str, object] = {"layout.RUN": below_run, "layout.ETC": etc}

    def ask(verb: str) -> None:
        owner = json.dumps({"id": "one", "text": "x"})
        run("lease", verb, "g", owner, "60", elsewhere=folders)

    ask("renew")
    assert not below_run.exists()
    etc.mkdir()
    ask("renew")
    assert (below_run / "g.lease").exists()


@pytest.mark.parametrize("command", ["observe", "preflight"])
def test_what_a_command_needs_travels_with_it(command: str) -> None:
    answer = run(command, json.dumps({"path": "/", "spill_path": "/usr"}))
    if command == "preflight":
        readings = HostReadings.model_validate(answer)
        assert readings.spill_disk is not None
        assert readings.data_disk.point == "/"
        return
    facts = HostFacts.model_validate(answer["facts"])
    root = carrier("/", facts.file_systems)
    assert root is not None
    assert root.total_gb > root.free_gb > 0


def test_leftovers_of_this_machine_can_be_read() -> None:
    answer = run("leftovers")
    Leftovers.model_validate({**answer, "host": "here"})


def test_preflight_reads_this_machine() -> None:
    readings = HostReadings.model_validate(run("preflight", json.dumps({"names": ["localhost"]})))
    assert readings.memory.total_mb > 0
    assert readings.data_disk.total_gb > 0
    assert readings.names.unresolved == ()
    assert readings.python == ".".join(map(str, sys.version_info[:3]))
    assert 0 < readings.took_s < 30


def test_no_password_of_a_proxy_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "http_proxy": "http://u:secret@proxy:3128",
        "HTTP_PROXY": "http://u:se/cret@proxy:3128/",
        "https_proxy": "HTTP://u:se@cret@proxy:3128",
        "HTTPS_PROXY": "u:secret@proxy:3128",
        "all_proxy": "u:se//cret@proxy:3128",
        "ALL_PROXY": "socks5h://proxy:1080",
    }.items():
        monkeypatch.setenv(name, value)
    readings = HostReadings.model_validate(run("preflight", json.dumps({"names": []})))
    login = readings.proxies.login
    assert {name: login[name] for name in set_in(login)} == {
        "http_proxy": "http://proxy:3128",
        "HTTP_PROXY": "http://proxy:3128/",
        "https_proxy": "HTTP://proxy:3128",
        "HTTPS_PROXY": "proxy:3128",
        "all_proxy": "proxy:3128",
        "ALL_PROXY": "socks5h://proxy:1080",
    }


def test_fix_keeps_what_is_good() -> None:
    argument = {"fixes": ["inotify"], "sysctls": {"fs.inotify.max_user_instances": 1}}
    answer = {**run("fix", json.dumps(argument)), "host": "here"}
    results = HostFixResults.model_validate(answer).results
    assert [result.outcome for result in results] == [FixOutcome.KEPT]


def test_fix_says_why_it_cannot() -> None:
    argument = {"fixes": ["inotify"], "sysctls": {"fs.inotify.nosuch": 1}}
    answer = {**run("fix", json.dumps(argument)), "host": "here"}
    (result,) = HostFixResults.model_validate(answer).results
    assert result.outcome is FixOutcome.FAILED
    assert "/proc/sys/fs/inotify/nosuch" in result.detail
