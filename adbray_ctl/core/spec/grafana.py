"""What the operator writes of Grafana: where its program comes from, and who looks at it."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel

from adbray_ctl.core.spec.base import SPEC_CONFIG, Bool
from adbray_ctl.core.spec.impact import MEASURES, SHOWS
from adbray_ctl.core.spec.strings import DownloadUrl, FilePath, PageUrl, Sha256


class GrafanaTarball(BaseModel):
    """Grafana's archive for Linux, grafana-VERSION.linux-amd64.tar.gz: from a URL or a file."""

    model_config = SPEC_CONFIG

    url: Annotated[DownloadUrl | None, MEASURES] = None
    """Where its host fetches it itself."""
    path: Annotated[FilePath | None, MEASURES] = None
    """The file on this machine; relative to fleet.yml."""
    sha256: Annotated[Sha256, MEASURES]
    """Its SHA-256; another file is not unpacked."""


class Grafana(BaseModel):
    """Grafana beside Prometheus, with dashboards of groups. Whoever looks has to log in.

    Without deb and tarball it is the package grafana of the host's own repositories. Debian has
    none: add Grafana's there, or give one of the two.
    """

    model_config = SPEC_CONFIG

    deb: Annotated[FilePath | None, MEASURES] = None
    """Grafana's package, a file on this machine; relative to fleet.yml."""
    tarball: GrafanaTarball | None = None
    """Grafana's archive, unpacked for adbray alone."""
    url: Annotated[PageUrl | None, MEASURES] = None
    """Where browsers find it, ending in /grafana/: behind a web proxy, for example. Default: where
    web is, and without that on their own machine, at grafana_port, the end of an SSH tunnel."""
    panels_in_ray: Annotated[Bool, SHOWS] = False
    """Whether Ray's dashboard shows panels of Grafana, to browsers that are logged in there. Heads
    must reach Grafana and Prometheus for it: it needs listen: host. While it is set, a change of
    where those are restarts heads too."""
