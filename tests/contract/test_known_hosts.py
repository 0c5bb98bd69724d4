"""The pinned keys, read as OpenSSH reads them, and checked in real logins."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import paramiko
import pytest

from adbray_ctl.adapters.ssh.command import Request
from adbray_ctl.adapters.ssh.hosts import SshHosts
from adbray_ctl.adapters.ssh.known_hosts import KnownHosts
from adbray_ctl.core.errors import AdbrayError, HostKeyError, SpecError
from adbray_ctl.core.known_hosts import entry_of, parse
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.provider.link import Login, SshLink
from adbray_ctl.provider.model import HostAddress, HostFault
from tests.contract.ssh_server import hosts

OTHER = paramiko.ECDSAKey.generate()
OTHER_RSA = paramiko.RSAKey.generate(2048)
# Well-formed, of a type that paramiko does not know: the blob begins with the type's name.
SECURITY_KEY = (
    "sk-ssh-ed25519@openssh.com "
    "AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g"
    "AAAABHNzaDo="
)


def key_of(key: paramiko.PKey) -> str:
    return f"{key.get_name()} {key.get_base64()}"


NAMES = [
    "10.0.0.1",
    "10.0.0.1,10.0.0.2",
    "10.0.0.*",
    "10.0.0.?",
    "!10.0.0.1,10.0.0.*",
    "10.0.0.*,!10.0.0.1",
    "!10.0.0.9",
    "*",
    "[10.0.0.1]:2222",
    "[10.0.0.*]:2222",
    "[10.0.0.1]:22",
    "Gate.Example.ORG",
    "*.example.org",
    "10.0.0.10",
    paramiko.HostKeys.hash_host("10.0.0.1"),
    paramiko.HostKeys.hash_host("[10.0.0.1]:2222"),
]
ENTRIES = [("10.0.0.1", 22), ("10.0.0.1", 2222), ("gate.example.org", 22), ("GATE.example.org", 22)]


@pytest.mark.parametrize("marker", ["", "@revoked ", "@cert-authority "])
def test_names_cover_the_hosts_that_openssh_says(marker: str, tmp_path: Path) -> None:
    file = tmp_path / "known_hosts"
    lines = [f"{marker}{names} {key_of(OTHER)} a comment\r" for names in NAMES]
    file.write_text("\n".join(["# comment", "", *lines, ""]))
    parsed = parse(file.read_text(), str(file))
    for address, port in ENTRIES:
        entry = entry_of(address, port)
        done = subprocess.run(
            ["ssh-keygen", "-F", entry, "-f", str(file)],
            capture_output=True,
            text=True,
            check=False,
        )
        found = {int(number) for number in re.findall(r"found: line (\d+)", done.stdout)}
        ours = {int(line.where.rpartition(":")[2]) for line in parsed if line.covers(entry)}
        assert ours == found, entry


@dataclass
class Site:
    """A host that is this machine, and the file that pins its key."""

    fleet: Fleet
    file: Path
    own: str

    @property
    def entry(self) -> str:
        return f"[127.0.0.1]:{self.fleet.ssh.port}"

    def write(self, *lines: str) -> None:
        self.file.write_text("\n".join(lines).format(host=self.entry, own=self.own) + "\n")

    def login(self) -> None:
        with SshHosts(KnownHosts(self.file)).command(self.fleet, "a", Request("echo 1")) as command:
            assert command.outcome(20).output == b"1\n"

    def head_login(self) -> None:
        """As the head's provider does; the host has no gate, so that the session ends at once."""
        login = Login(
            user="root",
            key_file=str(self.fleet.ssh.identity_file),
            known_hosts_file=str(self.file),
        )
        address = HostAddress(name="a", address="127.0.0.1", port=self.fleet.ssh.port)
        SshLink(address, login).rest()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with hosts(tmp_path, ("a",)) as (fleet, _):
        own = paramiko.RSAKey(filename=str(fleet.ssh.identity_file))
        yield Site(fleet, tmp_path / "known_hosts", key_of(own))


FOREIGN = f"10.9.9.9 {key_of(OTHER)}"
ACCEPTED = {
    "nothing": (),
    "comments": ("# {host} is fine", "   ", "\t{host}\t{own}  a comment of words"),
    "carriage returns": ("# x\r", "{host} {own}\r"),
    "several names": ("10.1.1.1,{host},other {own}",),
    "an authority for others": (f"@cert-authority *.example.org {key_of(OTHER)}", "{host} {own}"),
    "a pattern for others": (f"10.1.* {key_of(OTHER)}", "{host} {own}"),
    "another key revoked": (f"@revoked * {key_of(OTHER)}", "{host} {own}"),
    "its key revoked for others": (
        "@revoked 10.9.* {own}",
        "@revoked !{host},* {own}",
        "{host} {own}",
    ),
    "a revoked key of its own beside": (
        f"@revoked * {key_of(OTHER)}",
        f"{{host}} {key_of(OTHER)}",
        "{host} {own}",
    ),
    "an unknown type beside": (f"{{host}} {SECURITY_KEY}", "{host} {own}"),
    "two types": (f"{{host}} {key_of(OTHER)}", "{host} {own}"),
    "two keys of a type": (f"{{host}} {key_of(OTHER_RSA)}", "{host} {own}"),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_a_pinned_key_is_accepted_and_other_lines_stay(name: str, site: Site) -> None:
    site.write(FOREIGN, *ACCEPTED[name])
    before = site.file.read_bytes()
    site.login()
    after = site.file.read_bytes()
    assert after.startswith(before)
    assert (after == before) is (name != "nothing")
    with pytest.raises(HostFault, match=r"cannot talk to .*: (its answer breaks|Channel closed)"):
        site.head_login()


REFUSED: dict[str, tuple[tuple[str, ...], type[AdbrayError], str]] = {
    "another key": ((f"{{host}} {key_of(OTHER)}",), HostKeyError, "has changed"),
    "another key of its type": ((f"{{host}} {key_of(OTHER_RSA)}",), HostKeyError, "has changed"),
    "its key revoked": (("@revoked * {own}", "{host} {own}"), HostKeyError, "is revoked"),
    "its key revoked and another pinned": (
        ("@revoked [127.0.0.?]:* {own} stolen", "{host} {own}", f"{{host}} {key_of(OTHER)}"),
        HostKeyError,
        "is revoked",
    ),
    "its only pin revoked": (
        (f"@revoked * {key_of(OTHER)}", f"{{host}} {key_of(OTHER)}"),
        HostKeyError,
        "has changed",
    ),
    "revoked before first contact": (("@revoked {host} {own}",), HostKeyError, "is revoked"),
    "an authority": (("@cert-authority * {own}",), SpecError, "checks keys, not certificates"),
    "a pattern": (("[127.0.0.*]:* {own}",), SpecError, "a pattern that covers"),
    "only an unknown type": (
        (f"{{host}} {SECURITY_KEY}",),
        HostKeyError,
        "cannot check a key of type sk-ssh-ed25519@openssh.com",
    ),
    "an unknown marker": (("@trusted {host} {own}",), SpecError, "no marker that OpenSSH knows"),
    "a key cut off": (("{host} ssh-rsa AAAAB3NzaC1yc2EA",), SpecError, "the key is cut off"),
    "no key": (("{host} ssh-rsa",), SpecError, "a name, a type and a key are needed"),
    "no base64": (("{host} ssh-rsa ---",), SpecError, "the key is not base64"),
    "another type": (
        (f"{{host}} ssh-ed25519 {OTHER.get_base64()}",),
        SpecError,
        "is not of type ssh-ed25519",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_honoured_is_named_and_pins_nothing(name: str, site: Site) -> None:
    lines, kind, message = REFUSED[name]
    site.write(FOREIGN, *lines)
    before = site.file.read_bytes()
    with pytest.raises(kind, match=re.escape(message)) as caught:
        site.login()
    if kind is SpecError:
        assert caught.value.where == f"{site.file}:2"
    assert site.file.read_bytes() == before


HEAD_REFUSES = [
    "another key",
    "another key of its type",
    "an authority",
    "its key revoked",
    "its key revoked and another pinned",
]


@pytest.mark.parametrize("name", HEAD_REFUSES)
def test_a_head_refuses_what_is_not_pinned(name: str, site: Site) -> None:
    site.write(FOREIGN, *REFUSED[name][0])
    with pytest.raises(HostFault, match=r"is not the pinned one|no key is pinned"):
        site.head_login()


def test_many_first_contacts_at_once_pin_one_line(site: Site) -> None:
    known = KnownHosts(site.file)
    names = tuple(f"h{number}" for number in range(12))
    entries = [site.fleet.hosts[0].model_copy(update={"name": name}) for name in names]
    fleet = site.fleet.model_copy(update={"hosts": tuple(entries)})
    SshHosts(known).observe(fleet)
    assert site.file.read_text() == f"{site.entry} {site.own}\n"
    other = OTHER.get_base64()
    assert not known.pin("127.0.0.1", site.fleet.ssh.port, OTHER)
    assert other not in site.file.read_text()
