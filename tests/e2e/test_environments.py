"""What a job finds around it: packages of its own, and proxies that keep away from the fleet."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import E2E_JOBS, GROUP, Project, Result, run
from tests.proxy_server import Proxy, proxy

WHEEL = "adbray_e2e_wheel-1.0-py3-none-any.whl"


@pytest.fixture
def wheel_dir(tmp_path: Path) -> Path:
    """A working directory with a job, and the wheel that it needs: no index has it."""
    shutil.copy(E2E_JOBS / "from_wheel.py", tmp_path)
    name = "adbray_e2e_wheel"
    about = f"{name}-1.0.dist-info"
    files = {
        f"{name}.py": "WORD = 'from the wheel'\n",
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    listed = "".join(f"{path},,\n" for path in (*files, f"{about}/RECORD"))
    with zipfile.ZipFile(tmp_path / WHEEL, "w") as file:
        for path, text in {**files, f"{about}/RECORD": listed}.items():
            file.writestr(path, text)
    return tmp_path


def _ray(cluster: Project, *arguments: str, environment: dict[str, str] | None = None) -> Result:
    """Ray's own command line, with what `adbray env` prints."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")} | (environment or {})
    command = [sys.executable, "-m", "adbray_ctl", "-C", str(cluster.directory), "env", GROUP]
    printed = run(command, timeout_s=120, env=clean)
    assert printed.code == 0, printed.err
    exports = dict(re.findall(r"^export (\w+)=(\S+)$", printed.out, flags=re.MULTILINE))
    tool = str(Path(sys.executable).with_name("ray"))
    return run([tool, *arguments], timeout_s=400, env=clean | exports)


@pytest.mark.parametrize("installer", ["pip", "uv"])
def test_a_job_brings_a_wheel_and_needs_no_index(
    cluster: Project, wheel_dir: Path, installer: str
) -> None:
    wheel = "${RAY_RUNTIME_ENV_CREATE_WORKING_DIR}/" + WHEEL
    wanted = json.dumps({installer: [wheel]})
    submit = ["job", "submit", "--working-dir", str(wheel_dir), "--runtime-env-json", wanted]
    result = _ray(cluster, *submit, "--", "python", "from_wheel.py")
    assert result.code == 0, result.out + result.err
    assert "driver from the wheel task from the wheel" in result.out


@pytest.fixture
def company(cluster: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """A proxy that this process, every host's logins and every unit that starts now are given."""
    subnet = cluster.addresses["lab1"].rpartition(".")[0] + "."
    with proxy(subnet, "127.", "localhost", bind=f"{subnet}1") as served:
        given = served.variables(f"{subnet}1")
        for name, value in given.items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        words = [f"{name}={value}" for name, value in given.items()]
        for host in cluster.addresses:
            cluster.on(
                host,
                f"cp -p /etc/environment /etc/environment.before && printf '%s\\n' "
                f"{' '.join(words)} >> /etc/environment && systemctl set-environment"
                f" {' '.join(words)}",
            )
        try:
            yield served
        finally:
            for host in cluster.addresses:
                cluster.on(
                    host,
                    "mv /etc/environment.before /etc/environment && systemctl"
                    f" unset-environment {' '.join(given)}",
                )


def test_no_proxy_sees_a_request_for_the_fleet(cluster: Project, company: Proxy) -> None:
    # Both get the variables now.
    cluster.ok("restart", GROUP, "head", "large-0", "--yes")
    assert cluster.status()["ready"]
    job = ("job", "submit", GROUP, "--working-dir", str(E2E_JOBS))
    url = company.variables(cluster.addresses["lab1"].rpartition(".")[0] + ".1")["http_proxy"]
    for own in ([], [f"http_proxy={url}", "no_proxy=corp.example"]):
        given = [word for one in own for word in ("--env", one)]
        told = cluster.ok(*job, *given, "--", "python", "past_proxies.py")
        assert "worker sees" in told
    # A placement group keeps its CPUs, where a task that waits gives its own away.
    demand = ("python", "demand.py", "6", "1", '{"num_cpus": 1}', "PACK")
    ran = cluster.ok(*job, "--", *demand)
    assert {"small-0", "small-1"} <= set(re.findall(r"small-\d", ran)), "the head started one"
    assert cluster.json("drill", "head-process", GROUP, "--yes")["recovered_s"] < 60
    found = cluster.json("job", "list", GROUP)
    assert "past_proxies" in "".join(one["entrypoint"] for one in found)
    assert _ray(cluster, "job", "list").code == 0
    cluster.ok("events", GROUP)
    assert "nothing to change" in cluster.ok("apply", GROUP)
    findings = cluster.json("check", GROUP)["findings"]
    proxies = [one for one in findings if one["check"] == "proxy"]
    assert {one["state"] for one in proxies} == {"warn"}
    assert company.for_fleet() == []
