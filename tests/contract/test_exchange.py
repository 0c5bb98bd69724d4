"""Hosts of one run that want the same file: from where each has it. Each is a process here too."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from contextlib import ExitStack
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

from ansible_collections.adbray.ray.plugins.plugin_utils.exchange import (
    AT_ONCE,
    MOST_FAILURES,
    UPLOADS,
    Exchange,
)

FORKED = multiprocessing.get_context("fork")
SOURCE = "192.0.2.1:4000"


@pytest.fixture
def exchange(tmp_path: Path) -> Exchange:
    return Exchange(tmp_path / "digest")


def all_places(exchange: Exchange, count: int, within: ExitStack) -> list[str]:
    return [within.enter_context(exchange.turn()) for _ in range(count)]


def hold(exchange: Exchange, has: Event) -> None:
    with exchange.turn():
        has.set()
        time.sleep(600)


def test_a_few_get_it_from_here_and_the_others_from_those_that_have_it(exchange: Exchange) -> None:
    with ExitStack() as stack:
        assert all_places(exchange, UPLOADS, stack) == [""] * UPLOADS
        exchange.offer(SOURCE)
        assert all_places(exchange, AT_ONCE, stack) == [SOURCE] * AT_ONCE
        exchange.offer("192.0.2.2:4001")
        assert all_places(exchange, AT_ONCE, stack) == ["192.0.2.2:4001"] * AT_ONCE


def test_hosts_come_before_this_machine_and_places_are_given_back(exchange: Exchange) -> None:
    exchange.offer(SOURCE)
    for _ in range(3 * AT_ONCE):
        with exchange.turn() as source:
            assert source == SOURCE


def test_one_that_cannot_be_reached_is_left_out(exchange: Exchange) -> None:
    exchange.offer(SOURCE)
    exchange.withdraw(SOURCE)
    exchange.withdraw(SOURCE)  # as of two hosts at once
    with exchange.turn() as source:
        assert source == ""
    exchange.offer("192.0.2.2:4001")
    with exchange.turn() as source:
        assert source == "192.0.2.2:4001"


def test_where_hosts_cannot_reach_each_other_all_get_it_from_here_at_once(
    exchange: Exchange,
) -> None:
    for number in range(MOST_FAILURES):
        exchange.withdraw(f"192.0.2.{number}:4000")
    exchange.offer(SOURCE)
    has = [FORKED.Event() for _ in range(2 * UPLOADS)]
    holders = [FORKED.Process(target=hold, args=(exchange, one)) for one in has]
    for one in holders:
        one.start()
    assert all(one.wait(60) for one in has)
    for one in holders:
        one.kill()
        one.join()


def test_the_place_of_a_process_that_is_killed_is_free_again(exchange: Exchange) -> None:
    has = [FORKED.Event() for _ in range(UPLOADS)]
    holders = [FORKED.Process(target=hold, args=(exchange, one)) for one in has]
    for one in holders:
        one.start()
    assert all(one.wait(60) for one in has)
    pid = holders[0].pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    with exchange.turn() as source:
        assert source == ""
    for one in holders:
        one.kill()
        one.join()
