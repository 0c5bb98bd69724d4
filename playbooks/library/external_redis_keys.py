#!/usr/bin/python
"""Ansible module: remove a group's keys from a Redis that stays when the group goes."""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: external_redis_keys
short_description: Remove the keys of a removed Ray head from an external Redis
description:
  - The head's record says which Redis, namespace and environment; without one, or without an
    external Redis in it, nothing is done. The head must be stopped, or it writes again.
options:
  record:
    description: The head's record on the host.
    type: path
  password_file:
    description: The Redis password on the host; need not exist.
    type: path
  within_s:
    description: How long it may take; Ray tries to connect again and again.
    type: int
author: [adbray maintainers]
"""

ARGUMENTS = {
    "record": {"type": "path", "required": True},
    "password_file": {"type": "path", "required": True, "no_log": False},
    "within_s": {"type": "int", "default": 60},
}
# Ray's own function, run by the environment that wrote the keys; arguments come by standard input,
# because an argument list is readable for others.
CODE = """
import json, sys
from ray._private.gcs_utils import cleanup_redis_storage
sys.exit(0 if cleanup_redis_storage(**json.load(sys.stdin)) else "Redis did not remove the keys")
"""


def read(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def cleanup_arguments(record: dict[str, Any], password: str) -> dict[str, Any]:
    """What cleanup_redis_storage takes; an address without a scheme is redis://."""
    redis = record["external_redis"]
    scheme, _, address = redis["url"].rpartition("://")
    host, _, port = address.rpartition(":")
    return {
        "host": host,
        "port": int(port),
        "password": password,
        # A user without a password would be sent to Redis as a login, and refused.
        "username": redis["username"] if password else "",
        "use_ssl": scheme == "rediss",
        "storage_namespace": record["namespace"],
    }


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    text = read(module.params["record"])
    record = json.loads(text) if text else {}
    if not record.get("external_redis"):
        module.exit_json(changed=False)
    if module.check_mode:
        module.exit_json(changed=True)
    arguments = cleanup_arguments(record, read(module.params["password_file"]).strip())
    where = record["external_redis"]["url"]
    try:
        result = subprocess.run(
            [os.path.join(record["venv"], "bin", "python"), "-c", CODE],
            input=json.dumps(arguments),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=module.params["within_s"],
            check=False,
        )
    except subprocess.TimeoutExpired:
        module.fail_json(msg=f"Redis at {where} does not answer: bring it back and try again")
    if result.returncode != 0:
        told = result.stdout.strip()[-1500:]
        module.fail_json(msg=f"the group's keys cannot be removed from Redis at {where}: {told}")
    module.exit_json(changed=True)


if __name__ == "__main__":
    main()
