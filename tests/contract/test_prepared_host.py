"""Users of a host whose shadow tools are stand-ins."""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from typing import Any

import pytest

from tests.unit.host_script import load

ROOT = Path(__file__).parents[2]
MODULE = ROOT / "plugins" / "modules" / "prepared_host.py"
USERS = "ansible_collections.adbray.ray.plugins.module_utils.users"
# A login by SSH finds no programs of administrators by itself.
LOGIN_PATH = "/usr/bin:/bin"
TOOL = """\
#!/bin/sh
case $PATH in *:/usr/sbin*) ;; *) exit 9 ;; esac
echo "$(basename $0) $*" >>{base}/done
"""
ME = pwd.getpwuid(os.getuid())
MINE = {"name": ME.pw_name, "comment": ME.pw_gecos, "home": ME.pw_dir, "shell": ME.pw_shell}
MINE["member_of"] = ""
NEW = {"name": "adbray-none", "comment": "Slots", "home": "/h", "shell": "/bin/sh"}
NEW["member_of"] = ""


class Host:
    """What is done to its users; ``passwords`` is what stands in their place."""

    def __init__(self, base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.base = base
        for tool in ("useradd", "usermod", "userdel"):
            (base / tool).write_text(TOOL.format(base=base))
            (base / tool).chmod(0o755)
        monkeypatch.setenv("PATH", f"{base}:{LOGIN_PATH}")
        monkeypatch.syspath_prepend(ROOT)
        self.shadow = base / "shadow"
        monkeypatch.setattr(f"{USERS}.SHADOW", str(self.shadow))
        self.module: Any = load(MODULE)

    def ensure(self, user: dict[str, str], password: str, *, check: bool = False) -> list[str]:
        """The commands that were run, and their first words where they were not."""
        said: list[str] = self.module.ensure_user({**user, "password": password}, check_mode=check)
        path = self.base / "done"
        done = path.read_text().splitlines() if path.exists() else []
        assert [line.split()[0] for line in done or said] == [line.split()[0] for line in said]
        return done

    def has(self, password: str) -> None:
        self.shadow.write_text(f"one-else:x:1::::::\n{ME.pw_name}:{password}:1::::::\n")


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    return Host(tmp_path, monkeypatch)


def test_a_user_that_is_missing_is_made(host: Host) -> None:
    (done,) = host.ensure(NEW, "*")
    assert done == "useradd --system --no-create-home -c Slots -d /h -s /bin/sh -p * adbray-none"


def test_it_is_made_a_member_of_one_more_group(host: Host) -> None:
    (done,) = host.ensure({**NEW, "member_of": "adbray"}, "*")
    assert " -G adbray " in done


def test_one_that_is_not_a_member_becomes_one(host: Host) -> None:
    host.has("*")
    done = host.ensure({**MINE, "member_of": "no-group-has-me"}, "*")
    assert done == [f"usermod -aG no-group-has-me {ME.pw_name}"]


def test_another_user_of_that_name_is_left_alone(host: Host) -> None:
    host.has("*")
    with pytest.raises(host.module.UserError, match="is here already, but not for this group"):
        host.ensure({**MINE, "comment": "Ray of ops by adbray", "member_of": "adbray"}, "*")
    assert not (host.base / "done").exists()


def test_users_are_removed_once_and_no_others(host: Host) -> None:
    module: Any = load(MODULE.with_name("removed_users.py"))
    names = [ME.pw_name, "adbray-none"]
    assert module.remove(names, check_mode=True) == [f"userdel {ME.pw_name}"]
    assert not (host.base / "done").exists()
    module.remove(names, check_mode=False)
    assert (host.base / "done").read_text().splitlines() == [f"userdel --force {ME.pw_name}"]


@pytest.mark.usefixtures("host")
def test_members_of_no_group_are_none() -> None:
    module: Any = load(MODULE.with_name("removed_users.py"))
    assert module.members("no-group-has-me") == []


def test_a_check_run_makes_none(host: Host) -> None:
    assert host.ensure(NEW, "*", check=True) == []


@pytest.mark.parametrize(("password", "held"), [("!", "!"), ("!", "!*"), ("*", "*")])
def test_one_that_is_right_is_left_alone(host: Host, password: str, held: str) -> None:
    host.has(held)
    assert host.ensure(MINE, password) == []


@pytest.mark.parametrize(("password", "held"), [("!", "$6$x"), ("*", "!"), ("*", "$6$x")])
def test_no_password_of_it_matches(host: Host, password: str, held: str) -> None:
    host.has(held)
    assert host.ensure(MINE, password) == [f"usermod -p {password} {ME.pw_name}"]


def test_only_what_differs_is_changed(host: Host) -> None:
    host.has("!")
    assert host.ensure({**MINE, "shell": "/other"}, "!") == [f"usermod -s /other {ME.pw_name}"]
