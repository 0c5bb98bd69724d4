#!/usr/bin/python
"""Ansible module: the running kernel's initramfs, made anew where it is older than some files."""

from __future__ import annotations

import os
import shutil
import subprocess

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: initramfs
short_description: Make the initramfs anew after what goes into it has changed
description:
  - Compares times, so that a run that broke off between is made good by the next one.
  - A host without an initramfs, as a container is, needs nothing.
options:
  newer_than:
    description: Files that are to be in it.
    type: list
    elements: path
    required: true
author: [adbray maintainers]
"""

RETURN = r"""
path:
  description: The initramfs; empty where there is none.
  type: str
  returned: always
"""

ARGUMENTS = {"newer_than": {"type": "list", "elements": "path", "required": True}}


def command_for(kernel: str, boot: str = "/boot") -> tuple[str, list[str]]:
    """The initramfs of ``kernel`` and what makes it; nothing where there is none."""
    choices = (
        ("initrd.img-", ["update-initramfs", "-u", "-k", kernel]),
        ("initramfs-", ["dracut", "--force", "--kver", kernel]),
    )
    for prefix, command in choices:
        path = f"{boot}/{prefix}{kernel}" + (".img" if prefix == "initramfs-" else "")
        if os.path.exists(path) and shutil.which(command[0], path="/usr/sbin:/usr/bin"):
            return path, command
    return "", []


def is_stale(path: str, files: list[str]) -> bool:
    """Whether any of ``files`` was written after ``path``."""
    made = os.stat(path).st_mtime
    return any(os.path.exists(file) and os.stat(file).st_mtime > made for file in files)


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    path, command = command_for(os.uname().release)
    stale = bool(path) and is_stale(path, module.params["newer_than"])
    if stale and not module.check_mode:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            module.fail_json(msg=f"{' '.join(command)} failed: {done.stderr.strip()[-600:]}")
    module.exit_json(changed=stale, path=path)


if __name__ == "__main__":
    main()
