"""Parts of playbooks/site.yml, as an operator without the command line would run them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.e2e.conftest import REPOSITORY, run


def play(inventory: Path, tags: str, limit: str = "all") -> str:
    """The roles with these ``tags``, comma-separated, on an inventory; what Ansible told."""
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", str(inventory)]
    command += [str(REPOSITORY / "playbooks" / "site.yml"), "--tags", tags, "--limit", limit]
    environment = dict(os.environ) | {"ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg")}
    done = run(command, timeout_s=900, cwd=REPOSITORY, env=environment)
    assert done.code == 0, done.out + done.err
    return done.out
