"""Hosts of one group for every test of the provider."""

from __future__ import annotations

import pytest

from tests.unit.provider.hosts import FakeHosts


@pytest.fixture
def hosts() -> FakeHosts:
    return FakeHosts({"a": ["w-0", "w-2", "v-0"], "b": ["w-1", "w-3"]})
