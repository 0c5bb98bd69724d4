#!/usr/bin/python
"""Ansible module: users of the system that are gone."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.adbray.ray.plugins.module_utils.users import UserError, members, remove

DOCUMENTATION = r"""
module: removed_users
short_description: Remove users of the system
description:
  - Those that are not there are left out. A process of theirs that has not ended keeps none.
options:
  names:
    description: The users.
    type: list
    elements: str
  members_of:
    description:
      - All users that are in this group besides go first, since a group with members would stay.
    type: str
  if_in:
    description: Leave those of I(names) that are not in this group, for they are somebody else's.
    type: str
author: [adbray maintainers]
"""

ARGUMENTS = {
    "names": {"type": "list", "elements": "str", "required": True},
    "members_of": {"type": "str", "default": ""},
    "if_in": {"type": "str", "default": ""},
}


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    group = module.params["members_of"]
    ours = members(module.params["if_in"]) if module.params["if_in"] else module.params["names"]
    own = [name for name in module.params["names"] if name in ours]
    names = [*(members(group) if group else []), *own]
    try:
        done = remove(names, check_mode=module.check_mode)
    except (UserError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=bool(done), actions=done)


if __name__ == "__main__":
    main()
