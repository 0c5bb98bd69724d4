"""The options of `adbray job submit`: by Ray's own names, as one job that is wanted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from adbray_ctl.cli.json_object import NUMBERS, TEXTS, VALUES
from adbray_ctl.cli.state import State
from adbray_ctl.core.errors import UsageError
from adbray_ctl.core.jobs.request import Needs
from adbray_ctl.services.submission import Wanted


@dataclass(frozen=True)
class Options:
    """The options that make a job, by Ray's own names for them."""

    working_dir: str | None
    env: tuple[str, ...]
    runtime_env: Path | None
    runtime_env_json: dict[str, Any] | None
    submission_id: str | None
    metadata_json: dict[str, str]
    entrypoint_num_cpus: float
    entrypoint_num_gpus: float
    entrypoint_memory: int
    entrypoint_resources: dict[str, float]
    entrypoint_label_selector: dict[str, str]


_OPTIONS = (
    click.option(
        "--working-dir",
        help="Directory whose files go to the cluster and in which the job runs, or the URI of a"
        " .zip file that the cluster fetches.",
    ),
    click.option(
        "--runtime-env",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help="YAML file with Ray's runtime environment: pip, uv, py_modules and so on.",
    ),
    click.option("--runtime-env-json", type=VALUES, help="The same as JSON."),
    click.option("--env", multiple=True, metavar="NAME=VALUE", help="Environment of the job."),
    click.option("--submission-id", help="The job's id; made by Ray if left out."),
    click.option("--metadata-json", type=TEXTS, default="{}", help="Names and texts to note."),
    click.option(
        "--entrypoint-num-cpus",
        default=0.0,
        help="CPUs the entrypoint itself takes; with any need it runs on a worker, else on the"
        " head.",
    ),
    click.option("--entrypoint-num-gpus", default=0.0, help="GPUs it takes."),
    click.option("--entrypoint-memory", default=0, help="Memory it takes, in bytes."),
    click.option(
        "--entrypoint-resources",
        type=NUMBERS,
        default="{}",
        help="Custom resources it takes, such as '{\"disk\": 1}'.",
    ),
    click.option(
        "--entrypoint-label-selector",
        type=TEXTS,
        default="{}",
        help='Labels of the worker it runs on, such as \'{"zone": "in(a, b)"}\'.',
    ),
)


def job_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give ``command`` all of them, as keyword arguments of ``wanted``."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def wanted(state: State, entrypoint: tuple[str, ...], **given: Any) -> Wanted:
    """Raises UsageError, and SpecError for a file with a runtime environment."""
    options = Options(**given)
    if options.working_dir == "":
        raise UsageError("its value is empty", where="--working-dir", hint="name a directory")
    return Wanted(
        entrypoint=entrypoint,
        working_dir=options.working_dir,
        env=_pairs(options.env),
        runtime_env=_runtime_env(state, options),
        submission_id=options.submission_id,
        needs=Needs(
            cpus=options.entrypoint_num_cpus,
            gpus=options.entrypoint_num_gpus,
            memory=options.entrypoint_memory,
            resources=options.entrypoint_resources,
            labels=options.entrypoint_label_selector,
        ),
        metadata=options.metadata_json,
    )


def _runtime_env(state: State, options: Options) -> dict[str, Any]:
    file, given = options.runtime_env, options.runtime_env_json
    if file is not None and given is not None:
        raise UsageError(
            "a job has one runtime environment",
            where="--runtime-env and --runtime-env-json",
            hint="use one of them",
        )
    return state.tools.specs.runtime_env(file) if file is not None else given or {}


def _pairs(values: tuple[str, ...]) -> dict[str, str]:
    pairs = {}
    for value in values:
        name, separator, rest = value.partition("=")
        if not separator or not name:
            raise UsageError(f"--env {value!r} is not NAME=VALUE")
        pairs[name] = rest
    return pairs
