"""What a user reads of a task that failed, by real runs of ansible-runner on this machine."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

from adbray_ctl.adapters.ansible.runner import AnsibleRunner
from adbray_ctl.adapters.content import collection_dir
from adbray_ctl.core.errors import RunError
from adbray_ctl.core.events import HostResult, Outcome, RunEvent

REPOSITORY = Path(__file__).parents[2]
SECRET = "pw-41ab5cc0"

# Each host of the inventory is this machine and has its own failing task, so one run is enough.
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
    "crash": ("adbray.ray.crasher: {}", ("the inner reason",)),
    "killed": ("adbray.ray.killed: {}", ("Killed", "out of memory")),
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
        """block: [{name: First, ansible.builtin.command: /no/first}]
  rescue: [{name: Second, ansible.builtin.fail: {msg: the second reason}}]""",
        ("the second reason",),
    ),
}
MODULE = """#!/usr/bin/python
import os
import signal
from ansible.module_utils.basic import AnsibleModule
AnsibleModule(argument_spec={})
"""


@dataclass
class Failed:
    """A run that failed: its error, each host's last failure, and what it left on the disk."""

    error: RunError
    last: dict[str, HostResult]
    kept: dict[Path, str]


def fail(folder: Path, hosts: Iterable[str]) -> Failed:
    """Run the play for ``hosts``, which are all this machine."""
    plays = collection_dir(folder / "content") / "playbooks"
    modules = plays.parent / "plugins" / "modules"
    plays.mkdir(parents=True)
    modules.mkdir(parents=True)
    (modules / "crasher.py").write_text(f'{MODULE}raise ValueError("the inner reason")\n')
    (modules / "killed.py").write_text(f"{MODULE}os.kill(os.getpid(), signal.SIGKILL)\n")
    shutil.copy(REPOSITORY / "ansible.cfg", folder / "content")
    (plays / "play.yml").write_text(PLAY)
    for name, (task, _) in CASES.items():
        (plays / f"{name}.yml").write_text(f"- name: {name}\n  {task}\n")
    entries = "".join(f"    {name}:\n" for name in hosts)
    inventory = folder / "hosts.yml"
    inventory.write_text(f"all:\n  vars: {{ansible_connection: local}}\n  hosts:\n{entries}")
    last: dict[str, HostResult] = {}

    def receive(event: RunEvent) -> None:
        if isinstance(event, HostResult) and event.outcome is Outcome.FAILED:
            last[event.host] = event

    with pytest.raises(RunError) as caught:
        AnsibleRunner(folder / "runs", folder / "content").run("play", inventory, receive)
    files = [path for path in (folder / "runs").rglob("*") if path.is_file()]
    return Failed(caught.value, last, {path: path.read_text() for path in files})


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> Failed:
    return fail(tmp_path_factory.mktemp("causes"), CASES)


@pytest.mark.parametrize("name", CASES)
def test_a_failure_shows_its_cause(name: str, failed: Failed) -> None:
    message = failed.last[name].message
    for wanted in CASES[name][1]:
        assert wanted in message
    assert len(message) < 5000
    assert message.count("\n") < 12


def test_no_file_of_a_run_has_what_a_task_hid(failed: Failed) -> None:
    assert any(path.name == "stdout" for path in failed.kept)
    assert any(path.parent.name == "job_events" for path in failed.kept)
    assert not [path for path, text in failed.kept.items() if SECRET in text]


def test_the_error_names_the_failure_that_was_not_rescued(tmp_path: Path) -> None:
    error = fail(tmp_path, ["rescued"]).error
    assert error.where == "rescued"
    assert error.what == "playbook: task 'Second' failed: the second reason"


HIDING = """
- name: Write a secret
  hosts: all
  gather_facts: false
  vars:
    ansible_python_interpreter: "{{ ansible_playbook_python }}"
  tasks:
    - &copy
      name: First
      ansible.builtin.copy: {content: SECRET, dest: PLACE, mode: "0600"}
      no_log: true
    - <<: *copy
      name: Again
"""


def test_a_task_that_hides_its_result_shows_whether_it_changed_anything(tmp_path: Path) -> None:
    plays = collection_dir(tmp_path / "content") / "playbooks"
    plays.mkdir(parents=True)
    shutil.copy(REPOSITORY / "ansible.cfg", tmp_path / "content")
    text = HIDING.replace("SECRET", SECRET).replace("PLACE", str(tmp_path / "secret"))
    (plays / "hide.yml").write_text(text)
    inventory = tmp_path / "hosts.yml"
    inventory.write_text("all:\n  vars: {ansible_connection: local}\n  hosts:\n    here:\n")
    events: list[RunEvent] = []
    AnsibleRunner(tmp_path / "runs", tmp_path / "content").run("hide", inventory, events.append)
    outcomes = {one.task: one.outcome for one in events if isinstance(one, HostResult)}
    assert outcomes == {"First": Outcome.CHANGED, "Again": Outcome.OK}
