"""The role gpu's names for things on each system, rendered by Ansible itself; nothing is installed.

What a system says of itself is written by hand: no machine with Ubuntu or Rocky was at hand.
"""

from __future__ import annotations

import os
import runpy
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.template import Templar, trust_as_template

ROOT = Path(__file__).resolve().parents[2]
VARS = ROOT / "roles" / "gpu" / "vars"
SHOWN = (
    "_gpu_system",
    "_gpu_family",
    "_gpu_wanted",
    "_gpu_headers",
    "_gpu_fabric",
    "_gpu_repository",
    "_gpu_toolkits",
)
OF_DEBIAN = ("_gpu_branches", "_gpu_others", "_gpu_components")
NVIDIA = "https://developer.download.nvidia.com/compute/cuda/repos"
MODULE = runpy.run_path(str(ROOT / "plugins" / "modules" / "apt_components.py"))
INITRAMFS = runpy.run_path(str(ROOT / "plugins" / "modules" / "initramfs.py"))

# /etc/apt/sources.list.d/debian.sources of Debian's own container image, recorded.
DEBIAN_SOURCES = """\
Types: deb
# http://snapshot.debian.org/archive/debian/20250520T000000Z
URIs: http://deb.debian.org/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
# http://snapshot.debian.org/archive/debian-security/20250520T000000Z
URIs: http://deb.debian.org/debian-security
Suites: bookworm-security
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
"""
# Of another vendor's archive, recorded.
NODE_SOURCES = """\
Types: deb
URIs: https://deb.nodesource.com/node_20.x
Suites: nodistro
Components: main
Architectures: amd64
Signed-By: /usr/share/keyrings/nodesource.gpg
"""


def rendered(facts: dict[str, str], names: tuple[str, ...], **given: Any) -> dict[str, Any]:
    """The variables ``names`` of the role on a system that says ``facts`` of itself."""
    variables = {"ansible_facts": facts, "gpu_branch": "", "gpu_cuda": []} | given
    variables |= load("main")
    name = Templar(variables=variables).template(variables["_gpu_system"])
    templar = Templar(variables=variables | load(str(name)))
    return {one: templar.template(trust_as_template(f"{{{{ {one} }}}}")) for one in names}


def load(name: str) -> dict[str, Any]:
    found: dict[str, Any] = trusted(yaml.safe_load((VARS / f"{name}.yml").read_text()))
    return found


def trusted(value: Any) -> Any:
    """Ansible renders only what came from its own files."""
    match value:
        case str():
            return trust_as_template(value)
        case list():
            return [trusted(one) for one in value]
        case dict():
            return {key: trusted(one) for key, one in value.items()}
        case _:
            return value


def system(name: str, version: str, kernel: str, **more: str) -> dict[str, str]:
    return {
        "distribution": name,
        "distribution_major_version": version,
        "os_family": "Debian",
        "kernel": kernel,
        "architecture": "x86_64",
        **more,
    }


DEBIAN = system("Debian", "12", "6.1.0-56-cloud-amd64")


def test_debian_s_packages_are_those_of_the_branch() -> None:
    found = rendered(DEBIAN, SHOWN + OF_DEBIAN, gpu_cuda=["11.8", "12.4"])
    assert found["_gpu_wanted"] == "535"
    assert found["_gpu_headers"] == [
        "linux-headers-6.1.0-56-cloud-amd64",
        "linux-headers-cloud-amd64",
    ]
    assert "nvidia-kernel-dkms" in found["_gpu_branches"]["535"]
    assert found["_gpu_others"] == ["nvidia-tesla-470-alternative"]
    assert found["_gpu_toolkits"] == ["cuda-toolkit-11-8", "cuda-toolkit-12-4"]
    assert found["_gpu_repository"] == f"{NVIDIA}/debian12/x86_64"


def test_a_branch_of_debian_takes_the_place_of_the_other() -> None:
    kernel = {"kernel": "6.1.0-40-amd64"}
    found = rendered(DEBIAN | kernel, SHOWN + OF_DEBIAN, gpu_branch="470")
    assert found["_gpu_others"] == ["nvidia-alternative"]
    assert found["_gpu_headers"] == ["linux-headers-6.1.0-40-amd64", "linux-headers-amd64"]
    assert all(
        name.startswith(("nvidia-tesla-470-", "libnvidia-tesla-470-")) or "persistenced" in name
        for name in found["_gpu_branches"]["470"]
    )


@pytest.mark.parametrize("version", ["22", "24"])
def test_ubuntu_s_packages_bear_the_branch(version: str) -> None:
    facts = system("Ubuntu", version, "6.8.0-45-generic")
    found = rendered(facts, SHOWN + OF_DEBIAN, gpu_branch="550")
    assert (found["_gpu_system"], found["_gpu_family"]) == (f"ubuntu-{version}", "debian")
    packages = ["nvidia-headless-550-server", "nvidia-utils-550-server"]
    assert found["_gpu_branches"] == {"550": packages}
    assert (found["_gpu_others"], found["_gpu_fabric"]) == ([], ["nvidia-fabricmanager-550"])
    assert found["_gpu_headers"][1] == "linux-headers-generic"
    assert found["_gpu_repository"] == f"{NVIDIA}/ubuntu{version}04/x86_64"


@pytest.mark.parametrize("name", ["Rocky", "AlmaLinux", "RedHat"])
def test_the_rhel_family_takes_a_stream_of_nvidia_s(name: str) -> None:
    kernel = "5.14.0-427.13.1.el9_4.x86_64"
    found = rendered(system(name, "9", kernel, os_family="RedHat"), SHOWN)
    assert (found["_gpu_system"], found["_gpu_family"]) == ("redhat-9", "redhat")
    assert found["_gpu_headers"] == [f"kernel-devel-{kernel}", "kernel-headers"]
    assert found["_gpu_fabric"] == ["@nvidia-driver:550-dkms/fm"]
    assert found["_gpu_repository"] == f"{NVIDIA}/rhel9/x86_64"


def components(*texts: str, like: str = "sources") -> str:
    stanzas = [stanza for text in texts for stanza in MODULE[f"of_{like}"](text)]
    wanted = ["contrib", "non-free", "non-free-firmware"]
    return str(MODULE["wanted"](stanzas, wanted, "bookworm"))


def test_what_debian_s_own_file_lacks_is_offered_with_its_key() -> None:
    offered = components(DEBIAN_SOURCES, NODE_SOURCES)
    assert offered.count("Types: deb") == 3
    assert offered.count("Components: contrib non-free non-free-firmware\n") == 3
    assert offered.count("Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n") == 3
    assert "Suites: bookworm-security\n" in offered
    assert "nodesource" not in offered


def test_what_is_there_already_is_not_offered_twice() -> None:
    complete = DEBIAN_SOURCES.replace("main", "main contrib non-free non-free-firmware")
    assert components(complete) == ""
    off = DEBIAN_SOURCES.replace("Types: deb\n", "Enabled: no\nTypes: deb\n")
    assert components(off) == ""


def test_a_line_with_options_is_told_as_a_stanza() -> None:
    line = (
        "# deb http://ftp.debian.org/debian bookworm main non-free\n"
        "deb [arch=amd64,arm64 trusted=yes] http://mirror.example.com/debian/ bookworm main\n"
        "deb http://apt.example.org/debian bookworm-pgdg main\n"
        "deb-src http://mirror.example.com/debian bookworm main\n"
    )
    assert components(line, like="list").splitlines()[1:] == [
        "Types: deb",
        "URIs: http://mirror.example.com/debian/",
        "Suites: bookworm",
        "Components: contrib non-free non-free-firmware",
        "Trusted: yes",
        "Architectures: amd64 arm64",
    ]


def test_an_initramfs_is_stale_when_a_file_is_newer(tmp_path: Path) -> None:
    made, file = tmp_path / "initrd.img-1", tmp_path / "nouveau.conf"
    for path, time in ((made, 100), (file, 50)):
        path.write_text("")
        os.utime(path, (time, time))
    assert not INITRAMFS["is_stale"](str(made), [str(file), str(tmp_path / "none")])
    os.utime(file, (200, 200))
    assert INITRAMFS["is_stale"](str(made), [str(file)])
    assert INITRAMFS["command_for"]("2", str(tmp_path)) == ("", [])
