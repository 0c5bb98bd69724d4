"""A group's secrets: made once, kept as they are, back from what was read elsewhere."""

from __future__ import annotations

from pathlib import Path

import bcrypt
import pytest

from adbray_ctl.adapters.state.certificate import is_for, own_certificate
from adbray_ctl.adapters.state.secret_files import SecretFiles
from adbray_ctl.core.backup import Secrets
from adbray_ctl.core.desired.web import WebSecrets


@pytest.fixture
def store(tmp_path: Path) -> SecretFiles:
    return SecretFiles(tmp_path / "state", tmp_path / "cache", tmp_path / "package")


def test_they_are_made_once(store: SecretFiles) -> None:
    assert not store.has("demo")
    store.create("demo")
    assert store.has("demo")
    first = store.load("demo")
    assert all(first.model_dump().values())
    store.create("demo")
    assert store.load("demo") == first


def test_only_their_owner_reads_them(store: SecretFiles) -> None:
    store.create("demo")
    folder = Path(store.site("demo").token_file).parent
    opened = {path.name for path in folder.iterdir() if path.stat().st_mode & 0o077}
    assert opened <= {"slot_key.pub"}


def test_what_is_known_of_them_is_kept_and_the_rest_made(store: SecretFiles) -> None:
    store.create("demo")
    known = store.load("demo")
    store.store("other", Secrets(token=known.token, slot_key=known.slot_key))
    assert not store.has("other")
    store.create("other")
    made = store.load("other")
    assert (made.token, made.slot_key) == (known.token, known.slot_key)
    assert made.redis_cert != known.redis_cert


def test_what_browsers_need_is_made_once_and_for_an_address(store: SecretFiles) -> None:
    folder = Path(store.site("demo").web_dir)
    assert not store.has_web()
    store.create_web("10.0.0.4")
    assert store.has_web()
    first = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert bcrypt.checkpw(first["password"], first["password_hash"])
    assert first["password"] not in first["password_hash"]
    store.create_web("10.0.0.4")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == first

    store.create_web("ray.example.com")
    second = {path.name: path.read_bytes() for path in folder.iterdir()}
    changed = {name for name in first if first[name] != second[name]}
    assert changed == {"web.crt", "web.key"}
    assert is_for(second["web.crt"], "ray.example.com")


def test_another_machine_s_password_is_taken_over_with_its_certificate(store: SecretFiles) -> None:
    certificate, key = own_certificate("m", "10.0.0.4")
    found = WebSecrets(password="known", certificate=certificate.decode(), key=key.decode())
    store.store_web(found)
    store.create_web("10.0.0.4")
    folder = Path(store.site("demo").web_dir)
    assert (folder / "web.key").read_bytes() == key
    assert bcrypt.checkpw(b"known", (folder / "password_hash").read_bytes())
    store.store_web(WebSecrets(password="newer"))
    store.create_web("10.0.0.4")
    assert bcrypt.checkpw(b"newer", (folder / "password_hash").read_bytes())
    assert (folder / "web.key").read_bytes() == key


def test_half_a_certificate_is_made_anew(store: SecretFiles) -> None:
    store.create("demo")
    before = store.load("demo")
    Path(store.site("demo").redis_key_file).unlink()
    assert not store.has("demo")
    store.create("demo")
    after = store.load("demo")
    assert after.redis_cert != before.redis_cert


def test_those_of_the_fleet_s_grafana_are_apart_from_groups(store: SecretFiles) -> None:
    assert not store.has_grafana()
    store.create_grafana()
    assert store.has_grafana()
    password = Path(store.site("demo").grafana_dir, "admin_password")
    assert len(password.read_text()) == 64
    assert password.stat().st_mode & 0o077 == 0
    assert password.read_text() != Path(store.site("demo").grafana_dir, "secret_key").read_text()
    store.forget("grafana")
    assert store.has_grafana()
