#!/usr/bin/python
"""Ansible module: packages whose programs are missing, and whose own units never start."""

from __future__ import annotations

import os

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.adbray.ray.plugins.module_utils.bars import bar
from ansible_collections.adbray.ray.plugins.module_utils.packages import (
    PackageError,
    await_begun,
    begin,
    install,
)
from ansible_collections.adbray.ray.plugins.module_utils.systemd import Systemd, UnitError

DOCUMENTATION = r"""
module: barred_packages
short_description: Bring Debian packages without starting what comes with them
description:
  - Installs packages whose program is missing. The unit that a package brings is barred before,
    until managed_units settles it, should the run break off in between.
  - In check mode nothing is done, and nothing said, for a host whose lists of packages were never
    fetched does not know them.
options:
  packages:
    description:
      - Each with its I(name), the I(program) whose absence says that it is missing, and the I(unit)
        that it brings, if it brings one.
    type: list
    elements: dict
  wait:
    description:
      - If not, apt is begun and goes on beside what follows, in C(adbray-packages.service). A later
        call that waits ends after it, and installs what is still missing.
    type: bool
author: [adbray maintainers]
"""

ARGUMENTS = {
    "packages": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "name": {"type": "str", "required": True},
            "program": {"type": "path", "required": True},
            "unit": {"type": "str", "default": ""},
        },
    },
    "wait": {"type": "bool", "default": True},
}


def bring(systemd: Systemd, packages: list[dict[str, str]], *, wait: bool) -> list[str]:
    """Bar and bring what is missing of ``packages``; gives the names."""
    if wait:
        # A program may be there before its package is set up.
        await_begun(systemd)
    missing = [package for package in packages if not os.path.exists(package["program"])]
    names = [package["name"] for package in missing]
    if missing:
        bar(systemd, [package["unit"] for package in missing if package["unit"]])
        (install if wait else begin)(names)
    return names


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    if module.check_mode:
        module.exit_json(changed=False)
    systemd = Systemd(check_mode=False)
    try:
        brought = bring(systemd, module.params["packages"], wait=module.params["wait"])
    except (PackageError, UnitError, OSError) as error:
        module.fail_json(msg=str(error), changed=bool(systemd.done))
    module.exit_json(changed=bool(brought), packages=brought)


if __name__ == "__main__":
    main()
