#!/usr/bin/python
"""Ansible module: a set of files and directories as they should be, in one round trip."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.adbray.ray.plugins.module_utils.files import (
    Changes,
    ensure_absent,
    ensure_directory,
    ensure_file,
    ensure_line,
)
from ansible_collections.adbray.ray.plugins.module_utils.started import FOLDER, Started

DOCUMENTATION = r"""
module: managed_files
short_description: Write a whole set of files and directories, and remove what no longer belongs
description:
  - Brings every listed file and directory to the given content, mode and owner.
  - Files are written beside their target and renamed over it, so nobody reads half a file.
  - What matches I(absent) and is not listed is removed.
  - An action of the same name renders the entries on the control machine and hands them over in
    one round trip. With C(loop), an entry is there once for each item, as C(item) or as what
    I(loop_var) names; with C(when), only where its conditions hold.
options:
  directories:
    description: Directories, made in this order; parents must exist or come first.
    type: list
    elements: dict
  files:
    description:
      - Files with their whole content, from one of I(content), I(src), a file of the role,
        I(template), a template of the role, I(json), which is written with sorted keys, and
        I(binary), a file of the role that is not text.
      - With I(each), a pattern of files on the control machine, I(path) is the directory that gets
        them all.
      - With C(digests_of), a list of paths of the set, I(json) gets their SHA-256 as C(files).
    type: list
    elements: dict
  secret_files:
    description: As I(files), but content never appears in results, diffs or logs.
    type: list
    elements: dict
  lines:
    description:
      - Lines of files that others write to as well, such as authorized_keys. Of all lines that
        match the regular expression I(match) the file then has I(line) alone, or none where
        that is empty; its other lines stay.
    type: list
    elements: dict
  absent:
    description:
      - Glob patterns of what to remove, directories with all they hold.
      - With C(unless), a list of globs, only when none of those matches anything afterwards.
      - With C(empty), only empty directories are removed, and no mount points.
    type: list
    elements: dict
  state_dir:
    description: Where digests are kept for managed_units.
    type: path
author: [adbray maintainers]
"""

RETURN = r"""
changed_paths:
  description: Files and directories that were written, changed or removed.
  type: list
  returned: always
digests:
  description: SHA-256 by path, of what I(files) hold.
  type: dict
  returned: always
"""

ENTRY = {
    "path": {"type": "path", "required": True},
    "mode": {"type": "str", "required": True},
    "owner": {"type": "str", "default": "root"},
    "group": {"type": "str", "default": "root"},
}
# Of any entry, and of files: what the action makes entries and their content from.
ON_CONTROL = {
    "loop": {"type": "raw"},
    "loop_var": {"type": "str"},
    "when": {"type": "raw"},
}
SOURCES = {
    "json": {"type": "raw"},
    "digests_of": {"type": "list", "elements": "path"},
    "src": {"type": "path"},
    "template": {"type": "path"},
    "binary": {"type": "path"},
    "each": {"type": "path"},
    "base64": {"type": "str"},
}
FILE = {**ENTRY, **SOURCES, "content": {"type": "str"}}
LINE = {
    **ENTRY,
    "match": {"type": "str", "required": True},
    "line": {"type": "str", "default": ""},
}
SECRET_FILE = {**FILE, "content": {"type": "str", "no_log": True}}
ABSENT = {
    "glob": {"type": "str", "required": True},
    "unless": {"type": "list", "elements": "str", "default": []},
    "empty": {"type": "bool", "default": False},
}


def entries(options: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A list option whose elements have ``options``."""
    options = {**options, **ON_CONTROL}
    return {"type": "list", "elements": "dict", "default": [], "options": options, **more}


ARGUMENTS = {
    "directories": entries(ENTRY),
    "files": entries(FILE),
    "secret_files": entries(SECRET_FILE, no_log=False),
    "lines": entries(LINE),
    "absent": entries(ABSENT),
    "state_dir": {"type": "path", "default": FOLDER},
}


class QuietModule(AnsibleModule):  # type: ignore[misc]  # Ansible's modules have no types
    """Keeps what it was called with out of the host's journal.

    Ansible masks secrets there, but not those of several lines, such as keys, within a dictionary:
    it looks for their text in its representation (ansible-core 2.19, basic.py, _log_invocation).
    """

    def _log_invocation(self) -> None:
        self.log("Invoked")


def main() -> None:
    module = QuietModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    arguments = module.params
    changes = Changes(module.check_mode, Started(arguments["state_dir"]))
    try:
        for entry in arguments["directories"]:
            ensure_directory(entry, changes)
        for entry in arguments["files"]:
            ensure_file(entry, changes, secret=False)
        for entry in arguments["secret_files"]:
            ensure_file(entry, changes, secret=True)
        for entry in arguments["lines"]:
            ensure_line(entry, changes)
        listed = arguments["directories"] + arguments["files"] + arguments["secret_files"]
        kept = {entry["path"] for entry in listed}
        for rule in arguments["absent"]:
            ensure_absent(rule, kept, changes)
    except (OSError, ValueError) as error:
        module.fail_json(msg=str(error), changed=bool(changes.paths))
    diff = changes.diffs if module._diff else []
    module.exit_json(changed=bool(changes.paths), changed_paths=changes.paths, diff=diff)


if __name__ == "__main__":
    main()
