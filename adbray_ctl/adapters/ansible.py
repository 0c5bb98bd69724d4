"""Runs playbooks through ansible-runner and turns its raw events into typed ones."""

from __future__ import annotations

import logging
import os
import shutil
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from adbray_ctl.adapters.content import ansible_dir
from adbray_ctl.core.errors import RunError
from adbray_ctl.core.events import HostResult, Outcome, RunEvent, TaskStarted
from adbray_ctl.core.ports import Report, Scope
from adbray_ctl.core.record import SlotKind
from adbray_ctl.core.slots import disk_name, kind_of

_OUTCOMES = {
    "runner_on_ok": Outcome.OK,
    "runner_on_skipped": Outcome.SKIPPED,
    "runner_on_failed": Outcome.FAILED,
    "runner_on_unreachable": Outcome.UNREACHABLE,
}
# How many runs' artifacts stay; the oldest go first.
_KEPT_RUNS = 50


class AnsibleRunner:
    """PlaybookRunner; each run's artifacts stand under ``<runs>/<time>-<playbook>/``."""

    def __init__(self, runs: Path) -> None:
        self._runs = runs

    def run(
        self, playbook: str, inventory: Path, report: Report, scope: Scope | None = None
    ) -> Path:
        # Here, since it takes 0.15 s that only a run needs.
        import ansible_runner

        content = ansible_dir()
        ident = f"{time.strftime('%Y%m%dT%H%M%S')}-{playbook}-{os.getpid()}"
        private = self._prepare(ident)
        failures: list[HostResult] = []
        stopping: list[BaseException] = []

        def receive(raw: Mapping[str, Any]) -> bool:
            event = typed_event(raw)
            if isinstance(event, HostResult) and event.outcome in (
                Outcome.FAILED,
                Outcome.UNREACHABLE,
            ):
                failures.append(event)
            if event is not None:
                report(event)
            return True

        logging.getLogger("ansible-runner").setLevel(logging.ERROR)
        result = ansible_runner.run(
            private_data_dir=str(private),
            ident="run",
            playbook=str(content / "playbooks" / f"{playbook}.yml"),
            inventory=str(inventory.resolve()),
            **_scope_arguments(scope),
            envvars=_environment(content),
            event_handler=receive,
            cancel_callback=lambda: bool(stopping),
            quiet=True,
            suppress_env_files=True,
        )
        log = private / "artifacts" / "run" / "stdout"
        if result.rc != 0:
            raise _failure(playbook, failures, log)
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


def _scope_arguments(scope: Scope | None) -> dict[str, Any]:
    if scope is None:
        return {}
    # The roles that carry many nodes of a host take the names of those that are meant.
    kinds = {node: kind_of(node) for node in scope.nodes}
    workers = [node for node, kind in kinds.items() if kind is SlotKind.WORKER]
    disks = [disk_name(kind, n) for n, kind in kinds.items() if kind is not SlotKind.REDIS]
    return {
        "limit": ",".join(scope.hosts),
        "tags": ",".join(scope.roles),
        "extravars": {
            "worker_disk_only": disks,
            "gpu_share_only": workers,
            "ray_worker_only": workers,
        },
    }


def typed_event(raw: Mapping[str, Any]) -> RunEvent | None:
    """The typed event behind one of ansible-runner's, or None for those nobody waits for."""
    data = raw.get("event_data") or {}
    step = data.get("role") or "playbook"
    task = data.get("task") or ""
    kind = raw.get("event")
    if kind == "playbook_on_task_start":
        return TaskStarted(step=step, task=task)
    outcome = _OUTCOMES.get(str(kind))
    if outcome is None or not data.get("host"):
        return None
    result = data.get("res") or {}
    if outcome is Outcome.OK and result.get("changed"):
        outcome = Outcome.CHANGED
    if outcome is Outcome.FAILED and data.get("ignore_errors"):
        outcome = Outcome.OK
    # Of Ansible's own modules, which have a collection in their names, nobody wants to hear.
    ours = "." not in str(data.get("task_action") or "")
    message = "; ".join(map(str, result.get("warnings") or ())) if ours else ""
    if outcome in (Outcome.FAILED, Outcome.UNREACHABLE):
        message = _message(result)
    return HostResult(step=step, task=task, host=data["host"], outcome=outcome, message=message)


def _message(result: Mapping[str, Any]) -> str:
    if result.get("censored"):
        return "the task failed; its output is hidden because it handles a secret"
    text = str(result.get("msg") or result.get("stderr") or "no message").strip()
    stderr = str(result.get("stderr") or "").strip()
    if stderr and stderr not in text:
        text += f"\n{stderr}"
    return "\n".join(text.splitlines()[-12:])


def _environment(content: Path) -> dict[str, str]:
    return {
        # The ansible-playbook that was installed with us comes first, whatever PATH says.
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
        "ANSIBLE_CONFIG": str(content / "ansible.cfg"),
        "ANSIBLE_ROLES_PATH": str(content / "roles"),
        "ANSIBLE_LIBRARY": str(content / "playbooks" / "library"),
        "ANSIBLE_MODULE_UTILS": str(content / "playbooks" / "module_utils"),
        # Unix socket paths end at 107 bytes: ControlPersist's must not depend on the project's.
        "ANSIBLE_SSH_CONTROL_PATH_DIR": str(Path.home() / ".ansible" / "cp"),
        "ANSIBLE_FORCE_COLOR": "0",
        "PYTHONWARNINGS": "ignore",
    }


def _failure(playbook: str, failures: list[HostResult], log: Path) -> RunError:
    if not failures:
        tail = log.read_text(errors="replace").strip().splitlines()[-8:] if log.exists() else []
        return RunError(
            "\n".join([f"ansible-playbook {playbook}.yml failed", *tail]),
            hint=f"see the whole log: {log}",
        )
    first = failures[0]
    others = sorted({f.host for f in failures[1:]} - {first.host})
    also = f" (also failed: {', '.join(others)})" if others else ""
    if first.outcome is Outcome.UNREACHABLE:
        what = f"unreachable during {first.step}: {first.message}{also}"
        hint = f"bring the host back and run this again; whole log: {log}"
    else:
        what = f"{first.step}: task '{first.task}' failed: {first.message}{also}"
        hint = f"mend it and run this again, what is done stays done; whole log: {log}"
    return RunError(what, where=first.host, hint=hint)
