"""Ansible action: renders a role's set of files here, for the module of the same name."""

from __future__ import annotations

import base64
import glob
import hashlib
import json
import os
from collections.abc import Iterator
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.template import trust_as_template

from ansible_collections.adbray.ray.plugins.plugin_utils.entries import Entry, rendered

KINDS = frozenset(("directories", "files", "secret_files", "lines", "absent"))


class ActionModule(ActionBase):  # type: ignore[misc]  # Ansible's plugins have no types
    """Hands the module each file with its content, and returns digests of those not secret."""

    _supports_check_mode = True

    @classmethod
    def finalize_task_arg(cls, name: str, value: Any, *more: Any) -> Any:
        """As it is written: each entry is rendered by itself, with the item of its loop."""
        return value if name in KINDS else super().finalize_task_arg(name, value, *more)

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        variables = task_vars or {}
        arguments: dict[str, Any] = dict(self._task.args)
        for kind in arguments.keys() & KINDS:
            arguments[kind] = [
                self._filled(one, known)
                for entry in arguments[kind]
                for several, known in rendered(self._templar, entry, variables)
                for one in each(several)
            ]
        plain = arguments.get("files", [])
        digests = described([*plain, *arguments.get("secret_files", [])])
        result |= self._execute_module(module_args=arguments, task_vars=variables)
        # It would repeat the content of every file.
        result.pop("invocation", None)
        return result | {"digests": {one["path"]: digests[one["path"]] for one in plain}}

    def _filled(self, entry: Entry, variables: dict[str, Any]) -> Entry:
        """With its content, where a file of the role says it."""
        if "src" in entry:
            path = self._find_needle("files", entry.pop("src"))
            entry["content"] = self._loader.get_text_file_contents(path)
        if "binary" in entry:
            path = self._find_needle("files", entry.pop("binary"))
            with open(path, "rb") as file:
                entry["base64"] = base64.b64encode(file.read()).decode()
        if "template" in entry:
            path = self._find_needle("templates", entry.pop("template"))
            entry["content"] = self._rendered(path, variables)
        return entry

    def _rendered(self, path: str, variables: dict[str, Any]) -> Any:
        roots = self._task.get_search_path()
        folders = [os.path.dirname(path), *(os.path.join(root, "templates") for root in roots)]
        # For what roles share: ROLE/templates/NAME.
        folders.append(os.path.dirname(roots[0]))
        templar = self._templar.copy_with_new_env(searchpath=folders, available_variables=variables)
        # As in an include, a template's last newline is not part of the file.
        text = self._loader.get_text_file_contents(path).removesuffix("\n")
        return templar.template(
            trust_as_template(text), escape_backslashes=False, overrides={"trim_blocks": True}
        )


def each(entry: Entry) -> Iterator[Entry]:
    """The entry, or one for each file of this machine that its pattern matches."""
    if "each" not in entry:
        yield entry
        return
    own = {key: value for key, value in entry.items() if key != "each"}
    for source in sorted(glob.glob(entry["each"])):
        yield {**own, "path": os.path.join(own["path"], os.path.basename(source)), "src": source}


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
    if "base64" in file:
        return hashlib.sha256(base64.b64decode(file["base64"])).hexdigest()
    content = file.get("content")
    if not isinstance(content, str):
        raise AnsibleActionFail(f"{file['path']}: has no text as its content")
    return hashlib.sha256(content.encode("utf-8", "surrogateescape")).hexdigest()
