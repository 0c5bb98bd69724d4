"""What slots ask of their hosts."""

from __future__ import annotations

import pytest

from adbray_ctl.core.placement.wanted import SENTINEL_MB, redis_memory_mb


@pytest.mark.parametrize(("maxmemory_mb", "measured_mb"), [(128, 249), (512, 971)])
def test_a_full_redis_may_rewrite_its_file(maxmemory_mb: int, measured_mb: int) -> None:
    """Measured: Redis 7.0, 93 % full, every key overwritten while BGREWRITEAOF runs."""
    assert redis_memory_mb(maxmemory_mb) - SENTINEL_MB > measured_mb


@pytest.mark.parametrize("maxmemory_mb", [64, 128, 256, 4096, 65536])
def test_all_that_it_holds_may_be_there_twice(maxmemory_mb: int) -> None:
    assert redis_memory_mb(maxmemory_mb) - SENTINEL_MB > 2 * maxmemory_mb
