"""Ansible action: renders a role's set of files here, for the module of the same name."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.template import trust_as_template

KINDS = ("directories", "files", "secret_files", "lines", "absent")
# Of an entry; they are no part of what it becomes.
LOOPS = ("loop", "loop_var", "when")

Entry = dict[str, Any]


class ActionModule(ActionBase):  # type: ignore[misc]  # Ansible's plugins have no types
    """Hands the module each file with its content, and returns digests of those not secret."""

    _supports_check_mode = True

    @classmethod
    def finalize_task_arg(cls, name: str, value: Any, templar: Any, context: Any) -> Any:
        """As it is written: each entry is rendered by itself, with the item of its loop."""
        return value

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        if unknown := sorted(set(self._task.args) - set(KINDS)):
            raise AnsibleActionFail(f"no such option: {', '.join(unknown)}")
        variables = task_vars or {}
        desired = {
            kind: [one for entry in entries for one in self._looped(entry, variables)]
            for kind, entries in self._task.args.items()
        }
        plain = desired.get("files", [])
        digests = described([*plain, *desired.get("secret_files", [])])
        result |= self._execute_module(module_args=desired, task_vars=variables)
        # It would repeat the content of every file.
        result.pop("invocation", None)
        return result | {"digests": {one["path"]: digests[one["path"]] for one in plain}}

    def _looped(self, entry: Entry, variables: dict[str, Any]) -> Iterator[Entry]:
        """The entry for each item of its loop, where its conditions hold."""
        items = self._templar.template(entry["loop"]) if "loop" in entry else [None]
        when = entry.get("when", [])
        conditions = when if isinstance(when, list) else [when]
        own = {key: value for key, value in entry.items() if key not in LOOPS}
        for item in items:
            known = {**variables, entry.get("loop_var", "item"): item} if "loop" in entry else variables
            templar = self._templar.copy_with_new_env(available_variables=known)
            if all(templar.evaluate_conditional(one) for one in conditions):
                yield self._filled(templar.template(own), known)

    def _filled(self, entry: Entry, variables: dict[str, Any]) -> Entry:
        """With its content, where a file of the role says it."""
        if "src" in entry:
            path = self._find_needle("files", entry.pop("src"))
            entry["content"] = self._loader.get_text_file_contents(path)
        if "template" in entry:
            path = self._find_needle("templates", entry.pop("template"))
            entry["content"] = self._rendered(path, variables)
        return entry

    def _rendered(self, path: str, variables: dict[str, Any]) -> Any:
        roots = self._task.get_search_path()
        folders = [os.path.dirname(path), *(os.path.join(root, "templates") for root in roots)]
        templar = self._templar.copy_with_new_env(
            searchpath=folders, available_variables=variables
        )
        text = trust_as_template(self._loader.get_text_file_contents(path))
        return templar.template(text, escape_backslashes=False, overrides={"trim_blocks": True})


def described(files: list[Entry]) -> dict[str, str]:
    """SHA-256 by path. Records among ``files`` become text, those of others in them."""
    found = {one["path"]: digest(one) for one in files if "json" not in one}
    for one in files:
        if "json" not in one:
            continue
        record = one.pop("json")
        if "digests_of" in one:
            record = {**record, "files": {path: found[path] for path in one.pop("digests_of")}}
        one["content"] = json.dumps(record, sort_keys=True)
        found[one["path"]] = digest(one)
    return found


def digest(file: Entry) -> str:
    content = file.get("content")
    if not isinstance(content, str):
        raise AnsibleActionFail(f"{file['path']}: has no text as its content")
    return hashlib.sha256(content.encode("utf-8", "surrogateescape")).hexdigest()
