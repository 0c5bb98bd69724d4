"""A Redis of a test's own on loopback: the real one where it is installed, or fakeredis."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from adbray_ctl.adapters.state.certificate import own_certificate
from adbray_host.redis_client import Redis, Server
from adbray_host.redis_keys import keys

_FAKE = """
import sys
from fakeredis import TcpFakeServer
TcpFakeServer(("127.0.0.1", int(sys.argv[1])), server_type="redis").serve_forever()
"""


@contextmanager
def running(kind: str, folder: Path) -> Iterator[Server]:
    """An empty server of ``kind``, real or fake, that answers."""
    port = free_port()
    fake = [sys.executable, "-c", _FAKE, str(port)]
    command = _real(folder, "--port", str(port)) if kind == "real" else fake
    with _process(command, Server("127.0.0.1", port)) as server:
        yield server


@contextmanager
def running_tls(folder: Path, pair: tuple[bytes, bytes] | None = None) -> Iterator[Server]:
    """A real one, as above, that speaks TLS alone and shows a certificate: ``pair``, or its own."""
    files = [folder / "redis.crt", folder / "redis.key"]
    for file, pem in zip(files, pair or own_certificate("Redis of a test"), strict=True):
        file.write_bytes(pem)
    port = free_port()
    settings = ["--port", "0", "--tls-port", str(port), "--tls-auth-clients", "no"]
    settings += ["--tls-cert-file", str(files[0]), "--tls-key-file", str(files[1])]
    settings += ["--tls-ca-cert-file", str(files[0])]
    shown = Server("127.0.0.1", port, tls=True, ca_file=str(files[0]), pinned=True)
    with _process(_real(folder, *settings), shown) as server:
        yield server


@contextmanager
def running_acl(folder: Path, login: tuple[str, str], *settings: str) -> Iterator[Server]:
    """A real one, as above, with ``settings`` that let in who has ``login``, a user and password.

    A file of settings comes first.
    """
    port = free_port()
    command = _real(folder, *settings, "--port", str(port))
    with _process(command, Server("127.0.0.1", port, *login)) as server:
        yield server


def certificate_for(host: str) -> tuple[bytes, bytes]:
    """One that bears ``host``'s name, and its key, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    shown = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return shown.public_bytes(form[0]), key.private_bytes(*form, serialization.NoEncryption())


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


def _real(folder: Path, *settings: str) -> list[str]:
    program = shutil.which("redis-server")
    if program is None:
        pytest.fail("redis-server is not installed: run `scripts/bootstrap.sh test` as root")
    return [program, *settings, "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]


@contextmanager
def _process(command: list[str], server: Server) -> Iterator[Server]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _await(server)
        yield server
    finally:
        process.terminate()
        process.wait(60)


def keys_of(server: Server) -> list[str]:
    """All keys there are."""
    with closing(Redis(server, 5)) as redis:
        return keys(redis, "")


def fill(server: Server, *keys: str) -> None:
    """Hashes of one field, as Ray keeps its tables."""
    with closing(Redis(server, 5)) as redis:
        for key in keys:
            redis.ask("HSET", key, "field", "value")


def _await(server: Server) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            with closing(Redis(server, 5)) as redis:
                redis.ask("PING")
        except OSError:
            assert time.monotonic() < deadline, "no Redis within 60 s"
            time.sleep(0.05)
        else:
            return
