"""Ray's runtime environment of a job, as Ray's own class takes it."""

from __future__ import annotations

from typing import Any

from adbray_ctl.core.errors import UsageError
from adbray_ctl.core.jobs.request import JobRequest
from adbray_ctl.core.text import did_you_mean, show, some

# Uploaded before Ray's class sees them, which takes addresses in their place.
_UPLOADED = ("working_dir", "py_modules")


def runtime_env_of(request: JobRequest) -> dict[str, Any]:
    """The whole of it. Raises UsageError for what Ray would ignore, or refuse after an upload."""
    from ray.runtime_env import RuntimeEnv

    _require_known(request, RuntimeEnv.known_fields)
    environment: dict[str, Any] = dict(request.runtime_env)
    if request.env:
        environment["env_vars"] = dict(request.env)
    try:
        RuntimeEnv(**{k: v for k, v in environment.items() if k not in _UPLOADED})
    except (OSError, TypeError, ValueError) as error:
        # The lines after the first show values, which may be secret.
        what = str(error).partition("\n")[0]
        raise UsageError(what, where="the runtime environment") from error
    if request.working_dir is not None:
        environment["working_dir"] = request.working_dir
    return environment


def _require_known(request: JobRequest, known: set[str]) -> None:
    """Ray ignores the others."""
    for name in request.runtime_env:
        if name not in known:
            public = tuple(sorted(one for one in known if not one.startswith("_")))
            raise UsageError(
                f"a runtime environment has no {show(name)}",
                where="the runtime environment",
                hint=did_you_mean(name, public) or f"it has {some(public)}",
            )
