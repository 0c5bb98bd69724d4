"""Whom a keeper trusts: the real Redis with a certificate of its own, and those that are not it."""

from __future__ import annotations

import socket
import ssl
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from adbray_ctl.adapters.state.certificate import own_certificate
from adbray_host.redis_client import Redis, opened
from tests.contract.redis_server import running_tls


def test_the_one_with_the_group_s_certificate_is_trusted(tmp_path: Path) -> None:
    with running_tls(tmp_path) as server:
        assert server.ca_file is not None
        with closing(opened(server.text, "", "", 5, server.ca_file, own=True)) as redis:
            assert redis.ask("PING") == "PONG"


def test_a_verifier_as_strict_as_newer_pythons_accepts_it(tmp_path: Path) -> None:
    context = ssl.create_default_context()
    context.check_hostname = False
    with running_tls(tmp_path) as server:
        context.load_verify_locations(server.ca_file)
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        with (
            socket.create_connection((server.host, server.port)) as link,
            context.wrap_socket(link) as secure,
        ):
            assert secure.version() == "TLSv1.3"


def test_another_certificate_is_not(tmp_path: Path) -> None:
    other = tmp_path / "other.crt"
    other.write_bytes(own_certificate("Redis of a test")[0])
    with running_tls(tmp_path) as server:
        stranger = replace(server, ca_file=str(other))
        with closing(Redis(stranger, 5)) as redis, pytest.raises(OSError, match="self-signed"):
            redis.ask("PING")


def test_one_of_another_s_authority_must_bear_its_host_s_name(tmp_path: Path) -> None:
    with running_tls(tmp_path) as server:
        theirs = replace(server, pinned=False)
        with closing(Redis(theirs, 5)) as redis, pytest.raises(OSError, match=r"127\.0\.0\.1"):
            redis.ask("PING")


def test_nothing_is_said_in_the_clear(tmp_path: Path) -> None:
    with running_tls(tmp_path) as server:
        clear = replace(server, tls=False)
        with closing(Redis(clear, 5)) as redis, pytest.raises(OSError, match=r"closed|reset"):
            redis.ask("PING")
