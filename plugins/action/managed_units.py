"""Ansible action: renders units here, for the module of the same name."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.adbray.ray.plugins.plugin_utils.entries import rendered


class ActionModule(ActionBase):  # type: ignore[misc]  # Ansible's plugins have no types
    _supports_check_mode = True

    @classmethod
    def finalize_task_arg(cls, name: str, value: Any, templar: Any, context: Any) -> Any:
        """Units are rendered one by one, each with the item of its loop."""
        if name == "units":
            return value
        return super().finalize_task_arg(name, value, templar, context)

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        variables = task_vars or {}
        arguments = dict(self._task.args)
        if "units" in arguments:
            arguments["units"] = [
                one
                for unit in arguments["units"]
                for one, _ in rendered(self._templar, unit, variables)
            ]
        result |= self._execute_module(module_args=arguments, task_vars=variables)
        return result
