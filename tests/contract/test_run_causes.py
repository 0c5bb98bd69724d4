"""What a user reads of a task that failed, by real runs of ansible-runner on this machine."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from adbray_ctl.adapters.ansible import AnsibleRunner
from adbray_ctl.core.errors import RunError
from adbray_ctl.core.events import RunEvent
from adbray_ctl.core.ports import Scope

REPOSITORY = Path(__file__).parents[2]
SECRET = "pw-41ab5cc0"

# Each host of the inventory is this machine and has its own failing task: one run shows them all.
PLAY = """
- name: Fail in many ways
  hosts: all
  gather_facts: false
  vars:
    ansible_python_interpreter: "{{ ansible_playbook_python }}"
  tasks:
    - name: Fail
      ansible.builtin.include_tasks: "{{ inventory_hostname }}.yml"
"""
# By host: its tasks, and what the user must read in its failure.
CASES: dict[str, tuple[str, tuple[str, ...]]] = {
    "missing_program": (
        "ansible.builtin.command: /no/such-program x",
        ("[Errno 2] No such file or directory: b'/no/such-program'",),
    ),
    "exit_status": (
        "ansible.builtin.shell: echo complaint >&2; exit 3",
        ("exit status 3\ncomplaint",),
    ),
    "silent_exit": (
        "ansible.builtin.shell: echo only-output; exit 4",
        ("exit status 4\nonly-output",),
    ),
    "crash": ("crasher: {}", ("the inner reason",)),
    "killed": ("killed: {}", ("Killed", "out of memory")),
    "loop": (
        "ansible.builtin.command: '{{ item }}'\n  loop: [/bin/true, /no/x, /no/y, /no/z, /no/w]",
        ("item /no/x: ", "No such file or directory: b'/no/y'", "and 1 more items"),
    ),
    "assertion": ("ansible.builtin.assert: {that: 1 == 2}", ("Assertion failed (1 == 2)",)),
    "many_lines": (
        'ansible.builtin.fail: {msg: "line one\\nline two\\nline three"}',
        ("line one\nline two\nline three",),
    ),
    "undefined": (
        "ansible.builtin.debug: {msg: '{{ nosuch.x }}'}",
        ("'nosuch' is undefined",),
    ),
    "no_filter": (
        "ansible.builtin.debug: {msg: '{{ 1 | nosuchfilter }}'}",
        ("No filter named 'nosuchfilter'",),
    ),
    "no_file": (
        "ansible.builtin.copy: {src: nosuch.txt, dest: /nowhere/x}",
        ("Could not find or access 'nosuch.txt'",),
    ),
    "timeout": ("ansible.builtin.command: sleep 60\n  timeout: 1", ("Timed out after 1 second",)),
    "failed_when": (
        "ansible.builtin.command: echo hello\n  failed_when: true",
        ("what it printed counts as a failure\nhello",),
    ),
    "huge_output": (
        "ansible.builtin.shell: seq 200000; exit 5",
        ("non-zero return code",),
    ),
    "huge_message": ("ansible.builtin.fail: {msg: \"{{ 'x' * 900000 }}\"}", ("xxx...",)),
    "hidden": (
        f"ansible.builtin.fail: {{msg: it was {SECRET}}}\n  no_log: true",
        ("its output is hidden because it handles a secret",),
    ),
    "hidden_program": (
        f"ansible.builtin.command: /no/such-{SECRET}\n  no_log: true",
        ("its output is hidden because it handles a secret",),
    ),
    "hidden_loop": (
        f"ansible.builtin.command: '/no/{{{{ item }}}}'\n  loop: [{SECRET}]\n  no_log: true",
        ("its output is hidden because it handles a secret",),
    ),
    "rescued": (
        "block: [{name: First, ansible.builtin.command: /no/first}]\n"
        "  rescue: [{name: Second, ansible.builtin.fail: {msg: the second reason}}]",
        ("task 'Second' failed: the second reason",),
    ),
}
MODULE = """#!/usr/bin/python
import os
import signal
from ansible.module_utils.basic import AnsibleModule
AnsibleModule(argument_spec={})
"""


@pytest.fixture(scope="module")
def failing(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[RunError, Path]]:
    """Runs the task of one case."""
    folder = tmp_path_factory.mktemp("causes")
    plays = folder / "content" / "playbooks"
    (plays / "library").mkdir(parents=True)
    (plays / "library" / "crasher.py").write_text(f'{MODULE}raise ValueError("the inner reason")\n')
    (plays / "library" / "killed.py").write_text(
        f"{MODULE}os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    shutil.copy(REPOSITORY / "ansible.cfg", folder / "content")
    (plays / "play.yml").write_text(PLAY)
    for name, (task, _) in CASES.items():
        (plays / f"{name}.yml").write_text(f"- name: {name}\n  {task}\n")
    (folder / "hosts.yml").write_text(
        "all:\n  vars: {ansible_connection: local}\n  hosts:\n"
        + "".join(f"    {name}:\n" for name in [*CASES, "fine"])
    )

    def run(name: str) -> tuple[RunError, Path]:
        runs = folder / "runs" / name
        events: list[RunEvent] = []
        scope = Scope(hosts=(name,), roles=("all",), nodes=())
        runner = AnsibleRunner(runs, folder / "content")
        with pytest.raises(RunError) as caught:
            runner.run("play", folder / "hosts.yml", events.append, scope)
        return caught.value, runs

    return run


@pytest.mark.parametrize("name", CASES)
def test_a_failure_shows_its_cause(
    name: str, failing: Callable[[str], tuple[RunError, Path]]
) -> None:
    error, runs = failing(name)
    assert error.where == name
    for wanted in CASES[name][1]:
        assert wanted in error.what
    assert len(error.what) < 5000
    assert error.what.count("\n") <= 12
    kept = [path.read_text() for path in runs.rglob("*") if path.is_file()]
    assert kept
    assert not [text for text in (str(error), *kept) if SECRET in text]
