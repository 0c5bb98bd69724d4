"""Users of a system, as the shadow tools make and change them."""

from __future__ import annotations

import grp
import pwd
import subprocess
from typing import Any

from ansible_collections.adbray.ray.plugins.module_utils.programs import environment

SHADOW = "/etc/shadow"
LOCKED = "!"


class UserError(Exception):
    """The shadow tools refused."""


def ensure_user(user: dict[str, Any], *, check_mode: bool) -> list[str]:
    """Make ``user``, or change what differs; gives what was, or in check mode would be, done."""
    try:
        found = pwd.getpwnam(user["name"])
    except KeyError:
        options = wanted(user) | ({"-G": user["member_of"]} if user["member_of"] else {})
        return _act(["useradd", "--system", "--no-create-home"], options, user, check_mode)
    if user["member_of"] and found.pw_gecos != user["comment"]:
        raise UserError(
            f"the user {found.pw_name} is here already, but not for this group: its comment is"
            f" {found.pw_gecos!r}, not {user['comment']!r}; rename the group, or remove that user"
        )
    now = {"-c": found.pw_gecos, "-d": found.pw_dir, "-s": found.pw_shell}
    if _holds(user):
        now["-p"] = user["password"]
    wrong = {option: value for option, value in wanted(user).items() if now.get(option) != value}
    if user["member_of"] and not _is_member(user):
        wrong["-aG"] = user["member_of"]
    return _act(["usermod"], wrong, user, check_mode) if wrong else []


def wanted(user: dict[str, Any]) -> dict[str, str]:
    """By the option that useradd and usermod share."""
    names = {"-c": "comment", "-d": "home", "-s": "shell", "-p": "password"}
    return {option: user[name] for option, name in names.items()}


def remove(names: list[str], *, check_mode: bool) -> list[str]:
    """Remove the users, and what goes with them, also while a process of theirs has not ended."""
    done = []
    for name in names:
        try:
            pwd.getpwnam(name)
        except KeyError:
            continue
        done += _act(["userdel", "--force"], {}, {"name": name}, check_mode)
    return done


def members(group: str) -> list[str]:
    try:
        return list(grp.getgrnam(group).gr_mem)
    except KeyError:
        return []


def _is_member(user: dict[str, Any]) -> bool:
    return user["name"] in members(user["member_of"])


def _holds(user: dict[str, Any]) -> bool:
    """Whether no password matches, in the way that is asked for."""
    with open(SHADOW, encoding="utf-8", errors="replace") as file:
        fields = (line.split(":") for line in file)
        found = next((entry[1] for entry in fields if entry[0] == user["name"]), "")
    return found.startswith(LOCKED) if user["password"] == LOCKED else found == user["password"]


def _act(
    command: list[str], options: dict[str, str], user: dict[str, Any], check_mode: bool
) -> list[str]:
    if not check_mode:
        words = [word for pair in options.items() for word in pair]
        done = subprocess.run(
            [*command, *words, user["name"]],
            capture_output=True,
            text=True,
            check=False,
            env=environment(),
        )
        if done.returncode != 0:
            raise UserError(f"{command[0]} {user['name']}: {done.stderr.strip()}")
    return [f"{command[0]} {user['name']}"]
