"""One GPU shared by three workers under MPS: is each held to its third, and does Ray know it?

    .venv/bin/python -m benchmarks.gpu_share [--card 0] [--slices 3] [--exclusive] [--no-ray]
        [--mig 2g.20gb]

For any machine with an NVIDIA GPU of the Volta generation or newer, its driver, and
nvidia-cuda-mps-control; nothing else may use the card meanwhile. The bounds and environments are
those that the role gpu_share gives to slots. Measured: what a process gets of memory before it is
refused, and whether its neighbours' is intact after that; the multiprocessors that a slice has, and
its rate alone and beside the others, against the whole card; where Ray's tasks land.

--exclusive sets the card's compute mode, as a host's MPS does, and back; --mig cuts the card, which
must be in MIG mode and without instances, into that profile, tries each, and removes them. Both
need root, and without them no setting of the card is touched. Prints JSON, then a table; exits 1
when a bound does not hold, 2 where it cannot run.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from adbray_ctl.core.slot.gpu import Card as CardKind
from adbray_ctl.core.slot.gpu import slice_mb, thread_percentage
from benchmarks.gpu_client import FILES, load

ROOT = FILES.parents[2]
FACTS = (
    "name,driver_version,uuid,memory.total,compute_mode,mig.mode.current,ecc.mode.current,"
    "temperature.gpu,pcie.link.gen.current,pcie.link.width.current"
)
HOLD_MIB = 1024
SPIN_S = 5
TASKS = 12
# A context takes some of the limit itself, and the driver gives out memory in large pieces.
LEAST_OF_LIMIT = 0.85
# Multiprocessors are given out in pairs, or more on some cards.
MOST_OVER = 1.15

gpu: Any = load("gpu_share")


class Unfit(Exception):
    """This machine cannot run it, and why."""


def smi(*arguments: str) -> str:
    return subprocess.run(
        ["nvidia-smi", *arguments], capture_output=True, text=True, check=True
    ).stdout.strip()


def facts_of(card: int) -> dict[str, str]:
    """What NVML tells of the card."""
    if not shutil.which("nvidia-smi"):
        raise Unfit("no NVIDIA driver here: nvidia-smi is missing")
    try:
        line = smi("-i", str(card), f"--query-gpu={FACTS}", "--format=csv,noheader,nounits")
    except subprocess.CalledProcessError as error:
        raise Unfit(f"no GPU {card} here: {(error.stdout + error.stderr).strip()}") from error
    return dict(zip(FACTS.split(","), line.split(", "), strict=True))


@contextmanager
def mps(
    card: int, uuid: str, memory_mb: int, slices: int, exclusive: bool
) -> Iterator[dict[str, str]]:
    """The environment of one of ``slices`` slots, with the daemon that holds it."""
    if not shutil.which("nvidia-cuda-mps-control"):
        raise Unfit("nvidia-cuda-mps-control is missing (Debian: package nvidia-cuda-mps)")
    with tempfile.TemporaryDirectory(prefix="mps") as folder:
        gpu.PIPES, gpu.LOGS = f"{folder}/pipe", f"{folder}/log"
        limit = slice_mb(CardKind(memory_mb=memory_mb), slices)
        part = gpu.Slice("bench", card, "mps", thread_percentage(slices), limit, "", slices)
        settings = dict(line.split("=", 1) for line in gpu.mps_environment(part, uuid).splitlines())
        for path in (gpu.PIPES, gpu.LOGS):
            os.mkdir(path)  # noqa: PTH102  # strings, as the role has them
        if exclusive:
            smi("-i", str(card), "-c", "EXCLUSIVE_PROCESS")
        environment = {**os.environ, **settings}
        subprocess.run(["nvidia-cuda-mps-control", "-d"], env=environment, check=True)
        try:
            yield settings
        finally:
            quitting = ["nvidia-cuda-mps-control"]
            subprocess.run(quitting, input=b"quit -t 5\n", env=environment, check=False)
            if exclusive:
                smi("-i", str(card), "-c", "DEFAULT")


def client(settings: dict[str, str], *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.gpu_client", *arguments],
        env={**os.environ, **settings},
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def answer(process: subprocess.Popen[str]) -> dict[str, Any]:
    out, _ = process.communicate(timeout=300)
    if process.returncode != 0:
        raise RuntimeError(f"{process.args!r} ended with {process.returncode}: {out}")
    found: dict[str, Any] = json.loads(out.splitlines()[-1])
    return found


def proof(settings: dict[str, str]) -> dict[str, Any]:
    """The role's own probe: a program that went through the daemon."""
    command = [sys.executable, str(FILES / "cuda_client.py"), "--mps"]
    done = subprocess.run(
        command, env={**os.environ, **settings}, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise Unfit(done.stderr.strip())
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def memory(settings: dict[str, str], slices: int) -> dict[str, Any]:
    """One takes all it can get while the others hold what they have."""
    holders = [client(settings, "hold", str(HOLD_MIB)) for _ in range(slices - 1)]
    for holder in holders:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "ready\n"
    greedy = answer(client(settings, "fill"))
    return {**greedy, "neighbours_intact": all(answer(holder)["intact"] for holder in holders)}


def processors(settings: dict[str, str], slices: int) -> dict[str, Any]:
    """A slice alone, and all of them together."""
    alone = answer(client(settings, "spin", str(SPIN_S)))
    running = [client(settings, "spin", str(SPIN_S)) for _ in range(slices)]
    beside = [answer(process)["blocks_per_s"] for process in running]
    return {"alone": alone, "together_blocks_per_s": beside}


def whole(card: int, uuid: str, memory_mb: int, exclusive: bool) -> dict[str, Any]:
    """The card as one slice, which is all of it."""
    with mps(card, uuid, memory_mb, 1, exclusive) as settings:
        return answer(client(settings, "spin", str(SPIN_S)))


def ray_tasks(settings: dict[str, str], slices: int, probe: list[str]) -> dict[str, Any]:
    """A raylet a slice, each with one GPU; what tasks that ask for one see."""
    import ray  # noqa: PLC0415  # slow, and --no-ray goes without
    from ray.cluster_utils import Cluster  # noqa: PLC0415

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "num_gpus": 0})
    try:
        for _ in range(slices):
            labels = {"adbray.io/gpu-unit": f"1-{slices}"}
            cluster.add_node(num_cpus=2, num_gpus=1, env_vars=settings, labels=labels)
        ray.init(address=cluster.address, log_to_driver=False)

        @ray.remote(num_gpus=1, num_cpus=1, scheduling_strategy="SPREAD")
        def task() -> dict[str, Any]:
            done = subprocess.run(probe, capture_output=True, text=True, check=False)
            return {
                "node": ray.get_runtime_context().get_node_id(),
                "card": os.environ.get("CUDA_VISIBLE_DEVICES"),
                "seen": json.loads(done.stdout) if done.returncode == 0 else done.stderr.strip(),
            }

        began = time.monotonic()
        found = ray.get([task.remote() for _ in range(TASKS)])
        return {
            "tasks": TASKS,
            "seconds": round(time.monotonic() - began, 2),
            "nodes": len({one["node"] for one in found}),
            "cards": sorted({str(one["card"]) for one in found}),
            "seen": found[0]["seen"],
            "all_worked": all(isinstance(one["seen"], dict) for one in found),
        }
    finally:
        ray.shutdown()
        cluster.shutdown()  # type: ignore[no-untyped-call]


def mig(card: int, profile: str) -> list[dict[str, Any]]:
    """Cut the card, use each instance, and put it back."""
    if gpu.cards()[card].mig != "Enabled" or gpu.instances():
        raise Unfit(
            f"GPU {card} is not in MIG mode (nvidia-smi -i {card} -mig 1), or has instances"
        )
    smi("mig", "-cgi", profile, "-C", "-i", str(card))
    try:
        uuids = gpu.parse_uuids(smi("-L"))[card]
        return [answer(client({"CUDA_VISIBLE_DEVICES": u}, "spin", str(SPIN_S))) for u in uuids]
    finally:
        smi("mig", "-dci", "-i", str(card))
        smi("mig", "-dgi", "-i", str(card))


def measure(wanted: argparse.Namespace) -> dict[str, Any]:
    facts = facts_of(wanted.card)
    uuid, memory_mb = facts["uuid"], int(float(facts["memory.total"]))
    if wanted.mig:
        return {"card": facts, "mig": mig(wanted.card, wanted.mig)}
    found: dict[str, Any] = {"card": facts, "slices": wanted.slices}
    found["limit_mb"] = slice_mb(CardKind(memory_mb=memory_mb), wanted.slices)
    found["whole"] = whole(wanted.card, uuid, memory_mb, wanted.exclusive)
    with mps(wanted.card, uuid, memory_mb, wanted.slices, wanted.exclusive) as settings:
        found["proof"] = proof(settings)
        found["memory"] = memory(settings, wanted.slices)
        found["processors"] = processors(settings, wanted.slices)
        if wanted.ray:
            probe = [sys.executable, str(FILES / "cuda_client.py"), "--mps"]
            found["ray"] = ray_tasks(settings, wanted.slices, probe)
    return found


def rows_of(found: dict[str, Any]) -> list[tuple[str, str, str, bool]]:
    """What was measured, its bound, and whether it holds."""
    slices, limit = found["slices"], found["limit_mb"]
    taken = found["memory"]["taken_mb"]
    all_sms = found["whole"]["multiprocessors"]
    sms = found["processors"]["alone"]["multiprocessors"]
    most = all_sms / slices * MOST_OVER
    share = found["processors"]["alone"]["blocks_per_s"] / found["whole"]["blocks_per_s"]
    rows = [
        (
            "memory one process gets",
            f"{taken} MiB",
            f"{int(limit * LEAST_OF_LIMIT)} to {limit} MiB",
            limit * LEAST_OF_LIMIT <= taken <= limit,
        ),
        (
            "its neighbours' memory",
            "intact" if found["memory"]["neighbours_intact"] else "lost",
            "intact",
            found["memory"]["neighbours_intact"],
        ),
        ("multiprocessors it has", f"{sms} of {all_sms}", f"at most {most:.0f}", sms <= most),
        (
            "rate of one slice alone",
            f"{share:.2f} of the card's",
            f"at most {MOST_OVER / slices:.2f}",
            share <= MOST_OVER / slices,
        ),
    ]
    if "ray" in found:
        ray = found["ray"]
        good = ray["nodes"] == slices and ray["all_worked"]
        text = f"{ray['tasks']} on {ray['nodes']} nodes"
        rows.append(("Ray tasks with num_gpus=1", text, f"on {slices} nodes, through MPS", good))
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description="a GPU shared by MPS, measured")
    parser.add_argument("--card", type=int, default=0)
    parser.add_argument("--slices", type=int, default=3, choices=range(2, 17))
    parser.add_argument("--exclusive", action="store_true")
    parser.add_argument("--no-ray", dest="ray", action="store_false")
    parser.add_argument("--mig", default="", metavar="PROFILE,PROFILE")
    wanted = parser.parse_args()
    try:
        found = measure(wanted)
    except (Unfit, gpu.Refused) as error:
        print(f"cannot run here: {error}", file=sys.stderr)
        return 2
    print(json.dumps(found, indent=2))
    if wanted.mig:
        return 0
    rows = rows_of(found)
    print(
        f"\n{found['card']['name']}, driver {found['card']['driver_version']}, 1/{wanted.slices}\n"
    )
    print("| | measured | bound | |\n|---|---|---|---|")
    for what, value, bound, good in rows:
        print(f"| {what} | {value} | {bound} | {'holds' if good else 'does NOT hold'} |")
    return 0 if all(row[-1] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
