"""Known vulnerabilities of Ray versions that adbray's settings do not close by themselves.

CVE-2023-48022 (the job API takes anybody's job) is not here: no version is without it, and the
token that every group has closes it.
"""

from __future__ import annotations

from packaging.version import InvalidVersion, Version
from pydantic import BaseModel, ConfigDict


class Advisory(BaseModel):
    """One vulnerability; versions from ``since`` up to, but not with, ``fixed`` have it."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    id: str
    what: str
    since: str = "0"
    fixed: str


ADVISORIES = (
    Advisory(id="CVE-2023-6019", what="commands injected through the dashboard", fixed="2.8.1"),
    Advisory(
        id="CVE-2025-62593",
        what="a web page in an operator's browser can submit jobs",
        fixed="2.52.0",
    ),
    Advisory(
        id="CVE-2026-27482",
        what="a web page in an operator's browser can delete jobs",
        fixed="2.54.0",
    ),
    # https://github.com/ray-project/ray/pull/62056 (GHSA-mw35-8rx3-xf9r)
    Advisory(
        id="CVE-2026-41486",
        what="a crafted Parquet file read by Ray Data runs code",
        since="2.49.0",
        fixed="2.55.0",
    ),
)


def advisories_for(version: str) -> tuple[Advisory, ...]:
    """The vulnerabilities of a Ray version ("2.60.0"); none for one that cannot be read."""
    try:
        number = Version(version)
    except InvalidVersion:
        return ()
    return tuple(one for one in ADVISORIES if Version(one.since) <= number < Version(one.fixed))
