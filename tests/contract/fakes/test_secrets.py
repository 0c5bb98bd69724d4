"""Secrets in memory and in files."""

from __future__ import annotations

from pathlib import Path

import pytest

from adbray_ctl.adapters.state.secret_files import SecretFiles
from adbray_ctl.core.backup import Secrets
from adbray_ctl.core.desired.grafana import GrafanaSecrets
from adbray_ctl.core.desired.web import WebSecrets
from adbray_ctl.core.protocols.state import SecretStore
from adbray_ctl.testing.secrets import FakeSecrets


@pytest.fixture(params=["fake", "real"])
def secrets(request: pytest.FixtureRequest, tmp_path: Path) -> SecretStore:
    if request.param == "fake":
        return FakeSecrets()
    return SecretFiles(tmp_path / "state", tmp_path / "cache", tmp_path / "package")


def test_a_group_has_none_until_they_are_made(secrets: SecretStore) -> None:
    assert not secrets.has("demo")
    secrets.create("demo")
    assert secrets.has("demo")
    assert not secrets.has("other")
    made = secrets.load("demo")
    assert all(made.model_dump().values())
    secrets.create("demo")
    assert secrets.load("demo") == made
    secrets.create("other")
    assert secrets.load("other").token != made.token


def test_what_is_known_stays_and_the_rest_is_made(secrets: SecretStore) -> None:
    secrets.create("another")
    key = secrets.load("another").slot_key
    secrets.store("demo", Secrets(token="kept", redis_password="old", slot_key=key))
    assert not secrets.has("demo")
    secrets.create("demo")
    secrets.store("demo", Secrets(token="", redis_password="new", slot_key=""))
    found = secrets.load("demo")
    assert (found.token, found.redis_password, found.slot_key) == ("kept", "new", key)
    assert found.redis_exporter_password


def test_a_group_may_be_forgotten(secrets: SecretStore) -> None:
    for name in ("demo", "other"):
        secrets.create(name)
    secrets.forget("demo")
    secrets.forget("nosuch")
    assert (secrets.has("demo"), secrets.has("other")) == (False, True)


def test_all_of_them_are_listed_with_files_that_are_there(
    secrets: SecretStore, tmp_path: Path
) -> None:
    assert secrets.all(()) == ()
    secrets.create("demo")
    secrets.store_grafana(GrafanaSecrets(admin_password="of grafana", secret_key="k"))
    secrets.store_web(WebSecrets(password="of browsers"))
    (tmp_path / "key").write_text("of a file")
    found = secrets.all((str(tmp_path / "key"), str(tmp_path / "nosuch")))
    known = [*secrets.load("demo").model_dump().values(), "of grafana", "of browsers", "of a file"]
    assert set(known) <= set(found)


def test_those_of_grafana_are_made_or_kept(secrets: SecretStore) -> None:
    assert not secrets.has_grafana()
    secrets.create_grafana()
    assert secrets.has_grafana()
    secrets.store_grafana(GrafanaSecrets(admin_password="kept", secret_key="k"))
    assert "kept" in secrets.all(())


def test_those_of_browsers_are_made_or_kept(secrets: SecretStore) -> None:
    assert not secrets.has_web()
    secrets.store_web(WebSecrets(password="kept"))
    assert secrets.has_web()
    secrets.create_web("10.0.0.1")
    assert "kept" in secrets.all(())
    secrets.store_web(WebSecrets(password="", certificate="another"))
    assert {"kept", "another"} <= set(secrets.all(()))


def test_a_site_has_places_of_each_group_and_shared_ones(secrets: SecretStore) -> None:
    demo, other = secrets.site("demo"), secrets.site("other")
    own = [name for name, path in demo if path != getattr(other, name)]
    assert own == [name for name in type(demo).model_fields if name.endswith("_file")]
    assert secrets.site("demo") == demo


def test_ids_are_fresh(secrets: SecretStore) -> None:
    ids = {secrets.new_id() for _ in range(9)}
    assert len(ids) == 9
    assert all(len(one) == 8 and int(one, 16) >= 0 for one in ids)
