#!/usr/bin/python
"""Ansible module: all it does is done by the action of the same name, on the control machine."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: role_arguments
short_description: Check what all hosts give to a playbook's roles, before anything is made
description:
  - Holds variables against the argument specs of the roles' main entry points, in one go for all
    hosts of the play. Ansible's own check takes a task for each role and host.
  - Of a run with tags, only the roles that it names.
options:
  roles:
    description: By role of this collection, the groups it runs on, joined by colons.
    type: dict
author: [adbray maintainers]
"""

ARGUMENTS = {"roles": {"type": "dict", "required": True}}


def main() -> None:
    AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True).exit_json(changed=False)


if __name__ == "__main__":
    main()
