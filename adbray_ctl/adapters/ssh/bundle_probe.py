"""What hosts have for a support bundle."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator, Sequence

from adbray_ctl.adapters.ssh.ask import Commands, Question, Reply
from adbray_ctl.core.bundle import CollectRequest, HostFiles
from adbray_ctl.core.errors import HostError
from adbray_ctl.core.spec.fleet import Fleet

_WITHIN_S = 120.0


class SshBundleProbe:
    """BundleProbe."""

    def __init__(self, hosts: Commands) -> None:
        self._hosts = hosts

    def read(
        self, fleet: Fleet, hosts: Sequence[str], wanted: CollectRequest
    ) -> Iterator[HostFiles]:
        question = Question("collect", _files, (wanted.model_dump_json(),), within_s=_WITHIN_S)
        for host, answer in self._hosts.ask_each(fleet, hosts, question):
            if isinstance(answer, HostError):
                yield HostFiles(host=host, error=answer.what)
            else:
                yield answer


def _files(reply: Reply) -> HostFiles:
    try:
        plain = json.loads(zlib.decompress(base64.b64decode(reply.text)))
    except zlib.error as error:
        raise ValueError(str(error)) from error
    return HostFiles.model_validate({**plain, "host": reply.host})
