"""A role's set of files: how its entries become files, and where its secrets never appear."""

from __future__ import annotations

import getpass
import grp
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
OWNED = {"mode": "0600", "owner": getpass.getuser(), "group": grp.getgrgid(os.getgid()).gr_name}
SECRETS = {
    "content": "c0ntent-s3cret",
    "src": "f1le-s3cret\nof two lines-s3cret\n",
    "template": "t3mplate-s3cret",
    "json": "j5on-s3cret",
}
PROGRAM = b"#!/usr/bin/python3\nPK\x03\x04\xff\x00{{ not text }}\r\n"
TASKS = """\
- name: Write
  adbray.ray.managed_files:
    state_dir: "{{ dir }}/digests"
    directories:
      - {path: "{{ dir }}/etc", mode: "0700", owner: "{{ me }}", group: "{{ us }}"}
    files:
      - path: "{{ dir }}/etc/{{ slot.name }}.json"
        json: "{{ slot }}"
        digests_of: ["{{ dir }}/etc/unit-{{ slot.name }}", "{{ dir }}/etc/token"]
        loop: "{{ slots }}"
        loop_var: slot
      - path: "{{ dir }}/etc/unit-{{ slot.name }}"
        template: unit.j2
        loop: "{{ slots }}"
        loop_var: slot
      - path: "{{ dir }}/etc/{{ item }}"
        src: "{{ item }}"
        loop: [plain.txt, none]
        when: item != 'none'
      - {path: "{{ dir }}/etc/program", binary: program}
      - {path: "{{ dir }}/etc", each: "{{ role_path }}/files/part-*.py"}
      - {path: "{{ dir }}/etc/not", content: "", when: [1 == 1, "slots == []"]}
    secret_files:
      - {path: "{{ dir }}/etc/token", content: "{{ token }}"}
      - {path: "{{ dir }}/etc/key", src: key}
      - {path: "{{ dir }}/etc/conf", template: conf.j2}
      - {path: "{{ dir }}/etc/passwords", json: {any: "{{ json }}"}}
    absent:
      - {glob: "{{ dir }}/etc/{{ item }}", loop: ["old-*", "*.json"]}
  register: __r_files

- name: Render units that are not there
  adbray.ray.managed_units:
    state_dir: "{{ dir }}/digests"
    units:
      - {name: "{{ item }}.service", loop: [a, b], when: "slots == []"}

- name: Show
  ansible.builtin.debug:
    var: __r_files
"""
TEMPLATES = {
    "unit.j2": "# {{ slot.name }}\n{% include 'more.j2' %}\n\n{% if slot.big %}big\n{% endif %}\n",
    "more.j2": "n={{ slot.name | upper }}\n",
    "conf.j2": "password {{ template }}\n",
}


class Role:
    """A role with a set of files, and what a run of it leaves in ``etc``."""

    def __init__(self, base: Path) -> None:
        self.base, self.etc = base, base / "target" / "etc"
        tasks = yaml.safe_load(TASKS)
        for kind in ("files", "secret_files"):
            for entry in tasks[0]["adbray.ray.managed_files"][kind]:
                entry.update(OWNED)
        files = {
            "tasks/main.yml": yaml.safe_dump(tasks, sort_keys=False),
            "files/plain.txt": "{{ not rendered }}\n",
            "files/key": SECRETS["src"],
            "files/part-a.py": "# {{ a }}\n",
            "files/part-b.py": "# b\n",
            **{f"templates/{name}": text for name, text in TEMPLATES.items()},
        }
        for name, text in files.items():
            path = base / "roles" / "r" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        (base / "roles" / "r" / "files" / "program").write_bytes(PROGRAM)
        play = {"hosts": "localhost", "gather_facts": False, "roles": ["r"], "vars": self.vars}
        (base / "play.yml").write_text(yaml.safe_dump([play]))
        self.etc.parent.mkdir()

    @property
    def vars(self) -> dict[str, object]:
        return {
            "dir": str(self.etc.parent),
            "me": OWNED["owner"],
            "us": OWNED["group"],
            "slots": [{"name": "a", "big": True}, {"name": "b", "big": False}],
            "token": SECRETS["content"],
            "template": SECRETS["template"],
            "json": SECRETS["json"],
        }

    def run(self, *options: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "ansible", "playbook", "-c", "local", *options, "play.yml"]
        return subprocess.run(
            command,
            cwd=self.base,
            env={
                **os.environ,
                "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
                "ANSIBLE_ROLES_PATH": str(self.base / "roles"),
                "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
                "ANSIBLE_LOCALHOST_WARNING": "false",
            },
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )


@pytest.fixture
def role(tmp_path: Path) -> Role:
    return Role(tmp_path)


def test_entries_become_files_in_one_call(role: Role) -> None:
    role.etc.mkdir()
    (role.etc / "old-one").touch()
    (role.etc / "gone.json").touch()
    ended = role.run()
    assert ended.returncode == 0, ended.stdout
    program = role.etc / "program"
    assert program.read_bytes() == PROGRAM
    assert hashlib.sha256(PROGRAM).hexdigest() in ended.stdout
    program.write_bytes(PROGRAM[:-1])
    assert "changed=1" in role.run("--diff").stdout
    program.unlink()
    found = {path.name: path.read_text() for path in role.etc.iterdir()}
    units = {"a": "# a\nn=A\nbig\n", "b": "# b\nn=B\n"}
    sums = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in units.items()}
    token = hashlib.sha256(SECRETS["content"].encode()).hexdigest()
    for slot in ("a", "b"):
        record = json.loads(found.pop(f"{slot}.json"))
        assert record == {
            "name": slot,
            "big": slot == "a",
            "files": {f"{role.etc}/unit-{slot}": sums[slot], f"{role.etc}/token": token},
        }
        assert sums[slot] in ended.stdout
    assert found == {
        "unit-a": units["a"],
        "unit-b": units["b"],
        "plain.txt": "{{ not rendered }}\n",
        "part-a.py": "# {{ a }}\n",
        "part-b.py": "# b\n",
        "token": SECRETS["content"],
        "key": SECRETS["src"],
        "conf": f"password {SECRETS['template']}",
        "passwords": json.dumps({"any": SECRETS["json"]}),
    }
    assert "changed=1" in role.run().stdout
    assert program.read_bytes() == PROGRAM
    assert "changed=0" in role.run().stdout


@pytest.mark.parametrize("options", [("--check", "--diff", "-vvv"), ("--diff", "-vvv")])
def test_no_secret_is_in_what_a_run_prints(role: Role, options: tuple[str, ...]) -> None:
    role.etc.mkdir()
    for name in ("token", "key", "conf", "passwords"):
        (role.etc / name).write_text("0ld-s3cret")
    ended = role.run(*options)
    assert ended.returncode == 0, ended.stdout
    assert "+n=A" in ended.stdout
    assert "s3cret" not in ended.stdout + ended.stderr


def test_no_secret_is_in_what_a_run_prints_that_fails(role: Role) -> None:
    role.etc.mkdir()
    (role.etc / "token").mkdir()
    ended = role.run("--diff", "-vvv")
    assert ended.returncode != 0
    assert "s3cret" not in ended.stdout + ended.stderr
