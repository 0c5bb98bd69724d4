"""What all tests share: unit tests reach no network."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import NoReturn

import pytest

_UNIT = Path(__file__).parent / "unit"


class NetworkReachedError(AssertionError):
    """A unit test tried to open a connection."""


@pytest.fixture(autouse=True)
def no_network_in_unit_tests(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A unit test that connects or resolves a name fails at that line; unix sockets are free."""
    if not request.path.is_relative_to(_UNIT):
        return

    connect = socket.socket.connect

    def refuse(*arguments: object, **_: object) -> NoReturn:
        raise NetworkReachedError(f"a unit test reached for the network: {arguments[-1]}")

    def connect_locally(self: socket.socket, address: object) -> None:
        if self.family != socket.AF_UNIX:
            refuse(address)
        connect(self, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", connect_locally)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
