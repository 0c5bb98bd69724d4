"""The Python environment that a group's Ray runs in: where it is on hosts, and what is in it."""

from __future__ import annotations

import hashlib

from pydantic import BaseModel, ConfigDict

from adbray_ctl.core.spec.group import RayClusterSpec

# paramiko is for the autoscaler's provider on the head. Ray calls pip and uv in a copy of the
# environment to install what a job's runtime_env lists.
_BESIDE_RAY = ("paramiko>=3.4", "pip", "uv")


class Runtime(BaseModel):
    """One environment: its Python's version, where it is on hosts, and what pip installs there."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    python: str
    venv: str
    requirements: tuple[str, ...]


def runtime_of(spec: RayClusterSpec) -> Runtime:
    """The environment of a group."""
    return Runtime(python=spec.ray.python, venv=runtime_venv(spec), requirements=requirements(spec))


def runtime_venv(spec: RayClusterSpec) -> str:
    """The venv's path on the hosts: one per Ray, Python and set of extra packages."""
    name = f"ray-{spec.ray.version}-py{spec.ray.python}"
    if spec.ray.packages:
        packages = "\n".join(sorted(spec.ray.packages))
        name += f"-{hashlib.sha256(packages.encode()).hexdigest()[:8]}"
    return f"/opt/adbray/{name}"


def requirements(spec: RayClusterSpec) -> tuple[str, ...]:
    """What is installed there, as pip names it."""
    return (f"ray[default]=={spec.ray.version}", *_BESIDE_RAY, *spec.ray.packages)
