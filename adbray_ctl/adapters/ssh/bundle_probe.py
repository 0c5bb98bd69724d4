"""What hosts have for a support bundle, told over plain SSH."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import as_completed

from pydantic import ValidationError

from adbray_ctl.adapters.ssh.hosts import SshHosts
from adbray_ctl.adapters.ssh.threads import threads
from adbray_ctl.core.bundle import CollectRequest, HostFiles
from adbray_ctl.core.errors import HostError, HostKeyError
from adbray_ctl.core.spec.fleet import Fleet

_WITHIN_S = 120.0


class SshBundleProbe:
    """BundleProbe."""

    def __init__(self, hosts: SshHosts) -> None:
        self._hosts = hosts

    def read(
        self, fleet: Fleet, hosts: Sequence[str], wanted: CollectRequest
    ) -> Iterator[HostFiles]:
        asked = wanted.model_dump_json()

        def ask(host: str) -> HostFiles:
            try:
                answer = self._hosts.run(fleet, host, "collect", asked, within_s=_WITHIN_S)
                plain = json.loads(zlib.decompress(base64.b64decode(answer)))
                return HostFiles.model_validate({**plain, "host": host})
            except HostKeyError:
                raise
            except HostError as error:
                return HostFiles(host=host, error=error.what)
            except (ValueError, zlib.error, ValidationError) as error:
                what = f"its answer cannot be read: {str(error).splitlines()[0]}"
                return HostFiles(host=host, error=what)

        with threads(len(hosts)) as pool:
            for done in as_completed([pool.submit(ask, host) for host in hosts]):
                yield done.result()
