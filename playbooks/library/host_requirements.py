#!/usr/bin/python
"""Ansible module: refuse a host that cannot carry a group, and say why, before anything is made."""

from __future__ import annotations

import os
import shutil
import sys

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: host_requirements
short_description: Check that a host can carry a resource group
description:
  - Needs root, systemd as PID 1 and the named tools; changes nothing.
options:
  tools:
    description: Programs that must be there, each with the package that brings it.
    type: dict
author: [adbray maintainers]
"""

ARGUMENTS = {"tools": {"type": "dict", "default": {}}}
TOOL_DIRS = os.pathsep.join(("/usr/sbin", "/sbin", "/usr/bin", "/bin"))


def problems(tools: dict[str, str]) -> list[str]:
    """What is missing, one sentence each."""
    found = []
    if not sys.platform.startswith("linux"):
        found.append(f"hosts run Linux, this is {sys.platform}")
    if os.geteuid() != 0:
        found.append(
            "not root: let ansible_user be root, or give it sudo and set ansible_become: true"
        )
    if not os.path.isdir("/run/systemd/system"):
        found.append("systemd is not PID 1: units could not be started")
    for tool, package in sorted(tools.items()):
        if shutil.which(tool, path=TOOL_DIRS) is None:
            found.append(f"{tool} is missing: install the package {package}")
    return found


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    found = problems(module.params["tools"])
    if found:
        module.fail_json(msg="this host cannot carry a resource group: " + "; ".join(found))
    module.exit_json(changed=False)


if __name__ == "__main__":
    main()
