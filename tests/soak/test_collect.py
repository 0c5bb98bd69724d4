"""What tells of a cluster's state and past, on a real one: logs, loads, bundles without secrets."""

from __future__ import annotations

import base64
import io
import json
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.e2e.conftest import GROUP, REPOSITORY, Project

API_KEY = "s3cr3t/of+the team=42%"
KEPT = "/var/lib/adbray-logs"
LOGS = "tmp/ray/session_2*/logs"


@pytest.fixture(scope="module")
def telling(lab: Project) -> Iterator[Project]:
    """A cluster whose workers have a secret of the user's, and print it."""
    lab.ok("init", "--lab")
    path = lab.directory / "groups" / f"{GROUP}.yml"
    text = path.read_text()
    assert "  - name: small\n" in text
    env = f"  - name: small\n    env: {{API_KEY: {json.dumps(API_KEY)}, LEVEL: '1'}}\n"
    path.write_text(text.replace("  - name: small\n", env))
    lab.ok("apply", GROUP)
    yield lab
    lab.ok("destroy", GROUP, "--yes", "--force")
    for host in lab.addresses:
        left = f"ls -d {KEPT} /etc/systemd/system/*adbray*; true"
        assert lab.on(host, left) == ""
        assert lab.on(host, "systemctl list-units --all --no-legend '*adbray*'") == ""


def running(telling: Project, group: str = "small") -> dict[str, Any]:
    slots = telling.status()["slots"]
    found: dict[str, Any] = next(
        s for s in slots if s["worker_group"] == group and s["state"] == "running"
    )
    return found


def until(condition: Callable[[], bool], within_s: float = 90) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {within_s:g} s"
        time.sleep(0.5)


def test_logs_of_a_node_that_runs(telling: Project) -> None:
    slot = running(telling)["slot"]
    lines = telling.ok("logs", GROUP, slot).splitlines()
    sources = {line.split(" | ")[0] for line in lines}
    assert {"journal", "raylet.out"} <= sources
    alone = telling.ok("logs", GROUP, slot, "--file", "raylet.out", "-n", "3").splitlines()
    assert len(alone) == 3
    assert not alone[0].startswith("raylet.out")
    assert "gcs_server.out | " in telling.ok("logs", GROUP, "head")
    assert "journal | " in telling.ok("logs", GROUP, "redis")
    assert telling.ok("logs", GROUP, slot, "--since", "2099-01-01") == ""
    missing = telling.adbray("logs", GROUP, "small-9")
    assert missing.code == 2
    assert "nodes: head" in missing.err


def test_logs_are_followed_until_interrupted(telling: Project) -> None:
    one = running(telling)
    command = [sys.executable, "-m", "adbray_ctl", "-C", str(telling.directory)]
    command += ["logs", GROUP, one["slot"], "-f", "-n", "1", "--json"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=REPOSITORY
    ) as follower:
        assert follower.stdout is not None
        assert follower.stderr is not None
        assert json.loads(follower.stdout.readline())["text"]
        said = f"said in a test {time.time()}"
        log = f"/var/lib/adbray/{GROUP}/{one['slot']}/{LOGS}/raylet.out"
        telling.on(one["host"], f"for log in {log}; do echo '{said}' >> $log; done")
        for line in follower.stdout:
            if json.loads(line) == {"source": "raylet.out", "text": said}:
                break
        follower.send_signal(signal.SIGINT)
        assert follower.wait(10) == 130
        assert follower.stderr.read().strip() == "interrupted"
    until(lambda: telling.on(one["host"], "pgrep -cf 'journalctl.*-[f]' || true") == "0", 10)


def test_logs_outlive_their_worker_and_hold_up_no_start(telling: Project) -> None:
    one = running(telling)
    unit = f"adbray-worker@{GROUP}.{one['slot']}.service"
    logs = f"/var/lib/adbray/{GROUP}/{one['slot']}/{LOGS}"
    fill = f"cd {logs} && for n in 1 2 3 4; do base64 /dev/urandom | head -c 15M > old-$n.log; done"
    telling.on(one["host"], fill)
    telling.on(one["host"], f"echo 'its last words' >> $(ls {logs}/raylet.out)")
    started = f"systemctl show -P ExecMainStartTimestampMonotonic {unit}"
    before = telling.on(one["host"], started)
    began = time.monotonic()
    telling.on(one["host"], f"systemctl kill -s SIGKILL {unit}")
    until(lambda: telling.on(one["host"], started) not in (before, "0"))
    sys.stderr.write(
        f"\nstarted again {time.monotonic() - began:.1f} s after the kill, with 60 MiB of logs\n"
    )
    assert time.monotonic() - began < 10
    until(lambda: bool(telling.json("logs", GROUP, one["slot"], "--list")))
    kept = telling.json("logs", GROUP, one["slot"], "--list")[-1]
    assert kept["host"] == one["host"]
    assert kept["size"] > 2**20
    shown = telling.ok("logs", GROUP, one["slot"], "--previous", "--file", "raylet.out")
    assert "its last words" in shown
    journal = telling.ok("logs", GROUP, one["slot"], "--start", kept["start"], "--file", "journal")
    assert "SIGKILL" in journal or "killed" in journal
    waiting = telling.on(one["host"], f"ls /var/lib/adbray/{GROUP}/{one['slot']}/logs")
    assert "Z" not in waiting, "the slot has its room back"
    modes = telling.on(one["host"], f"stat -c %a {KEPT} {KEPT}/{GROUP} {KEPT}/{GROUP}/*/*.tar.gz")
    assert set(modes.split()) == {"700", "600"}
    until(lambda: telling.status()["ready"])


def test_a_full_disk_of_the_host_costs_logs_and_nothing_else(telling: Project) -> None:
    one = running(telling)
    unit = f"adbray-worker@{GROUP}.{one['slot']}.service"
    telling.on(one["host"], f"mkdir -p {KEPT} && mount -t tmpfs -o size=40k tmpfs {KEPT}")
    try:
        before = telling.slot(one["slot"])["restarts"]
        telling.on(one["host"], f"systemctl kill -s SIGKILL {unit}")
        until(lambda: telling.slot(one["slot"])["restarts"] > before)
        until(lambda: telling.status()["ready"])
        waiting = f"ls /var/lib/adbray/{GROUP}/{one['slot']}/logs | grep Z; true"
        until(lambda: telling.on(one["host"], waiting) == "")
        assert telling.on(one["host"], "systemctl list-units --failed --no-legend") == ""
    finally:
        telling.on(one["host"], f"umount {KEPT}")


def test_top_tells_what_nodes_use(telling: Project) -> None:
    busy = "import ray; ray.init(); f = ray.remote(lambda: sum(range(10**10)))"
    job = f"{busy}; ray.wait([f.options(num_cpus=1).remote()], timeout=60)"
    telling.ok("job", "submit", GROUP, "--no-wait", "--", "python", "-c", job)
    found: list[dict[str, Any]] = []

    def works() -> bool:
        found[:] = telling.json("top", GROUP, "--once")["slots"]
        return any((slot["cores"] or 0) > 0.3 for slot in found if slot["kind"] == "worker")

    until(works)
    assert {slot["slot"] for slot in found} >= {"head", "small-0", "large-0"}
    for slot in found:
        if slot["runs"]:
            assert 0 < slot["memory"] < slot["memory_limit"]
            assert 0 < slot["disk"] < slot["disk_size"] <= 3 * 2**30
            assert slot["cores"] is not None
    shares = [(slot["cores"] or 0) / slot["cpus"] for slot in found]
    assert shares == sorted(shares, reverse=True)
    assert "MiB" in telling.ok("top", "--once", "--sort", "memory")


def secrets(telling: Project) -> set[str]:
    found = {API_KEY}
    for path in (telling.directory / ".adbray" / "secrets").rglob("*"):
        if path.is_file():
            found |= {line for line in path.read_text().split() if len(line) > 20}
    key = telling.directory / ".adbray" / "lab" / "id_ed25519"
    return found | {line for line in key.read_text().split() if len(line) > 20}


def unpacked(path: Path) -> dict[str, str]:
    with tarfile.open(path) as archive:
        found = {}
        for entry in archive:
            file = archive.extractfile(entry)
            assert file is not None
            found[entry.name.partition("/")[2]] = file.read().decode()
    return found


def require_no_secret(telling: Project, files: dict[str, str]) -> None:
    for secret in secrets(telling):
        forms = {
            *(secret, json.dumps(secret)[1:-1], quote(secret, safe=""), secret.replace("%", "%%")),
            *(base64.b64encode(secret.encode()).decode(), secret.encode().hex()),
        }
        for name, text in files.items():
            assert not [form for form in forms if form in text], f"{name}: {secret[:4]}..."


def test_a_bundle_has_all_but_secrets(telling: Project, tmp_path: Path) -> None:
    # As programs of users do.
    slot = running(telling)
    logs = f"/var/lib/adbray/{GROUP}/{slot['slot']}/{LOGS}"
    token = telling.secret("token")
    for text in (token, base64.b64encode(f"user:{token}".encode()).decode(), quote(API_KEY)):
        telling.on(slot["host"], f"cd {logs} && printf '%s\\n' 'I know {text}' >> raylet.out")
    telling.on(slot["host"], f"logger -t adbray-slot 'key {API_KEY}'")
    path = tmp_path / "case.tar.gz"
    began = time.monotonic()
    done = telling.adbray("collect", GROUP, "-o", str(path))
    assert done.code == 0, done.err
    sys.stderr.write(f"\ncollected in {time.monotonic() - began:.1f} s: {done.out}")
    assert path.stat().st_mode & 0o777 == 0o600
    files = unpacked(path)
    require_no_secret(telling, files)
    manifest = json.loads(files["manifest.json"])
    assert manifest["silent_hosts"] == []
    assert set(manifest["files"]) == set(files) - {"manifest.json"}
    for name in ("fleet.yml", f"groups/{GROUP}.yml", "status.json", "plan.json", "events.json"):
        assert files[name], name
    assert 'API_KEY: "***"' in files[f"groups/{GROUP}.yml"]
    head, redis = telling.slot("head")["host"], telling.slot("redis")["host"]
    assert f"hosts/{head}/ray/head/gcs_server.out" in files
    assert "redis_version:" in files[f"hosts/{redis}/redis/redis.info"]
    assert "I know ***" in files[f"hosts/{slot['host']}/ray/{slot['slot']}/raylet.out"]
    units = [name for name in files if name.endswith(f"@{GROUP}.{slot['slot']}.service")]
    assert any("***" in files[name] for name in units)
    assert [name for name in files if name.startswith("runs/")]
    assert [name for name in files if "/kept/" in name]
    again = telling.adbray("collect", GROUP, "-o", str(path))
    assert again.code == 3


def test_a_bundle_without_a_head_and_a_host(telling: Project, tmp_path: Path) -> None:
    head = telling.slot("head")["host"]
    cut = next(host for host in telling.addresses if host != head)
    telling.on(head, f"systemctl stop adbray-head@{GROUP}.service")
    telling.ok("lab", "cut", cut)
    try:
        path = tmp_path / "case.tar.gz"
        done = telling.adbray("collect", GROUP, "-o", str(path), "--since", "2h")
        assert done.code == 1
        assert f"incomplete, without what {cut} knows" in done.err
        assert "Traceback" not in done.err
    finally:
        telling.ok("lab", "heal", cut)
        telling.on(head, f"systemctl start adbray-head@{GROUP}.service")
    files = unpacked(path)
    require_no_secret(telling, files)
    assert json.loads(files["manifest.json"])["silent_hosts"] == [cut]
    assert f"hosts/{head}/journal/adbray-head@{GROUP}.service.log" in files
    until(lambda: telling.status()["ready"], 180)


def test_archives_are_plain(telling: Project) -> None:
    """Whoever gets one needs nothing but tar."""
    for host in telling.addresses:
        names = telling.on(host, f"ls {KEPT}/{GROUP}/*/*.tar.gz 2>/dev/null; true").split()
        for name in names[:1]:
            data = base64.b64decode(telling.on(host, f"base64 -w0 {name}"))
            with tarfile.open(fileobj=io.BytesIO(data)) as archive:
                assert "raylet.out" in archive.getnames()
