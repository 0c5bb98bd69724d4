"""What is submitted: the command, its environment, and what it takes of a worker."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator

from pydantic import BaseModel, ConfigDict, JsonValue

from adbray_ctl.core.errors import UsageError
from adbray_ctl.core.text import show

# It becomes part of a log file's name on the head, and of URLs. With others Ray lists a job that
# never runs, or one that it cannot be asked for.
SUBMISSION_ID = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
# Ray counts CPUs and other resources in steps of this.
_STEP = 0.0001


class Needs(BaseModel):
    """What the entrypoint itself takes of a worker; ``memory`` in bytes.

    One that needs nothing runs on the head. ``labels`` are Ray's label selector.
    """

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    cpus: float = 0
    gpus: float = 0
    memory: int = 0
    resources: dict[str, float] = {}
    labels: dict[str, str] = {}


class JobRequest(BaseModel):
    """A job to submit; ``entrypoint`` is one shell command line.

    ``runtime_env`` is Ray's runtime environment, without the ``working_dir`` and the ``env_vars``
    of it, which are ``working_dir`` and ``env``.
    """

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    entrypoint: str
    working_dir: str | None = None
    env: dict[str, str] = {}
    runtime_env: dict[str, JsonValue] = {}
    submission_id: str | None = None
    needs: Needs = Needs()
    metadata: dict[str, str] = {}


def check_request(request: JobRequest) -> None:
    """Raise UsageError for what Ray takes without a word, and never runs."""
    wanted = request.submission_id
    if wanted is not None and not re.fullmatch(SUBMISSION_ID, wanted):
        raise UsageError(
            f"{show(wanted)} cannot be the id of a job",
            where="--submission-id",
            hint="use 1 to 128 of A-Z, a-z, 0-9, '_', '.' and '-', not beginning with '.' or '-'",
        )
    if not request.entrypoint.strip():
        raise UsageError("the command is empty", hint="write it behind --, like -- python main.py")
    for text in _texts(request):
        if not is_unicode(text):
            raise UsageError(f"{show(text)} is not UTF-8", hint="Ray takes no other text")
    _check_needs(request.needs)


def is_unicode(text: str) -> bool:
    """Whether ``text`` can be sent: what a shell passes on may be any bytes."""
    return not any("\ud800" <= char <= "\udfff" for char in text)


def _texts(request: JobRequest) -> Iterator[str]:
    yield request.entrypoint
    for pairs in (request.env, request.metadata, request.needs.labels):
        yield from pairs
        yield from pairs.values()
    yield from request.needs.resources
    yield from _texts_in(request.runtime_env.values())


def _texts_in(values: Iterable[JsonValue]) -> Iterator[str]:
    for value in values:
        if isinstance(value, str):
            yield value
        elif isinstance(value, list):
            yield from _texts_in(value)
        elif isinstance(value, dict):
            yield from value
            yield from _texts_in(value.values())


def _check_needs(needs: Needs) -> None:
    amounts = {"--entrypoint-num-cpus": ("CPUs", needs.cpus)}
    amounts["--entrypoint-num-gpus"] = ("GPUs", needs.gpus)
    amounts["--entrypoint-memory"] = ("bytes of memory", needs.memory)
    for option, (unit, amount) in amounts.items():
        if not _can_be_had(amount):
            _refuse_amount(f"a job cannot have {amount:g} {unit}", option)
    for name, amount in needs.resources.items():
        if not _can_be_had(amount):
            _refuse_amount(f"a job cannot have {amount:g} of {show(name)}", _RESOURCES)
        if name in _OTHERS:
            hint = f"use {_OTHERS[name]}" if _OTHERS[name] else "leave it out"
            raise UsageError(f"{name} is not a custom resource", where=_RESOURCES, hint=hint)


_RESOURCES = "--entrypoint-resources"
# Ray's own resources, and the options for them.
_OTHERS = {
    "CPU": "--entrypoint-num-cpus",
    "GPU": "--entrypoint-num-gpus",
    "memory": "--entrypoint-memory",
    "object_store_memory": "",
}


def _refuse_amount(what: str, option: str) -> None:
    raise UsageError(what, where=option, hint=f"choose 0 or more, in steps of {_STEP:g}")


def _can_be_had(amount: float) -> bool:
    whole = math.isclose(amount, round(amount, 4), abs_tol=_STEP / 100) if amount < math.inf else 0
    return bool(amount >= 0 and whole)
