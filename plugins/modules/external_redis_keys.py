#!/usr/bin/python
"""Ansible module: remove a group's keys from a Redis that stays when the group goes."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: external_redis_keys
short_description: Remove the keys of a removed Ray head from an external Redis
description:
  - The head's record says which Redis and namespace; without one, or without an external Redis in
    it, nothing is done. The head must be stopped, or it writes again.
  - All keys under the namespace's prefix are removed, and the prefix is read again. It fails, with
    nothing removed, while a head leads the namespace from anywhere, and if a key is left.
options:
  record:
    description: The head's record on the host.
    type: path
  keeper:
    description: The keeper's configuration on the host, for its CA certificate; need not exist.
    type: path
  password_file:
    description: The Redis password on the host; need not exist.
    type: path
  program:
    description: The program of hosts, which the role host_base installs.
    type: path
  leader_s:
    description: How long a head that was killed may still count as the one that leads.
    type: float
  within_s:
    description: How long all of it may take.
    type: int
author: [adbray maintainers]
"""

RETURN = r"""
removed:
  description: How many keys there were.
  type: int
  returned: success
"""

ARGUMENTS = {
    "record": {"type": "path", "required": True},
    "keeper": {"type": "path", "required": True},
    "password_file": {"type": "path", "required": True, "no_log": False},
    "program": {"type": "path", "default": "/usr/local/lib/adbray/adbray_host.pyz"},
    "leader_s": {"type": "float", "default": 12.0},
    "within_s": {"type": "int", "default": 60},
}
AGAIN = "then run destroy again"


def read(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def question(record: dict[str, Any], keeper: dict[str, Any], password: str) -> dict[str, Any]:
    """Which Redis to ask, as whom, and about which namespace."""
    redis = record["external_redis"]
    return {
        "url": redis["url"],
        "username": redis["username"],
        "password": password,
        "ca": read((keeper.get("store") or {}).get("ca_file") or ""),
        "namespace": record["namespace"],
    }


def ask(program: str, wanted: dict[str, Any], within_s: float) -> dict[str, Any]:
    """What became of the keys: ``removed`` and ``left``, or why nothing did.

    All of it by standard input: an argument list is readable for others.
    """
    try:
        result = subprocess.run(
            [sys.executable, "-I", program, "redis", "clear"],
            input=json.dumps(wanted),
            capture_output=True,
            text=True,
            timeout=within_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"silent": f"not done after {within_s:g} s"}
    if result.returncode != 0:
        return {"silent": (result.stderr.strip().splitlines() or ["no answer"])[-1]}
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


def fault(record: dict[str, Any], answer: dict[str, Any], record_path: str) -> str:
    """What is wrong with ``answer``, and what to do next; nothing if all keys are gone."""
    url, user = record["external_redis"]["url"], record["external_redis"]["username"]
    prefix = f"RAY{record['namespace']}@"
    if "silent" in answer:
        return (
            f"the group's keys cannot be removed from Redis at {url}: {answer['silent']}\n"
            f"bring it back, {AGAIN}; if it is gone for good, remove {record_path} first"
        )
    if "refused" in answer:
        return (
            f"Redis at {url} refuses to remove the group's keys, {prefix}*: {answer['refused']}\n"
            f"allow user {user} scan, get and del on them, {AGAIN}"
        )
    if "leader" in answer:
        return (
            f"a head still leads the group in Redis at {url}: host {answer['leader']};"
            f" its keys, {prefix}*, are left\nstop adbray-head@{record['group']} there, {AGAIN}"
        )
    if answer["left"]:
        names = ", ".join(answer["left"][:5])
        return (
            f"{len(answer['left'])} keys of the group are in Redis at {url} again after all were"
            f" removed: {names}\na head still writes there: find and stop it, {AGAIN}"
        )
    return ""


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    given = module.params
    text = read(given["record"])
    record = json.loads(text) if text else {}
    if not record.get("external_redis"):
        module.exit_json(changed=False, removed=0)
    if module.check_mode:
        module.exit_json(changed=True, removed=0)
    keeper = json.loads(read(given["keeper"]) or "{}")
    wanted = question(record, keeper, read(given["password_file"]).strip())
    answer = ask(given["program"], wanted | {"leader_s": given["leader_s"]}, given["within_s"])
    wrong = fault(record, answer, given["record"])
    if wrong:
        module.fail_json(msg=wrong)
    module.exit_json(changed=answer["removed"] > 0, removed=answer["removed"])


if __name__ == "__main__":
    main()
