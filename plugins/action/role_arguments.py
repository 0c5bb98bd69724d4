"""Ansible action: holds what all hosts give to a playbook's roles against their specs."""

from __future__ import annotations

import os
from typing import Any

import yaml
from ansible.errors import AnsibleActionFail, AnsibleUndefinedVariable
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.action import ActionBase

ROLES = os.path.join(os.path.dirname(__file__), *(os.pardir,) * 2, "roles")


class ActionModule(ActionBase):  # type: ignore[misc]  # Ansible's plugins have no types
    """Runs once for all hosts of a play: a process for each role and host would cost far more."""

    BYPASS_HOST_LOOP = True
    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        variables = task_vars or {}
        here = set(self._templar.template(variables["ansible_play_hosts"]))
        errors = [
            f"{host}: {role}: {error}"
            for role, pattern in self._task.args["roles"].items()
            if {"all", role}.intersection(variables["ansible_run_tags"])
            for host in members(pattern, variables["groups"])
            if host in here
            for error in self._errors(specified(role), variables_of(host, variables["hostvars"]))
        ]
        if errors:
            raise AnsibleActionFail(
                "\n".join(["what roles are given is not what they take:", *errors])
            )
        return result | {"changed": False}

    def _errors(self, options: dict[str, Any], variables: dict[str, Any]) -> list[str]:
        templar = self._templar.copy_with_new_env(available_variables=variables)
        given, open_ones = {}, set()
        for name in options.keys() & variables.keys():
            try:
                given[name] = templar.template(variables[name])
            except AnsibleUndefinedVariable:
                # It may be by a default of a role, which only that role has.
                open_ones.add(name)
        known = {name: one for name, one in options.items() if name not in open_ones}
        found = ArgumentSpecValidator(known).validate(given, validate_role_argument_spec=True)
        return list(found.error_messages)


def variables_of(host: str, hostvars: Any) -> dict[str, Any]:
    """What a task of ``host`` would have, the variables of the others too."""
    return {**hostvars.raw_get(host), "hostvars": hostvars}


def members(pattern: str, groups: dict[str, list[str]]) -> list[str]:
    """The hosts of a union of groups, such as ``a:b``."""
    return list(dict.fromkeys(host for name in pattern.split(":") for host in groups[name]))


def specified(role: str) -> dict[str, Any]:
    """What the main entry point of ``role`` takes; its defaults are its own to fill in."""
    with open(os.path.join(ROLES, role, "meta", "argument_specs.yml"), encoding="utf-8") as file:
        options = yaml.safe_load(file)["argument_specs"]["main"].get("options", {})
    return {name: {k: v for k, v in one.items() if k != "default"} for name, one in options.items()}
