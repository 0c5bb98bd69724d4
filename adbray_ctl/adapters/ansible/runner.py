"""Runs playbooks through ansible-runner and turns its raw events into typed ones."""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from adbray_ctl.adapters.ansible.environment import only_allowed, own_environment
from adbray_ctl.adapters.ansible.events import EventReader, hide_secrets, lost_hosts
from adbray_ctl.adapters.ansible.failures import Failures
from adbray_ctl.adapters.ansible.sockets import connections
from adbray_ctl.adapters.content import ansible_dir, collection_dir
from adbray_ctl.core.inventory.scope import Scope
from adbray_ctl.core.protocols.runs import Report

# How many runs' artifacts stay; the oldest go first.
_KEPT_RUNS = 50


class AnsibleRunner:
    """PlaybookRunner; each run's artifacts stand under ``<runs>/<time>-<playbook>/``."""

    def __init__(self, runs: Path, content: Path | None = None) -> None:
        """``content`` has the playbooks; what was installed with this package if it is left out."""
        self._runs = runs
        self._content = content

    def run(
        self, playbook: str, inventory: Path, report: Report, scope: Scope | None = None
    ) -> Path:
        content = self._content or ansible_dir()
        ident = f"{time.strftime('%Y%m%dT%H%M%S')}-{playbook}-{os.getpid()}"
        private = self._prepare(ident)
        reader, failures = EventReader(), Failures()

        def receive(raw: dict[str, Any]) -> bool:
            hide_secrets(raw)
            event = reader.read(raw)
            failures.hear(event, lost_hosts(raw))
            if event is not None:
                report(event)
            return True

        wanted = {
            "playbook": str(collection_dir(content) / "playbooks" / f"{playbook}.yml"),
            "inventory": str(inventory.resolve()),
            **_scope_arguments(scope),
        }
        with connections() as sockets:
            own = own_environment(content, private, sockets)
            status = _play(private, wanted, own, receive)
        log = private / "artifacts" / "run" / "stdout"
        if status != 0:
            raise failures.error(playbook, log)
        return log

    def output(self, log: str, most: int) -> str:
        try:
            data = Path(log).read_bytes()
        except OSError:
            return ""
        # Whole lines: half a secret is one that nobody finds.
        data = data if len(data) <= most else data[-most:].partition(b"\n")[2]
        return data.decode(errors="replace")

    def _prepare(self, ident: str) -> Path:
        self._runs.mkdir(mode=0o700, parents=True, exist_ok=True)
        for old in sorted(self._runs.iterdir())[: -(_KEPT_RUNS - 1)]:
            shutil.rmtree(old, ignore_errors=True)
        private = self._runs / ident
        private.mkdir(mode=0o700)
        return private


def _play(
    private: Path,
    wanted: Mapping[str, Any],
    own: Mapping[str, str],
    receive: Callable[[dict[str, Any]], bool],
) -> int:
    """The exit status of ansible-playbook; it has ``own`` and what is allowed as environment."""
    # Here, since it takes 0.15 s that only a run needs.
    from ansible_runner.interface import init_runner

    logging.getLogger("ansible-runner").setLevel(logging.ERROR)
    runner = init_runner(
        private_data_dir=str(private),
        ident="run",
        **wanted,
        envvars=dict(own),
        event_handler=receive,
        # Without one, ansible-runner takes over the process's signals.
        cancel_callback=lambda: False,
        quiet=True,
        suppress_env_files=True,
    )
    runner.config.env = only_allowed(runner.config.env, own)
    try:
        status: int = runner.run()[1]
    finally:
        # It holds the environment: an index for packages may have its password there.
        (private / "artifacts" / "run" / "command").unlink(missing_ok=True)
    return status


def _scope_arguments(scope: Scope | None) -> dict[str, Any]:
    if scope is None:
        return {}
    return {
        "limit": ",".join(scope.hosts),
        "tags": ",".join(scope.roles),
        "extravars": scope.extra_vars,
    }
