"""A certificate of our own as verifiers see it, and whether an operator's own fits its key."""

from __future__ import annotations

import socket
import ssl
import threading
from pathlib import Path

import pytest

from adbray_ctl.adapters.specs.file import load_fleet
from adbray_ctl.adapters.state.certificate import fingerprint_of, is_for, own_certificate
from adbray_ctl.core.errors import SpecError

FLEET = """\
kind: Fleet
hosts: [{name: m, address: 10.0.0.4}]
monitoring:
  host: m
  web:
    certificate_file: web.crt
    key_file: web.key
"""


def pair(folder: Path, address: str, name: str = "web") -> tuple[Path, Path]:
    files = (folder / f"{name}.crt", folder / f"{name}.key")
    for path, pem in zip(files, own_certificate(address, address), strict=True):
        path.write_bytes(pem)
        path.chmod(0o600)
    return files


@pytest.mark.parametrize(
    ("made_for", "went_to", "taken"),
    [
        ("10.0.0.4", "10.0.0.4", True),
        ("10.0.0.4", "10.0.0.5", False),
        ("ray.example.com", "ray.example.com", True),
        ("ray.example.com", "other.example.com", False),
    ],
)
def test_a_strict_client_takes_it_at_its_own_address_alone(
    tmp_path: Path, made_for: str, went_to: str, *, taken: bool
) -> None:
    certificate, key = pair(tmp_path, made_for)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)
    client = ssl.create_default_context(cafile=str(certificate))
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    assert is_for(certificate.read_bytes(), went_to) is taken
    ours, theirs = socket.socketpair()

    def serve() -> None:
        try:
            server.wrap_socket(theirs, server_side=True).close()
        except (OSError, ssl.SSLError):
            theirs.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        client.wrap_socket(ours, server_hostname=went_to).close()
        assert taken
    except ssl.SSLCertVerificationError:
        assert not taken
    finally:
        ours.close()
        thread.join()


def test_one_without_an_address_is_for_none() -> None:
    assert not is_for(own_certificate("Redis")[0], "10.0.0.4")
    assert not is_for(b"none", "10.0.0.4")


def test_an_operator_s_own_is_known_by_its_contents(tmp_path: Path) -> None:
    (tmp_path / "fleet.yml").write_text(FLEET)
    files = pair(tmp_path, "m.example.com")

    def loaded() -> tuple[str | None, str]:
        monitoring = load_fleet(tmp_path / "fleet.yml").monitoring
        assert monitoring is not None
        assert monitoring.web is not None
        return monitoring.web.certificate_file, monitoring.web.fingerprint

    first = loaded()
    assert first == (str(files[0]), fingerprint_of(*files))
    assert len(first[1]) == 64
    pair(tmp_path, "m.example.com")
    assert loaded()[1] != first[1]


@pytest.mark.parametrize(
    ("broken", "what"),
    [
        ("web.crt is missing", "web.crt cannot be read: No such file or directory"),
        ("web.crt is none", "web.crt holds no certificate"),
        ("web.key is none", "web.key holds no private key that can be read"),
        ("web.key is another's", "web.key is the key of another certificate"),
    ],
)
def test_one_that_no_server_would_take_is_a_fault_of_the_spec(
    tmp_path: Path, broken: str, what: str
) -> None:
    (tmp_path / "fleet.yml").write_text(FLEET)
    certificate, key = pair(tmp_path, "m.example.com")
    _, other = pair(tmp_path, "m.example.com", "other")
    name, _, how = broken.partition(" is ")
    path = {"web.crt": certificate, "web.key": key}[name]
    if how == "missing":
        path.unlink()
    else:
        path.write_bytes(other.read_bytes() if how == "another's" else b"nothing")
    with pytest.raises(SpecError) as error:
        load_fleet(tmp_path / "fleet.yml")
    assert what in error.value.what
    assert (error.value.where or "").endswith("fleet.yml:6")
