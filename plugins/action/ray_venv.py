"""Ansible action: hands a host the archive of its environment, for the module of the same name."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.adbray.ray.plugins.modules.ray_archive import (
    BuildError,
    known_digest,
    make,
)
from ansible_collections.adbray.ray.plugins.plugin_utils.exchange import UPLOADS, Exchange

# Of the archive's own form.
FORM = 3


class ActionModule(ActionBase):  # type: ignore[misc]  # Ansible's plugins have no types
    """All in one task: where nothing is needed, it is one look at the host."""

    TRANSFERS_FILES = True
    _supports_check_mode = True

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        cache = arguments.pop("cache_dir", None)
        if arguments["state"] != "present" or cache is None:
            return result | self._call(arguments, task_vars)
        found = self._call({**arguments, "state": "query"}, task_vars)
        if found.get("failed") or not found["needed"]:
            return result | found
        if self._task.check_mode:
            return result | found | {"changed": True}
        archive, digest = self._archive(cache, arguments, found["arch"])
        arguments = {"peers": [], **arguments, "digest": digest}
        return result | self._bring(archive, arguments, task_vars or {})

    def _call(self, arguments: dict[str, Any], task_vars: dict[str, Any] | None) -> dict[str, Any]:
        done: dict[str, Any] = self._execute_module(module_args=arguments, task_vars=task_vars)
        return done

    def _archive(self, cache: str, arguments: dict[str, Any], arch: str) -> tuple[str, str]:
        """Where it is on this machine, and its digest; built if it is not there."""
        dest = os.path.join(cache, name_of(arguments["path"], arguments["requirements"], arch))
        try:
            if not known_digest(dest):
                python, requirements = arguments["python"], list(arguments["requirements"])
                make(dest, arguments["path"], requirements, python, arch)
            return dest, known_digest(dest)
        except (BuildError, OSError) as error:
            message = f"{error} (the control machine needs a package index for this)"
            raise AnsibleActionFail(message) from error

    def _bring(
        self, archive: str, arguments: dict[str, Any], task_vars: dict[str, Any]
    ) -> dict[str, Any]:
        """Hand it over, or, where many hosts want it, have it come from one that has it."""
        if min(len(task_vars["ansible_play_hosts_all"]), len(arguments["peers"])) <= UPLOADS:
            arguments = {**arguments, "peers": []}
        folder = self._make_tmp_path()
        there = self._connection._shell.join_path(folder, "archive")
        try:
            while True:
                source, done = self._brought(archive, there, arguments, task_vars)
                if not done.get("source_failed"):
                    return done | {"source": source}
        finally:
            self._remove_tmp_path(folder)

    def _brought(
        self, archive: str, there: str, arguments: dict[str, Any], task_vars: dict[str, Any]
    ) -> tuple[str, dict[str, Any]]:
        """One try: from where, and what the module says."""
        if not arguments["peers"]:
            self._transfer_file(archive, there)
            return "", self._call({**arguments, "archive": there}, task_vars)
        exchange = Exchange(Path(constants.DEFAULT_LOCAL_TMP, arguments["digest"]))
        with exchange.turn() as source:
            if source:
                size = os.path.getsize(archive)
                done = self._call({**arguments, "source": source, "size": size}, task_vars)
            else:
                self._transfer_file(archive, there)
        if not source:
            done = self._call({**arguments, "archive": there}, task_vars)
        elif done.get("source_failed"):
            exchange.withdraw(source)
        if done.get("offer"):
            exchange.offer(done["offer"])
        return source, done


def name_of(venv: str, requirements: list[str], arch: str) -> str:
    """After what is in it, and where it goes, for it is kept for years."""
    what = json.dumps([FORM, str(venv), sorted(map(str, requirements))])
    digest = hashlib.sha256(what.encode()).hexdigest()
    return f"{os.path.basename(venv)}-{arch}-{digest[:8]}.tar.zst"
