"""What sshd makes of the heads' user, setting by setting, and what a running head met."""

from __future__ import annotations

from typing import Any

import pytest

from adbray_ctl.core.observed.scaling import ScalingView, SilentHost
from adbray_ctl.core.preflight.findings import FindingState
from adbray_ctl.core.preflight.gate import unreached
from adbray_ctl.core.preflight.judge import preflight
from adbray_ctl.core.preflight.readings import Check, HostAnswer, Silence
from tests.unit.core.healthy_host import FLEET, NEEDS, answer, judge


def gate(**changes: Any) -> Any:
    (found,) = [one for one in judge(needs=NEEDS, gate=changes) if one.check is Check.GATE]
    return found


@pytest.mark.parametrize(
    "changes",
    [
        {"allowusers": ("ops", "adbray-slot")},
        {"allowusers": ("adbray-*",)},
        {"allowusers": ("*@10.0.0.0/8",)},
        {"denyusers": ("adbray", "adbray-slots", "adbray-?")},
        {"allowgroups": ("wheel", "adbray-slot")},
        {"allowgroups": ("staff",), "groups": ("adbray-slot", "staff")},
        {"authenticationmethods": "publickey,password publickey"},
        {"authorizedkeysfile": ("%h/.ssh/authorized_keys",)},
        {"authorizedkeysfile": ("/etc/%u/.slot", "/etc/adbray/.slot/.ssh/authorized_keys")},
        {"max_sessions": 1},
    ],
)
def test_an_sshd_that_lets_the_head_in(changes: dict[str, Any]) -> None:
    assert gate(**changes).state is FindingState.OK


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"allowusers": ("ops", "adbray")}, "AllowUsers leaves"),
        ({"denyusers": ("adbray-*",)}, "DenyUsers names"),
        ({"allowgroups": ("wheel",)}, "AllowGroups leaves"),
        ({"denygroups": ("adbray-slot",)}, "DenyGroups names"),
        ({"pubkeyauthentication": "no"}, "PubkeyAuthentication is no"),
        ({"authenticationmethods": "publickey,password"}, "publickey,password"),
        ({"authorizedkeysfile": ("/etc/keys/%u",)}, "/etc/keys/%u"),
        ({"authorizedkeysfile": ("none",)}, "AuthorizedKeysFile is none"),
        ({"forcecommand": "/bin/menu"}, "/bin/menu"),
        ({"chrootdirectory": "/srv"}, "/srv"),
        ({"max_sessions": 0}, "MaxSessions is 0"),
    ],
)
def test_an_sshd_that_keeps_the_head_out(changes: dict[str, Any], text: str) -> None:
    found = gate(**changes)
    assert found.state is FindingState.FAIL
    assert text in found.found
    assert found.remedy.startswith("in sshd_config there, ")


def test_what_is_not_known_of_sshd_is_not_judged() -> None:
    found = gate(known=False, why="there is no OpenSSH sshd")
    assert (found.state, "no OpenSSH" in found.found) == (FindingState.SKIPPED, True)


def test_without_a_group_it_is_a_warning() -> None:
    (found,) = [one for one in judge(gate={"denyusers": ("*",)}) if one.check is Check.GATE]
    assert found.state is FindingState.WARN


def test_what_a_head_met_is_a_finding_of_that_host() -> None:
    assert list(unreached(None)) == []
    view = ScalingView(at=1.0, silent=(SilentHost(host="b", reason="u@b does not let it in"),))
    (found,) = unreached(view)
    assert (found.host, found.check, found.state) == ("b", Check.GATE, FindingState.FAIL)
    assert "u@b does not let it in" in found.found


def test_hosts_with_other_releases_of_one_python_are_named() -> None:
    def one(host: str, release: str) -> HostAnswer:
        readings = answer(releases={"3.11": release, "3.9": "3.9.1"}).readings
        return HostAnswer(host=host, readings=readings)

    hosts = [{"name": name, "address": f"10.0.0.{n}"} for n, name in enumerate("abcd", 1)]
    fleet = FLEET.model_validate({"kind": "Fleet", "hosts": hosts})
    quiet = HostAnswer(host="d", silence=Silence(check=Check.SSH, what="no", hint=""))
    needs = dict.fromkeys("abcd", NEEDS)
    answers = [one("a", "3.11.2"), one("b", "3.11.9"), one("c", "3.11.2"), quiet]
    (found,) = [
        finding
        for finding in preflight(fleet=fleet, answers=answers, needs=needs)
        if finding.check is Check.PYTHON and finding.host == "-"
    ]
    assert (found.state, found.found) == (FindingState.WARN, "3.11.2 on a, c; 3.11.9 on b")
    same = [one(host, "3.11.2") for host in "abc"]
    findings = preflight(fleet=fleet, answers=same, needs=needs)
    assert not [f for f in findings if f.check is Check.PYTHON and f.host == "-"]
