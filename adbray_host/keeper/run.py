"""The command `keeper CONFIG PROGRAM...`: lead or wait; while leading, run Ray's head."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

from adbray_host.keeper.address import VirtualIp
from adbray_host.keeper.bell import Bell, Stopped
from adbray_host.keeper.config import Config, load
from adbray_host.keeper.health import Line, Watch, http_probe
from adbray_host.keeper.leadership import GIVE_UP, Leadership
from adbray_host.keeper.state import StateFile, notify
from adbray_host.keeper.turn import await_turn
from adbray_host.redis_client import Primary, Redis, RedisError

TICK_S = 0.5
# Bounds a claim at less than the share of the term that may pass without one.
REDIS_TIMEOUT_S = 1.0
PROBE_TIMEOUT_S = 3.0
# Ray ends within seconds of SIGTERM; after this it is killed.
STOP_S = 8.0


class Ends(Exception):
    """Why this keeper, and the head with it, must end."""


class Keeper:
    """One run: wait, lead, end."""

    def __init__(self, config: Config, command: list[str]) -> None:
        self._config = config
        self._command = command
        self._redis = redis_of(config)
        self._redis_of_ray = ""
        self._leadership = leadership_of(config, self._redis)
        self._address = (
            VirtualIp(config.virtual_ip, config.host_address) if config.virtual_ip else None
        )
        self._bell = Bell()
        self._ray: subprocess.Popen[bytes] | None = None
        self._state = StateFile(config.state_file, config.me)

    def run(self) -> None:
        """Return when stopped; Ends when the head could not go on."""
        try:
            if self._address is not None:
                self._address.drop()
            notify("READY=1")
            self._make_room()
            self._wait()
            self._lead()
        except Stopped:
            self._stop()

    def _make_room(self) -> None:
        """After a head that never came up here: another host may do better."""
        if self._state.read() != "starts" or not self._config.standby:
            self._wait_for(self._config.delay_s)
            return
        self._state.write("waits", detail="the head did not come up here: another host may lead")
        self._release()
        self._wait_for(self._config.term_s)

    def _wait_for(self, seconds: float) -> None:
        ends_at = time.monotonic() + seconds
        while time.monotonic() < ends_at:
            notify("WATCHDOG=1")
            self._bell.wait(TICK_S)

    def _wait(self) -> None:
        """Until this keeper leads."""
        if self._leadership is None:
            return
        while True:
            try:
                claim = self._leadership.claim()
            except (OSError, RedisError) as error:
                self._state.write("waits", detail=f"for Redis: {error}")
            else:
                if claim.leader == self._config.me:
                    return
                self._state.write("waits", leader=claim.leader)
            notify("WATCHDOG=1")
            self._bell.wait(TICK_S)

    def _lead(self) -> None:
        """Run Ray until it ends, hangs, or may no longer run."""
        self._cut_off_others()
        self._hold_address()
        turn = await_turn(self._bell, TICK_S, self._wait_in_line)
        self._state.write("starts", leader=self._config.me)
        self._redis_of_ray = self._primary()
        self._ray = start(self._command, self._config.user, self._redis_of_ray)
        watches, lines = watches_of(self._config), lines_of(self._config)
        for watch in watches:
            watch.keep_looking(1.0)
        while True:
            self._keep_leading()
            code = self._ray.poll()
            if code is not None:
                raise Ends(f"Ray ended with {code}")
            up = all(watch.up for watch in watches)
            for watched in (*watches, *(lines if up else ())):
                verdict = watched.verdict()
                if verdict:
                    raise Ends(verdict)
            if up:
                turn.is_up()
                self._state.write("leads", leader=self._config.me)
            self._bell.wait(TICK_S, lines)

    def _wait_in_line(self) -> None:
        """Lead without a head: other starts have this host's cores."""
        self._state.write("waits", detail="for its turn to start")
        self._keep_leading()

    def _keep_leading(self) -> None:
        """Claim again. Without a standby nobody else would lead, so a silent Redis ends nothing."""
        if self._leadership is None:
            notify("WATCHDOG=1")
            return
        try:
            claim = self._leadership.claim()
        except (OSError, RedisError) as error:
            if not self._config.standby:
                self._hold_address()
                notify("WATCHDOG=1")
            elif not self._leadership.leads():
                raise Ends(f"it could not claim the leadership again: {error}") from error
            return
        if claim.leader != self._config.me:
            raise Ends(f"{claim.leader} leads")
        if self._ray is not None and self._primary() != self._redis_of_ray:
            # Ray may wait for ever for one that has vanished.
            raise Ends(f"{self._primary()} has become the primary Redis")
        self._hold_address()
        # After a claim and at no other time: a keeper that freezes is ended before its term is.
        notify("WATCHDOG=1")

    def _primary(self) -> str:
        """Where the primary is that the Sentinels named; nothing without them."""
        return self._redis.address if isinstance(self._redis, Primary) else ""

    def _cut_off_others(self) -> None:
        store = self._config.store
        if self._leadership is not None and store is not None and store.own:
            self._leadership.cut_off_others(store.username)

    def _hold_address(self) -> None:
        if self._address is not None:
            # Gone before another host may have it.
            self._address.hold(GIVE_UP * self._config.term_s)
            # What it ran has ended. Ray's end, should it come just now, shows when it is polled.
            self._bell.forget()

    def _stop(self) -> None:
        """End Ray, then let another lead at once."""
        if self._ray is not None:
            self._state.write("stops", leader=self._config.me)
            self._ray.terminate()
            ends_at = time.monotonic() + STOP_S
            while self._ray.poll() is None and time.monotonic() < ends_at:
                self._keep_leading()
                time.sleep(0.1)
        if self._address is not None:
            self._address.drop()
        self._release()

    def _release(self) -> None:
        """Nothing may run any more. What Redis does not hear lapses by itself."""
        if self._leadership is not None:
            try:
                self._leadership.release()
            except (OSError, RedisError) as error:
                print(f"not released: {error}", flush=True)


def redis_of(config: Config) -> Redis | Primary | None:
    """What the group's state is in, other than this host."""
    return config.store.opened(REDIS_TIMEOUT_S) if config.store else None


def leadership_of(config: Config, redis: Redis | Primary | None) -> Leadership | None:
    """None for a group without Redis: its state is on this host, and so is its head."""
    store = config.store
    if store is None or redis is None:
        return None
    return Leadership(redis, key=store.key, me=config.me, term_s=config.term_s)


def watches_of(config: Config) -> list[Watch]:
    """One watch for GCS with the dashboard, one for the head's raylet with its agent."""
    asked = {
        "GCS": (config.dashboard_port, "/api/gcs_healthz"),
        "the head's raylet": (config.agent_port, "/api/local_raylet_healthz"),
    }
    return [
        Watch(
            what,
            http_probe(config.address, port, path, PROBE_TIMEOUT_S),
            hang_s=config.hang_s,
            start_s=config.start_s,
        )
        for what, (port, path) in asked.items()
    ]


def lines_of(config: Config) -> list[Line]:
    """A line to each of the same processes."""
    return [
        Line("GCS", config.address, config.gcs_port),
        Line("the head's raylet", config.address, config.raylet_port),
    ]


def start(command: list[str], user: str, redis: str) -> subprocess.Popen[bytes]:
    """Ray, as its user, with none of the keeper's powers and no word to systemd.

    ``redis`` is the primary's rediss://host:port, where Sentinels choose it: Ray knows no other.
    """
    environment = dict(os.environ)
    for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"):
        environment.pop(name, None)
    if redis:
        environment["RAY_REDIS_ADDRESS"] = redis
    return subprocess.Popen(command, user=user, group=user, extra_groups=[], env=environment)


def main(words: list[str]) -> int:
    config = load(Path(words[0]))
    try:
        Keeper(config, words[1:]).run()
    except (Ends, OSError, RedisError, subprocess.SubprocessError) as error:
        # systemd ends what is left of Ray, and starts this anew.
        print(f"ends: {error}", flush=True)
        return 1
    return 0
