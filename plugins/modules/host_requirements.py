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
  - Needs root, systemd as PID 1, the named tools, and memory beyond what is reserved; changes
    nothing.
options:
  tools:
    description: Programs that must be there, each with the package that brings it.
    type: dict
  reserved_memory_mb:
    description: Memory that the host keeps for its system, in MiB.
    type: int
author: [adbray maintainers]
"""

RETURN = r"""
usable_memory_mb:
  description: What is left of the host's memory for all groups, in MiB.
  type: int
  returned: success
"""

ARGUMENTS = {
    "tools": {"type": "dict", "default": {}},
    "reserved_memory_mb": {"type": "int", "default": 0},
}
# Less carries no slot at all.
LEAST_MB = 512
TOOL_DIRS = os.pathsep.join(("/usr/sbin", "/sbin", "/usr/bin", "/bin"))


def memory_mb() -> int:
    """All of the host's memory."""
    with open("/proc/meminfo", encoding="ascii") as file:
        total = next(line for line in file if line.startswith("MemTotal:"))
    return int(total.split()[1]) // 1024


def problems(tools: dict[str, str], usable_mb: int) -> list[str]:
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
    if usable_mb < LEAST_MB:
        found.append(f"system_reserved leaves {usable_mb} MiB of its memory: lower it")
    return found


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    usable_mb = memory_mb() - module.params["reserved_memory_mb"]
    found = problems(module.params["tools"], usable_mb)
    if found:
        module.fail_json(msg="this host cannot carry a resource group: " + "; ".join(found))
    module.exit_json(changed=False, usable_memory_mb=usable_mb)


if __name__ == "__main__":
    main()
