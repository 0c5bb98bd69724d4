"""Findings of `adbray check` about proxies in the environment of a host."""

from __future__ import annotations

import pytest

from adbray_ctl.core.preflight.findings import FindingState
from adbray_ctl.core.preflight.judge import preflight
from adbray_ctl.core.preflight.readings import Check
from tests.unit.core.healthy_host import FLEET, answer, judge

PROXY = {"http_proxy": "http://proxy:3128"}
LACKS = "no_proxy lacks localhost"


@pytest.mark.parametrize(
    ("proxies", "state", "found"),
    [
        ({}, FindingState.OK, "none"),
        ({"systemd": {"no_proxy": "x"}}, FindingState.OK, "none"),
        (
            {"systemd": PROXY | {"NO_PROXY": "*"}},
            FindingState.OK,
            "no_proxy has the fleet's addresses",
        ),
        # adbray and Ray take no proxy to the fleet, and jobs do not get what logins have.
        ({"login": PROXY}, FindingState.OK, f"logins have http_proxy=http://proxy:3128; {LACKS}"),
        ({"systemd": PROXY}, FindingState.WARN, LACKS),
        (
            {"systemd": PROXY | {"no_proxy": "localhost,127.0.0.1,::1,10.0.0.0/8"}},
            FindingState.WARN,
            "no_proxy lacks 10.0.0.1",
        ),
    ],
)
def test_what_jobs_would_ask_a_proxy_for_is_a_warning(
    proxies: dict[str, dict[str, str]], state: FindingState, found: str
) -> None:
    (shown,) = [one for one in judge(proxies=proxies) if one.check is Check.PROXY]
    assert (shown.state, bool(shown.remedy)) == (state, state is FindingState.WARN)
    assert found in shown.found


def test_an_address_that_is_not_in_fleet_yml_has_to_be_excepted_too() -> None:
    units = PROXY | {"no_proxy": "localhost,127.0.0.1,::1,10.0.0.1"}
    answers = [answer(proxies={"systemd": units})]
    found = preflight(fleet=FLEET, answers=answers, needs={}, addresses=["10.7.0.9"])
    (shown,) = [one for one in found if one.check is Check.PROXY]
    assert shown.state is FindingState.WARN
    assert shown.found.endswith("no_proxy lacks 10.7.0.9")
