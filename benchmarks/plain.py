"""Plain ansible-playbook with its defaults, writing the files that adbray wrote on a host."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from benchmarks.cpu import Used, used_by
from tests.e2e.conftest import Project

# Below here on each host, so that nothing of the group is touched.
ROOT = "/root/plain"
WRITTEN = (
    "/etc/adbray /etc/sudoers.d/adbray-slot /etc/systemd/system/adbray* "
    "/usr/local/lib/adbray /usr/local/libexec/adbray"
)


def play_same_files(project: Project, machines: Sequence[int]) -> Used:
    """What a play over all hosts takes, with a task for each directory and each file."""
    source = list(project.addresses)[-1]
    key = project.directory / ".adbray" / "lab" / "id_ed25519"
    known = project.directory / ".adbray" / "known_hosts"
    ssh = ["ssh", "-F", "none", "-q", "-i", str(key), "-o", f"UserKnownHostsFile={known}"]
    command = [*ssh, f"root@{project.addresses[source]}", f"tar -c {WRITTEN}"]
    packed = subprocess.run(command, capture_output=True, check=True).stdout
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        hosts = {
            name: {
                "ansible_host": address,
                "ansible_user": "root",
                "ansible_ssh_private_key_file": str(key),
                "ansible_ssh_common_args": f"-F none -o UserKnownHostsFile={known}",
                "ansible_python_interpreter": "/usr/bin/python3",
            }
            for name, address in project.addresses.items()
        }
        play = {"name": "Write the same files", "hosts": "all", "tasks": list(tasks(packed, base))}
        (base / "hosts.json").write_text(json.dumps({"all": {"hosts": hosts}}))
        (base / "play.json").write_text(json.dumps([play]))
        ansible = str(Path(sys.executable).with_name("ansible-playbook"))
        # Empty, so that no other configuration is found.
        (base / "ansible.cfg").touch()
        settings = {"ANSIBLE_CONFIG": f"{folder}/ansible.cfg", "ANSIBLE_HOME": folder}
        command = [ansible, "-i", "hosts.json", "play.json"]
        try:
            return used_by(command, base, machines, **settings)
        except subprocess.CalledProcessError as error:
            sys.exit(f"plain Ansible: {error.stdout[-3000:]}{error.stderr[-3000:]}")


def tasks(packed: bytes, base: Path) -> Iterator[dict[str, Any]]:
    """As most people would write them; the files' contents are put into ``base``."""
    with tarfile.open(fileobj=BytesIO(packed)) as tar:
        members = [member for member in tar if member.isfile() or member.isdir()]
        folders = {folder for one in members for folder in above(one)}
        for folder in sorted(folders):
            options = {"path": f"{ROOT}/{folder}", "state": "directory", "mode": "0755"}
            yield {"name": f"Make {folder}", "ansible.builtin.file": options}
        for number, member in enumerate(one for one in members if one.isfile()):
            file = tar.extractfile(member)
            assert file is not None
            (base / f"file-{number}").write_bytes(file.read())
            options = {"src": f"file-{number}", "dest": f"{ROOT}/{member.name}"}
            options["mode"] = f"{member.mode:04o}"
            yield {"name": f"Write {member.name}", "ansible.builtin.copy": options}


def above(member: tarfile.TarInfo) -> list[str]:
    """The directories that ``member`` needs."""
    path = Path(member.name)
    found = [*path.parents, *([path] if member.isdir() else [])]
    return [str(one) for one in found if str(one) != "."]
