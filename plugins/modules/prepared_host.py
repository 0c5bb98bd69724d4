#!/usr/bin/python
"""Ansible module: a host that can carry a group, or why not, and the users that groups need."""

from __future__ import annotations

import os
import shutil
import sys

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.adbray.ray.plugins.module_utils.users import UserError, ensure_user

DOCUMENTATION = r"""
module: prepared_host
short_description: Check that a host can carry a resource group, and make its users
description:
  - Needs root, systemd as PID 1, the named tools, and memory beyond what is reserved. Where one is
    missing, nothing is made.
options:
  tools:
    description: Programs that must be there, each with the package that brings it.
    type: dict
  reserved_memory_mb:
    description: Memory that the host keeps for its system, in MiB.
    type: int
  users:
    description:
      - Users of the system, each with a group of the same name and no home directory that is made.
      - C(member_of) is one more group that the user is in.
      - No password matches the I(password) C(*); C(!) locks the user besides, and some sshd then
        refuse it whatever the key.
    type: list
    elements: dict
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
    "users": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "name": {"type": "str", "required": True},
            "comment": {"type": "str", "required": True},
            "home": {"type": "path", "required": True},
            "shell": {"type": "path", "required": True},
            "member_of": {"type": "str", "default": ""},
            "password": {"type": "str", "choices": ["!", "*"], "default": "!", "no_log": False},
        },
    },
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
    done: list[str] = []
    try:
        for user in module.params["users"]:
            done += ensure_user(user, check_mode=module.check_mode)
    except (UserError, OSError) as error:
        module.fail_json(msg=str(error), changed=bool(done))
    module.exit_json(changed=bool(done), actions=done, usable_memory_mb=usable_mb)


if __name__ == "__main__":
    main()
