"""How long the command line takes to start, beside another build and beside Python itself.

    .venv/bin/python -m benchmarks.cli [-C PROJECT] [--rounds 11] [--peer CHECKOUT]

`adbray --help` and `adbray version`; with a project, what scripts call often: `status`, `plan` and
`validate` there. One run of each build in a round. The bounds: three times the CPU-seconds of a
Python that imports click and does nothing, and of the peer's wall time 0.2 for help and version,
0.5 for status.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
STARTS: Mapping[str, Sequence[str]] = {"--help": ("--help",), "version": ("version",)}
LOOKS: Mapping[str, Sequence[str]] = {
    "status": ("status",),
    "status --json": ("status", "--json"),
    "plan --json": ("plan", "--json"),
    "validate": ("validate",),
}
BOUND_CLICK = 3.0
BOUNDS_PEER = {"--help": 0.2, "version": 0.2, "status": 0.5}
# Done, not ready, there are changes.
GOOD = (0, 1, 4)


@dataclass(frozen=True)
class Run:
    """One process: its seconds, and those of CPU with all that it waited for."""

    wall_s: float
    cpu_s: float


def median(runs: Sequence[Run]) -> Run:
    return Run(
        wall_s=statistics.median(run.wall_s for run in runs),
        cpu_s=statistics.median(run.cpu_s for run in runs),
    )


def run(command: Sequence[str], environment: Mapping[str, str]) -> Run:
    before, began = cpu_s(), time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    found = Run(wall_s=time.perf_counter() - began, cpu_s=cpu_s() - before)
    if done.returncode not in GOOD:
        sys.exit(f"{' '.join(command)}: {done.stderr}")
    return found


def cpu_s() -> float:
    """Of all processes that this one has waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def commands(checkout: Path, project: Path | None) -> dict[str, Sequence[str]]:
    """What is run of the build in ``checkout``, by name."""
    adbray = str(checkout / ".venv" / "bin" / "adbray")
    looks = LOOKS if project else {}
    found = {name: (adbray, *words) for name, words in STARTS.items()}
    return found | {name: (adbray, "-C", str(project), *words) for name, words in looks.items()}


def measure(
    rounds: int, builds: Mapping[str, Path], project: Path | None
) -> dict[str, dict[str, list[Run]]]:
    """The runs by command and build; a first round, which writes the bytecode, does not count."""
    click = {"import click": (sys.executable, "-c", "import click")}
    found: dict[str, dict[str, list[Run]]] = {}
    with tempfile.TemporaryDirectory() as bytecode:
        environment = os.environ | {"PYTHONPYCACHEPREFIX": bytecode}
        # Set where nothing shall be left: a build would compile itself in each run.
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        for number in range(rounds + 1):
            for build, checkout in builds.items():
                more = click if build == "ours" else {}
                for name, command in (more | commands(checkout, project)).items():
                    one = run(command, environment)
                    if number:
                        found.setdefault(name, {}).setdefault(build, []).append(one)
    return found


def row(name: str, build: str, runs: Sequence[Run]) -> str:
    middle = median(runs)
    return f"{name:<14} {build:<6} {middle.wall_s:>8.3f} {middle.cpu_s:>8.3f}"


def misses(found: Mapping[str, Mapping[str, Sequence[Run]]]) -> list[str]:
    """The bounds that do not hold."""
    medians = {
        (name, build): median(runs)
        for name, builds in found.items()
        for build, runs in builds.items()
    }
    click = medians["import click", "ours"].cpu_s
    missed = [
        f"{name} takes more than {BOUND_CLICK:g} times a Python that imports click"
        for name in STARTS
        if medians[name, "ours"].cpu_s > BOUND_CLICK * click
    ]
    for name, bound in BOUNDS_PEER.items():
        theirs = medians.get((name, "peer"))
        if theirs is not None and medians[name, "ours"].wall_s > bound * theirs.wall_s:
            missed.append(f"{name} takes more than {bound:g} of the peer's time")
    return missed


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("-C", "--dir", dest="project", type=Path, help="a project that is applied")
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--peer", type=Path, help="another checkout, with its own .venv")
    asked = parser.parse_args()
    builds = {"ours": CHECKOUT} | ({"peer": asked.peer.resolve()} if asked.peer else {})
    found = measure(asked.rounds, builds, asked.project and asked.project.resolve())
    print(f"{'':<14} {'build':<6} {'wall, s':>8} {'CPU, s':>8}")
    for name, runs in found.items():
        for build, some in runs.items():
            print(row(name, build, some), flush=True)
    failed = misses(found)
    print("\n".join(failed) or "within the bounds")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
