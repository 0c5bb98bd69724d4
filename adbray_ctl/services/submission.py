"""A job before it is submitted: put together from what was asked for, and checked."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from pydantic import JsonValue

from adbray_ctl.core.errors import UsageError
from adbray_ctl.core.jobs.request import JobRequest, Needs, check_request
from adbray_ctl.core.jobs.uploads import check_room
from adbray_ctl.core.jobs.working_dir import (
    DirectoryFile,
    check_size,
    check_working_dir,
    is_remote,
)
from adbray_ctl.core.protocols.runs import JobApi
from adbray_ctl.core.text import show
from adbray_ctl.services.tools import Tools


@dataclass(frozen=True)
class Wanted:
    """A job as it was asked for. ``working_dir`` and ``env`` win over those in ``runtime_env``."""

    entrypoint: Sequence[str]
    working_dir: str | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    runtime_env: Mapping[str, JsonValue] = field(default_factory=dict)
    submission_id: str | None = None
    needs: Needs = field(default_factory=Needs)
    metadata: Mapping[str, str] = field(default_factory=dict)


class Upload(NamedTuple):
    """A directory that goes to the cluster, and what Ray packs of it."""

    directory: str
    files: tuple[DirectoryFile, ...]


class Submission(NamedTuple):
    """What is submitted, and what is uploaded before that."""

    request: JobRequest
    uploads: tuple[Upload, ...]


def submission(tools: Tools, wanted: Wanted) -> Submission:
    """Raises UsageError for what Ray would not run, or would refuse after an upload."""
    environment = dict(wanted.runtime_env)
    directory, variables = _own(environment, wanted)
    words = list(wanted.entrypoint)
    request = JobRequest(
        entrypoint=words[0] if len(words) == 1 else shlex.join(words),
        working_dir=directory,
        env=variables,
        runtime_env=environment,
        submission_id=wanted.submission_id,
        needs=wanted.needs,
        metadata=dict(wanted.metadata),
    )
    check_request(request)
    uploads = []
    if directory is not None and not is_remote(directory):
        uploads.append(Upload(directory, tools.list_files(Path(directory))))
        check_working_dir(directory, uploads[0].files, words)
    for module in _local_modules(environment):
        uploads.append(Upload(module, tools.list_files(Path(module))))
        check_size(module, uploads[-1].files)
    return Submission(request, tuple(uploads))


def check_uploads(api: JobApi, uploads: Sequence[Upload]) -> None:
    """Before anything is packed. Raises UsageError or ClusterError without room for them."""
    if uploads and (room := api.room()) is not None:
        for directory, files in uploads:
            check_room(directory, files, room)


def _own(environment: dict[str, JsonValue], wanted: Wanted) -> tuple[str | None, dict[str, str]]:
    """The working directory and the variables, taken out of the runtime environment."""
    directory = environment.pop("working_dir", None)
    if directory is not None and not isinstance(directory, str):
        raise _not_that("working_dir", directory, "a directory")
    variables = environment.pop("env_vars", None) or {}
    if not isinstance(variables, dict):
        raise _not_that("env_vars", variables, "names with their values")
    texts = {name: text for name, text in variables.items() if isinstance(text, str)}
    if odd := [name for name in variables if name not in texts]:
        raise _not_that(f"env_vars.{odd[0]}", variables[odd[0]], "text: put it in quotes")
    return wanted.working_dir or directory, {**texts, **wanted.env}


def _local_modules(environment: Mapping[str, JsonValue]) -> list[str]:
    """The directories among ``py_modules``: wheels and what Ray fetches are left to it."""
    modules = environment.get("py_modules") or []
    if not isinstance(modules, list):
        raise _not_that("py_modules", modules, "a list of directories or wheels")
    texts = [module for module in modules if isinstance(module, str)]
    return [one for one in texts if not is_remote(one) and not one.endswith(".whl")]


def _not_that(key: str, value: JsonValue, wanted: str) -> UsageError:
    return UsageError(f"{show(value)} is not {wanted}", where=f"{key} of the runtime environment")
