"""A project beside another one, with a Redis of neither: whose is what, and only its own goes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.e2e.conftest import GROUP, Project, Result

NAME = "guest"
PORT = 7379
STALE = f"{NAME}-0123abcd"
# What others keep there: none of these may ever go.
THEIRS = ("RAYtheirs@KV", "RAYguest-0123abcde@KV", "queue")
SPEC = """\
kind: RayCluster
name: guest
head:
  size: micro
  disk_gb: 1
  hosts: {names: [HOST]}
  ports: {gcs: 7001, dashboard: 7002, client: 7003}
redis: {mode: external, url: "redis://ADDRESS:PORT"}
worker_groups:
  - {name: w, size: nano, disk_gb: 1, hosts: {names: [HOST]}}
"""


@dataclass
class Guest(Project):
    """A second project on the lab's hosts; ``store`` is the host where Redis runs."""

    store: str = ""
    host: str = ""

    def redis(self, *words: str) -> str:
        return self.on(self.store, f"redis-cli -p {PORT} {' '.join(words)}")

    def keys(self, pattern: str) -> list[str]:
        return sorted(self.redis("--scan", "--pattern", f"'{pattern}'").split())

    def orphans(self) -> dict[tuple[str, str, str], dict[str, Any]]:
        """By kind, name and place."""
        found = self.json("orphans")
        assert found["problems"] == []
        return {(one["kind"], one["name"], one["place"]): one for one in found["orphans"]}

    def remove(self, *arguments: str) -> Result:
        return self.adbray("orphans", "--remove", *arguments)

    @property
    def namespace(self) -> str:
        return self.on(self.host, f"grep -o '{NAME}-[0-9a-f]*@' /etc/adbray/{NAME}/keeper.json")[
            :-1
        ]


@pytest.fixture(scope="module")
def guest(cluster: Project, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guest]:
    """The second project, its one group applied beside the first's."""
    host, store = cluster.slot("head")["host"], cluster.slot("redis")["host"]
    found = Guest(tmp_path_factory.mktemp("guest"), cluster.addresses, store=store, host=host)
    lab_key = cluster.directory / ".adbray" / "lab" / "id_ed25519"
    text = (cluster.directory / "fleet.yml").read_text()
    key = ".adbray/lab/id_ed25519"
    (found.directory / ".adbray" / "lab").mkdir(parents=True)
    (found.directory / key).symlink_to(lab_key)
    (found.directory / "fleet.yml").write_text(text)
    (found.directory / "groups").mkdir()
    spec = SPEC.replace("HOST", host).replace("ADDRESS", cluster.addresses[store])
    spec_file = found.directory / "groups" / f"{NAME}.yml"
    spec_file.write_text(spec.replace("PORT", str(PORT)))
    settings = f"--port {PORT} --bind 0.0.0.0 --protected-mode no --appendonly yes --dir /root"
    cluster.on(store, f"systemd-run --unit=theirs redis-server {settings}")
    try:
        for name in THEIRS:
            found.redis("hset", name, "field", "value")
        found.ok("apply", NAME)
        yield found
    finally:
        spec_file.write_text(spec.replace("PORT", str(PORT)))
        found.adbray("destroy", NAME, "--yes", "--force")
        cluster.on(store, "systemctl stop theirs; rm -rf /root/appendonlydir")


def test_a_group_with_its_file_is_no_orphan_and_another_s_is_one(guest: Guest) -> None:
    found = guest.orphans()
    assert {(kind, name) for kind, name, _ in found} == {("group", GROUP)}
    assert {place for _, _, place in found} == set(guest.addresses)
    assert all(one["run"] is None for one in found.values())
    head = found["group", GROUP, guest.host]
    assert head["runs"]
    assert "slot head" in head["what"]
    # Whatever the tests before this one did to the other project's group last.
    assert re.search(r"^\S+@\S+, pid \d+: (apply|restart|drill)", head["changed_by"])


def test_another_s_group_is_not_removed_without_force(guest: Guest, cluster: Project) -> None:
    for arguments in (("--yes",), (GROUP, "--yes"), ()):
        refused = guest.remove(*arguments)
        assert refused.code == 3, refused.err
        assert f"group {GROUP} on " in refused.err
    assert cluster.status()["ready"]


def test_stale_keys_go_alone(guest: Guest) -> None:
    for table in ("KV", "NODE"):
        guest.redis("hset", f"RAY{STALE}@{table}", "field", "value")
    (key,) = [key for key in guest.orphans() if key[0] == "keys"]
    assert key[1] == STALE
    standing = guest.keys(f"RAY{guest.namespace}@*")
    assert standing
    gone = guest.remove(STALE, "--force")
    assert gone.code == 0, gone.err
    assert "removed 2 keys" in gone.out
    assert guest.keys(f"RAY{STALE}@*") == []
    assert set(standing) <= set(guest.keys(f"RAY{guest.namespace}@*"))
    assert guest.json("status", NAME)["ready"]


def test_a_group_without_its_file_goes_with_its_keys(guest: Guest, cluster: Project) -> None:
    spec = guest.directory / "groups" / f"{NAME}.yml"
    text = spec.read_text()
    spec.unlink()
    found = guest.orphans()["group", NAME, guest.host]
    assert (found["runs"], found["run"]) == (True, 1)
    assert guest.remove(NAME, "--yes").code == 3, "it runs"
    leader = f"RAY{guest.namespace}@ADBRAY_LEADER"
    mine = f"RAY{guest.namespace}@*"

    # As if a head that nobody knows of went on elsewhere.
    guest.redis("set", leader, "ghost")
    failed = guest.remove(NAME, "--force")
    assert failed.code == 1
    assert "a head still leads the group in Redis" in failed.err
    assert "ghost" in failed.err
    assert len(guest.keys(mine)) > 1

    guest.redis("del", leader)
    gone = guest.remove(NAME, "--force")
    assert gone.code == 0, gone.err
    assert guest.keys(mine) == []
    assert guest.keys("*") == sorted(THEIRS)
    assert not guest.on(guest.host, f"ls -d /etc/adbray/{NAME} /var/lib/adbray/{NAME} || true")
    spec.write_text(text)
    assert {(kind, name) for kind, name, _ in guest.orphans()} == {("group", GROUP)}
    assert cluster.status()["ready"]
