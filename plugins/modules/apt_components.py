#!/usr/bin/python
"""Ansible module: further components of the archives that apt has the distribution from already."""

from __future__ import annotations

import glob
import os
import re
import subprocess
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: apt_components
short_description: Offer more components of the distribution's own archives to apt
description:
  - Whatever mirror the host has its distribution from, and with whichever key, it goes on with; a
    file of its own names the components that are missing. The host's files stay as they are.
  - Fetches the lists where that file has changed, or was never fetched for.
options:
  components:
    description: What has to be offered, such as non-free.
    type: list
    elements: str
    required: true
  codename:
    description: The release, such as bookworm.
    type: str
    required: true
author: [adbray maintainers]
"""

RETURN = r"""
complete:
  description: Whether apt knew of all components before.
  type: bool
  returned: always
"""

ARGUMENTS = {
    "components": {"type": "list", "elements": "str", "required": True},
    "codename": {"type": "str", "required": True},
}
FOLDER = "/etc/apt/sources.list.d"
OWN = FOLDER + "/adbray-components.sources"
# The last part of an archive's URL; other vendors have other names, and not these components.
ARCHIVES = ("debian", "debian-security", "ubuntu", "ubuntu-ports")
ONE_LINE = re.compile(r"^deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s+([^#\n]+)", re.MULTILINE)
# apt refuses two entries of one archive that differ in these.
OPTIONS = {"signed-by": "Signed-By", "trusted": "Trusted", "arch": "Architectures"}


def of_list(text: str) -> list[dict[str, str]]:
    """The entries of a sources.list, each as a stanza."""
    found = []
    for options, uri, suite, components in ONE_LINE.findall(text):
        stanza = {"URIs": uri, "Suites": suite, "Components": components.strip()}
        for option in options.split():
            name, _, value = option.partition("=")
            if name in OPTIONS:
                stanza[OPTIONS[name]] = value.replace(",", " ")
        found.append(stanza)
    return found


def of_sources(text: str) -> list[dict[str, str]]:
    """The stanzas of a .sources file that are in use."""
    found = []
    for block in re.split(r"\n[ \t]*\n", text):
        lines = [line for line in block.splitlines() if not line.startswith("#")]
        fields = re.findall(r"^([A-Za-z-]+):(.*(?:\n[ \t].*)*)", "\n".join(lines), re.MULTILINE)
        stanza = {name: value.strip() for name, value in fields}
        if "deb" in stanza.get("Types", "").split() and stanza.get("Enabled", "yes") != "no":
            found.append(stanza)
    return found


def entries(stanzas: list[dict[str, str]]) -> list[dict[str, str]]:
    """Each archive and suite by itself."""
    return [
        {**stanza, "URIs": uri, "Suites": suite}
        for stanza in stanzas
        for uri in stanza.get("URIs", "").split()
        for suite in stanza.get("Suites", "").split()
    ]


def wanted(stanzas: list[dict[str, str]], components: list[str], codename: str) -> str:
    """The file that offers what is missing; nothing when nothing is."""
    suites = {codename, codename + "-updates", codename + "-security"}
    known: dict[tuple[str, str], set[str]] = {}
    like: dict[tuple[str, str], dict[str, str]] = {}
    for entry in entries(stanzas):
        uri = entry["URIs"].rstrip("/")
        if entry["Suites"] not in suites or uri.rpartition("/")[2] not in ARCHIVES:
            continue
        known.setdefault((uri, entry["Suites"]), set()).update(entry["Components"].split())
        like.setdefault((uri, entry["Suites"]), entry)
    parts = []
    for at, has in sorted(known.items()):
        missing = [component for component in components if component not in has]
        if "main" in has and missing:
            lines = ["Types: deb", f"URIs: {like[at]['URIs']}", f"Suites: {at[1]}"]
            lines.append(f"Components: {' '.join(missing)}")
            lines += [f"{name}: {like[at][name]}" for name in OPTIONS.values() if name in like[at]]
            parts.append("\n".join(lines) + "\n")
    return "# Written by adbray.\n" + "\n".join(parts) if parts else ""


def read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def stanzas_of_host() -> list[dict[str, str]]:
    found = of_list(read("/etc/apt/sources.list"))
    for path in sorted(glob.glob(FOLDER + "/*")):
        if path.endswith(".list"):
            found += of_list(read(path))
        elif path.endswith(".sources") and path != OWN:
            found += of_sources(read(path))
    return found


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    parameters: dict[str, Any] = module.params
    content = wanted(stanzas_of_host(), parameters["components"], parameters["codename"])
    changed = content != read(OWN)
    if changed and not module.check_mode:
        write(content)
        environment = {**os.environ, "LC_ALL": "C"}
        command = ["apt-get", "-q", "update", "-o", "DPkg::Lock::Timeout=120"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        if done.returncode != 0:
            # The next run has to fetch them again.
            write("")
            module.fail_json(msg=f"apt-get update failed: {done.stderr.strip()[-600:]}")
    module.exit_json(changed=changed, complete=not changed)


def write(content: str) -> None:
    if not content:
        if os.path.exists(OWN):
            os.unlink(OWN)
        return
    with open(OWN + ".new", "w", encoding="utf-8") as file:
        file.write(content)
    os.chmod(OWN + ".new", 0o644)
    os.rename(OWN + ".new", OWN)


if __name__ == "__main__":
    main()
