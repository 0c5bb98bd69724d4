"""The size catalogue: AnalyticDB Ray's table, additions, compute units."""

from __future__ import annotations

import pytest

from adbray_ctl.core.spec.sizes import BUILTIN, Catalog, Size, acu_factor


@pytest.mark.parametrize(
    ("name", "cpus", "memory_gb", "acu"),
    [
        ("small", 1, 4, 1),
        ("c.small", 1, 2, 0.8),
        ("m.small", 1, 8, 1.25),
        ("xlarge", 8, 32, 8),
        ("c.2xlarge", 16, 32, 12.8),
        ("m.8xlarge", 64, 512, 80),
    ],
)
def test_builtin(name: str, cpus: int, memory_gb: float, acu: float) -> None:
    catalog = Catalog()
    assert catalog[name] == Size(cpus=cpus, memory_gb=memory_gb)
    assert float(cpus * acu_factor(name)) == pytest.approx(acu)


def test_three_families_of_seven() -> None:
    assert len(BUILTIN) == 21


def test_an_addition_is_known_and_wins() -> None:
    nano, small = Size(cpus=1, memory_gb=1), Size(cpus=2, memory_gb=3)
    catalog = Catalog({"nano": nano, "small": small})
    assert catalog["nano"] is nano
    assert catalog["small"] is small
    assert catalog["nano"].cpus * acu_factor("nano") == 1
    assert list(catalog)[-1] == "nano"


def test_an_addition_belongs_to_the_family_of_its_prefix() -> None:
    assert float(100 * acu_factor("c.huge")) == pytest.approx(80)


def test_unknown() -> None:
    assert "huge" not in Catalog()
    with pytest.raises(KeyError):
        Catalog()["huge"]
