"""The thin line through everything: a spec becomes a cluster, jobs run, faults heal, all goes."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.e2e.conftest import E2E_JOBS, GROUP, REPOSITORY, Project, Result, run

JOBS = REPOSITORY / "examples" / "jobs"


def test_status_matches_ray(cluster: Project) -> None:
    status = cluster.status()
    assert status["ready"]
    slots = {slot["slot"]: slot for slot in status["slots"]}
    assert set(slots) == {"head", "redis", "small-0", "small-1", "large-0", "large-1"}
    small = sorted(slots[name]["state"] for name in ("small-0", "small-1"))
    assert small == ["prepared", "running"], "whichever the autoscaler chose"
    assert slots["redis"]["host"] != slots["head"]["host"]
    assert slots["large-0"]["host"] == slots["large-1"]["host"] == "lab3"
    running = [s for s in slots.values() if s["state"] == "running" and s["kind"] != "redis"]
    # The autoscaler, whose report this is, looks at the cluster every 5 s.
    _until(lambda: _nodes_of(_ray_status(cluster, slots["head"]["host"])) == len(running))
    ray = _ray_status(cluster, slots["head"]["host"])
    cpus = sum(slot["cpus"] for slot in running if slot["kind"] == "worker")
    assert f"/{cpus}.0 CPU" in ray, "the head must bring no CPU"


def test_apply_again_changes_nothing(cluster: Project, tmp_path: Path) -> None:
    result = cluster.adbray("apply", GROUP)
    assert result.code == 0, result.err
    assert "nothing to change" in result.out
    assert result.err == "", "no playbook ran"
    cluster.ok("render", GROUP, "-o", str(tmp_path))
    command = ["ansible-playbook", "-i", str(tmp_path), "playbooks/site.yml"]
    by_hand = _run_tool(*command)
    assert by_hand.code == 0, by_hand.out + by_hand.err
    recap = re.findall(r"changed=(\d+)", by_hand.out)
    assert len(recap) == 3
    assert set(recap) == {"0"}


def test_plain_ray_client_needs_the_token(cluster: Project) -> None:
    environment = _exports(cluster.ok("env", GROUP))
    submit = ["job", "submit", "--working-dir", str(JOBS), "--", "python", "hello.py"]
    accepted = _run_tool("ray", *submit, env=environment)
    assert accepted.code == 0, accepted.out + accepted.err
    assert "hello from lab3" in accepted.out
    # It has more tasks than there are CPUs, which wait for their turn.
    for alarm in ("infeasible", "No available node types"):
        assert alarm not in accepted.out + accepted.err
    listed = _run_tool("ray", "job", "list", env=environment)
    assert listed.code == 0
    assert "SUCCEEDED" in listed.out
    address = {"RAY_ADDRESS": environment["RAY_ADDRESS"]}
    for arguments in (["job", "list"], submit):
        refused = _run_tool("ray", *arguments, env=address)
        assert refused.code != 0
        assert re.search("authentic|token|401", refused.out + refused.err, flags=re.IGNORECASE)


def test_ray_client_needs_the_token(cluster: Project) -> None:
    client = cluster.json("addresses", GROUP)["client"]
    code = f"import ray; ray.init({client!r}); print(sorted(ray.cluster_resources()))"
    environment = _exports(cluster.ok("env", GROUP))
    del environment["RAY_ADDRESS"]
    accepted = _run_tool("python", "-W", "ignore", "-c", code, env=environment)
    assert accepted.code == 0, accepted.err
    assert "CPU" in accepted.out
    refused = _run_tool("python", "-W", "ignore", "-c", code, env={})
    assert refused.code != 0


def test_a_job_brings_its_runtime_environment(cluster: Project, tmp_path: Path) -> None:
    (tmp_path / "lent").mkdir()
    (tmp_path / "lent" / "__init__.py").write_text("NAME = 'lent'\n")
    file = tmp_path / "env.yml"
    file.write_text(f"py_modules: [{tmp_path / 'lent'}]\nenv_vars: {{GIVEN: by file, OTHER: no}}\n")
    label = json.dumps({"adbray.io/slot": "large-0"})
    needs = ("--entrypoint-num-cpus", "0.1", "--entrypoint-label-selector", label)
    job = ("--submission-id", "brings", "--metadata-json", '{"team": "a"}', "--env", "OTHER=yes")
    options = ("--working-dir", str(E2E_JOBS), "--runtime-env", str(file), *needs, *job)
    entrypoint = ("python", "surroundings.py")
    printed = cluster.ok("job", "submit", GROUP, *options, "--", *entrypoint)
    assert "lent by file yes large-0" in printed
    cluster.ok("job", "delete", GROUP, "brings")
    assert "brings" not in {row["id"] for row in cluster.json("job", "list", GROUP)}


def test_objects_spill_to_the_slots_own_disk(cluster: Project) -> None:
    result = cluster.adbray(
        *("job", "submit", GROUP, "--working-dir", str(E2E_JOBS), "--", "python", "spill.py")
    )
    assert result.code == 0, result.out + result.err
    spilled = int(re.findall(r"spilled (\d+) MiB", result.out)[0])
    assert spilled > 100
    assert "all intact" in result.out


def test_a_full_disk_hurts_its_own_slot_only(cluster: Project) -> None:
    result = cluster.adbray(
        *("job", "submit", GROUP, "--working-dir", str(E2E_JOBS), "--", "python", "fill_disk.py")
    )
    assert result.code == 0, result.out + result.err
    assert "large-0 got ENOSPC" in result.out
    assert "large-1 on the same host went on working" in result.out


def test_secrets_stay_out_of_sight(cluster: Project) -> None:
    token, password = cluster.secret("token"), cluster.secret("redis_password")
    for place in ("runs", "inventory"):
        for path in (cluster.directory / ".adbray" / place).rglob("*"):
            text = path.read_bytes() if path.is_file() else b""
            assert token.encode() not in text, path
            assert password.encode() not in text, path
    for host in cluster.addresses:
        assert token not in cluster.on(host, "ps -ef")
        # Ray's own processes carry the Redis password: no other user may see them.
        seen = cluster.on(host, "setpriv --reuid=65534 --regid=65534 --clear-groups ps -ef")
        assert password not in seen
        assert "gcs_server" not in seen
        cluster.on(host, f"! journalctl --no-pager | grep -qF {token}")
    mode = (cluster.directory / ".adbray" / "secrets" / GROUP / "token").stat().st_mode
    assert mode & 0o777 == 0o600


def test_redis_user_can_touch_the_groups_keys_only(cluster: Project) -> None:
    redis = cluster.slot("redis")
    # The password goes by the environment, as redis-cli wants it, not by the arguments.
    client = (
        f"REDISCLI_AUTH={cluster.secret('redis_password')} redis-cli --no-auth-warning"
        f" --tls --cacert /etc/adbray/{GROUP}/redis.crt --user ray"
        f" -h {redis['address']} -p {redis['ports']['redis']}"
    )
    assert "NOPERM" in cluster.on(redis["host"], f"{client} set other 1")
    assert "NOPERM" in cluster.on(redis["host"], f"{client} flushall")
    assert "NOPERM" in cluster.on(redis["host"], f"{client} config get maxmemory")
    anonymous = client.split(" ", 1)[1].replace("--user ray", "")
    assert "NOAUTH" in cluster.on(redis["host"], f"{anonymous} ping")
    clear = anonymous.replace("--tls", "")
    assert "PONG" not in cluster.on(redis["host"], f"! {clear} ping 2>&1")


def test_detached_actor_survives_the_heads_restart(cluster: Project) -> None:
    _job(cluster, "counter.py", "create")
    head = cluster.slot("head")
    unit = f"adbray-head@{GROUP}.service"
    before = cluster.on(head["host"], f"systemctl show -p NRestarts --value {unit}")
    cluster.on(head["host"], "pkill -9 gcs_server")
    _until(
        lambda: cluster.on(head["host"], f"systemctl show -p NRestarts --value {unit}") != before
    )
    _until(lambda: cluster.status()["ready"])
    assert "counter 2" in _job(cluster, "counter.py", "count_and_remove")


def _small_nodes(cluster: Project) -> set[str]:
    """Ray's ids of the nodes of the worker group small."""
    slots = (cluster.slot(name) for name in ("small-0", "small-1"))
    return {slot["ray_node"] for slot in slots if slot["ray_node"]}


def test_a_killed_raylet_comes_back(cluster: Project) -> None:
    slots = (cluster.slot(name) for name in ("small-0", "small-1"))
    worker = next(slot for slot in slots if slot["state"] == "running")
    unit = f"adbray-worker@{GROUP}.{worker['slot']}.service"
    raylet = f"systemctl show -p ControlGroup --value {unit}"
    cluster.on(
        worker["host"],
        f"for p in $(cat /sys/fs/cgroup$({raylet})/cgroup.procs);"
        " do [ $(cat /proc/$p/comm) = raylet ] && kill -9 $p; done; true",
    )
    # Started again by systemd, or that slot or the other one by the autoscaler.
    _until(lambda: bool(_small_nodes(cluster) - {worker["ray_node"]}))
    _until(lambda: cluster.status()["ready"])


def test_usage_is_told_by_the_hosts(cluster: Project) -> None:
    report = cluster.json("usage", GROUP, "--by", "worker-group")
    assert report["complete"], report["problems"]
    rows = {row["worker_group"]: row for row in report["rows"]}
    assert set(rows) == {"head", "small", "large"}
    for row in rows.values():
        hours = {item["item"]: item["quantity"] for item in row["items"]}
        assert row["node_hours"] > 0
        assert hours["disk_gb_hours"] > 0
        assert hours["acu_hours"] > 0
    # nano has one core, micro two; all have 2 GiB of disk.
    small = {item["item"]: item["quantity"] for item in rows["small"]["items"]}
    assert abs(small["acu_hours"] - rows["small"]["node_hours"]) < 0.00001
    assert abs(small["disk_gb_hours"] - 2 * rows["small"]["node_hours"]) < 0.00001
    lines = cluster.ok("usage", GROUP, "--csv").splitlines()
    assert len(lines) == 3, "what the columns are, disk, ACUs"
    assert cluster.on("lab3", "systemctl is-active adbray-usage.timer").strip() == "active"


def test_destroy_leaves_nothing(cluster: Project) -> None:
    refused = cluster.adbray("destroy", GROUP)
    assert refused.code == 3
    cluster.ok("destroy", GROUP, "--yes")
    for host in cluster.addresses:
        left = (
            "ls -d /etc/adbray /var/lib/adbray /var/lib/adbray-logs /opt/adbray"
            " /etc/systemd/system/*adbray*"
            " /etc/tmpfiles.d/*adbray* 2>/dev/null;"
            " systemctl list-units --all --no-legend '*adbray*';"
            " mount | grep /var/lib/adbray;"
            " grep -s 'adbray.*deleted' /sys/block/loop*/loop/backing_file;"
            " ps -ef | grep -E '[r]aylet|[g]cs_server|[r]edis-server';"
            " getent passwd | grep adbray; getent group | grep adbray;"
            " grep hidepid /proc/mounts; true"
        )
        assert cluster.on(host, left) == ""
    # Usage is what stays, and it grows no more.
    used = cluster.json("usage", GROUP)["total"]
    assert used["node_hours"] > 0
    time.sleep(1.1)
    assert cluster.json("usage", GROUP)["total"] == used
    assert cluster.on("lab3", "ls /var/lib/adbray-usage/open") == ""
    assert not (cluster.directory / ".adbray" / "secrets" / GROUP).exists()
    assert "nothing to remove" in cluster.ok("destroy", GROUP, "--yes")


def _ray_status(cluster: Project, head: str) -> str:
    return cluster.on(head, _as_ray("ray status"))


def _nodes_of(ray_status: str) -> int:
    counts = re.findall(r"^ (\d+) (?:ray\.head|small|large)$", ray_status, flags=re.MULTILINE)
    return sum(map(int, counts))


def _as_ray(command: str) -> str:
    """A shell command run with the head's own environment."""
    show = f"systemctl show -p Environment --value adbray-head@{GROUP}"
    environment = f"$({show} | tr ' ' '\\n' | grep RAY_AUTH)"
    venv = "$(ls -d /opt/adbray/ray-*/bin)"
    address = "RAY_ADDRESS=$(hostname -I | cut -d' ' -f1):6379"
    return f"env {environment} {address} PATH={venv}:$PATH {command}"


def _job(cluster: Project, script: str, *arguments: str) -> str:
    entrypoint = ["python", script, *arguments]
    return cluster.ok("job", "submit", GROUP, "--working-dir", str(E2E_JOBS), "--", *entrypoint)


def _exports(text: str) -> dict[str, str]:
    return dict(re.findall(r"^export (\w+)=(\S+)$", text, flags=re.MULTILINE))


def _run_tool(*command: str, env: dict[str, str] | None = None) -> Result:
    """A tool of this virtual environment, with no Ray variable but those given."""
    tool = Path(sys.executable).with_name(command[0])
    clean = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")}
    clean["PATH"] = f"{tool.parent}:{clean['PATH']}"
    return run([str(tool), *command[1:]], timeout_s=300, cwd=REPOSITORY, env=clean | (env or {}))


def _until(condition: Callable[[], bool], within_s: float = 90) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {within_s:g} s"
        time.sleep(1)
