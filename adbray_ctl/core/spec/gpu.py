"""What the operator writes of a host's GPU driver."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel

from adbray_ctl.core.spec.base import SPEC_CONFIG
from adbray_ctl.core.spec.impact import DRIVES
from adbray_ctl.core.spec.strings import CudaVersion, DriverBranch, RunfileUrl, Sha256

# Before the name of each of a host's settings that are about its driver.
GPU = "gpu."


class _Spec(BaseModel):
    model_config = SPEC_CONFIG


class Driver(StrEnum):
    """Where the NVIDIA driver comes from."""

    PREINSTALLED = "preinstalled"
    """It is there, or somebody else's business: adbray only checks it."""
    DISTRO = "distro"
    """Packages: Debian's non-free ones, Ubuntu's, or NVIDIA's repository for the RHEL family."""
    RUNFILE = "runfile"
    """NVIDIA's installer, NVIDIA-Linux-x86_64-VERSION.run."""


class Runfile(_Spec):
    """NVIDIA's installer. Hosts fetch it themselves."""

    url: Annotated[RunfileUrl, DRIVES]
    """Where it is; the file keeps NVIDIA's name, which says the version."""
    sha256: Annotated[Sha256, DRIVES]
    """Its SHA-256; another file is not run."""

    @property
    def version(self) -> str:
        """The driver's version, for example 550.54.15."""
        return self.url.rpartition("-")[2].removesuffix(".run")


class HostGpu(_Spec):
    """The NVIDIA driver of a host, and what goes with it: headers, DKMS, no nouveau, persistence.

    A host that has to boot for a driver is drained and booted by `adbray apply`, never by itself.
    """

    driver: Annotated[Driver, DRIVES] = Driver.PREINSTALLED
    """preinstalled, distro or runfile."""
    branch: Annotated[DriverBranch | None, DRIVES] = None
    """Branch of distro, for example "535"; default: the distribution's own choice."""
    runfile: Runfile | None = None
    """The installer of driver runfile."""
    cuda: Annotated[tuple[CudaVersion, ...], DRIVES] = ()
    """CUDA toolkits to have side by side in /usr/local, for example ["12.4"]. Ray and PyTorch need
    none: their wheels bring what they use."""
