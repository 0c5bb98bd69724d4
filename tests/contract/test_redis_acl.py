"""Who may do what at a group's Redis and Sentinel: the role's own access lists at the real ones."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import jinja2
import pytest
import yaml

from adbray_host.redis_client import Redis, RedisError, Server
from tests.contract.redis_server import running_acl

ROLE = Path(__file__).resolve().parents[2] / "roles" / "redis"
KEY = "RAYdemo-00000001@KV"
RAY, EXPORTER, ADMIN = ("ray", "of ray"), ("exporter", "of exporter"), ("adbray", "of adbray")
FIGURES = ["INFO ALL", "SLOWLOG LEN", "LATENCY LATEST"]
VIEWS = ["INFO ALL", "SENTINEL MASTERS", "SENTINEL SLAVES gcs", "SENTINEL SENTINELS gcs"]


def access_list(folder: Path, name: str) -> str:
    """The file that the role's template ``name`` makes for three members."""
    environment = jinja2.Environment(autoescape=False)  # noqa: S701 - it renders no HTML
    environment.filters["hash"] = lambda text, kind: hashlib.new(kind, text.encode()).hexdigest()
    given = {
        "redis_namespace": "demo-00000001",
        "redis_username": RAY[0],
        "redis_password_file": RAY[1],
        "redis_admin_password_file": ADMIN[1],
        "redis_metrics_password_file": EXPORTER[1],
        "redis_members": [{}],
        "lookup": lambda _, file: file,
    }
    own = yaml.safe_load((ROLE / "vars" / "main.yml").read_text())
    for variable in (one for one in own if isinstance(own[one], str) and "members" not in own[one]):
        given[variable] = environment.from_string(own[variable]).render(given)
    file = folder / name
    file.write_text(
        environment.from_string((ROLE / "templates" / f"{name}.j2").read_text()).render(given)
    )
    return str(file)


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """With a key of the group's."""
    folder = tmp_path_factory.mktemp("redis")
    with running_acl(folder, RAY, "--aclfile", access_list(folder, "redis.acl")) as server:
        assert asked(server, f"HSET {KEY} field value") == "1"
        yield server


@pytest.fixture(scope="module")
def sentinel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One that watches a primary which is not there."""
    folder = tmp_path_factory.mktemp("sentinel")
    config = folder / "sentinel.conf"
    config.write_text(
        f"aclfile {access_list(folder, 'sentinel.acl')}\nsentinel monitor gcs 127.0.0.1 1 1\n"
    )
    with running_acl(folder, RAY, str(config), "--sentinel") as server:
        yield server


def asked(server: Server, command: str, login: tuple[str, str] | None = None) -> str:
    """The answer as text, also when it is an error."""
    user, password = login or RAY
    with closing(Redis(replace(server, username=user, password=password), 5)) as redis:
        try:
            return str(redis.ask(*command.split()))
        except RedisError as error:
            return str(error)


@pytest.mark.parametrize("command", FIGURES)
def test_the_exporter_may_read_figures(redis: Server, command: str) -> None:
    assert not asked(redis, command, EXPORTER).startswith("NO")


def test_the_figures_tell_of_the_log_and_of_memory(redis: Server) -> None:
    told = asked(redis, "INFO ALL", EXPORTER)
    assert "aof_last_write_status:ok" in told
    assert "used_memory:" in told


@pytest.mark.parametrize(
    "command",
    [
        *(f"HGET {KEY} field", f"GET {KEY}", f"EXISTS {KEY}", f"HSET {KEY} field x", f"DEL {KEY}"),
        *("KEYS *", "SCAN 0", "DBSIZE", "RANDOMKEY", f"TYPE {KEY}", "SELECT 1", "MONITOR"),
        *("CONFIG GET *", "CONFIG SET dir /", "CONFIG REWRITE", "SLOWLOG GET", "SLOWLOG RESET"),
        *("CLIENT LIST", "CLIENT KILL ID 1", "ACL LIST", "ACL WHOAMI", "LATENCY RESET"),
        *("EVAL return(1) 0", "PUBLISH a b", "REPLICAOF NO ONE", "FLUSHALL", "SHUTDOWN"),
    ],
)
def test_it_may_do_nothing_else(redis: Server, command: str) -> None:
    assert asked(redis, command, EXPORTER).startswith("NOPERM")


@pytest.mark.parametrize("command", [*FIGURES[1:], "CONFIG GET *", "SLOWLOG GET", "HGET other f"])
def test_ray_s_user_has_not_become_more(redis: Server, command: str) -> None:
    assert asked(redis, command).startswith("NOPERM")
    assert asked(redis, f"HGET {KEY} field") == "value"


@pytest.mark.parametrize("user", ["exporter", "ray", "adbray", "default"])
def test_nobody_comes_in_with_the_password_of_another(redis: Server, user: str) -> None:
    password = RAY[1] if user == "exporter" else EXPORTER[1]
    assert asked(redis, "PING", (user, password)).startswith("WRONGPASS")


def test_nobody_comes_in_without_a_password(redis: Server) -> None:
    assert asked(redis, "INFO", ("", "")).startswith("NOAUTH")


@pytest.mark.parametrize("command", [*VIEWS, "SENTINEL CKQUORUM gcs"])
def test_the_exporter_may_see_what_a_sentinel_sees(sentinel: Server, command: str) -> None:
    assert not asked(sentinel, command, EXPORTER).startswith(("NOPERM", "NOAUTH", "ERR"))


@pytest.mark.parametrize(
    "command",
    [
        *("SENTINEL FAILOVER gcs", "SENTINEL SET gcs quorum 1", "SENTINEL REMOVE gcs"),
        *("SENTINEL RESET gcs", "SENTINEL MONITOR x 127.0.0.1 2 1", "SENTINEL CONFIG GET *"),
        *("SENTINEL SIMULATE-FAILURE crash-after-election", "SENTINEL FLUSHCONFIG", "SHUTDOWN"),
    ],
)
def test_it_may_change_nothing_there(sentinel: Server, command: str) -> None:
    assert asked(sentinel, command, EXPORTER).startswith("NOPERM")


@pytest.mark.parametrize("command", VIEWS)
def test_ray_s_user_has_not_become_more_there(sentinel: Server, command: str) -> None:
    assert asked(sentinel, command).startswith("NOPERM")
