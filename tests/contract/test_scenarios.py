"""Each role's scenario `alternative` sets every option that has a default to something else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
ROLES = sorted(path.name for path in (ROOT / "roles").iterdir() if path.is_dir())
# Lab hosts have no card, no toolkit to fetch, and no headers of their kernel: there these roles
# refuse what is not the default, which their scenarios `default` look at.
WITHOUT_CARDS = {"gpu", "gpu_share"}


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def defaults(role: str) -> dict[str, Any]:
    """The options of the role's main entry that have a default, with it."""
    specs = load(ROOT / "roles" / role / "meta" / "argument_specs.yml")["argument_specs"]
    options = specs["main"].get("options") or {}
    return {name: option["default"] for name, option in options.items() if "default" in option}


def given(role: str, *scenarios: str) -> dict[str, Any]:
    """What a scenario gives: the variables of all, of the play that it shares, its own."""
    molecule = ROOT / "roles" / role / "molecule"
    found = dict(load(ROOT / "tests" / "molecule" / "group_vars" / "all.yml"))
    for play in load(molecule / "default" / "converge.yml"):
        found |= play.get("vars", {})
    for scenario in scenarios:
        found |= load(molecule / scenario / "vars.yml")
    return found


def unchanged(role: str, values: dict[str, Any]) -> set[str]:
    return {name for name, value in defaults(role).items() if values.get(name, value) == value}


# Where scenario `default` has all options off their defaults, or a role has none, it is enough.
VARIED = [role for role in ROLES if unchanged(role, given(role)) and role not in WITHOUT_CARDS]


@pytest.mark.parametrize("role", VARIED)
def test_the_alternative_scenario_leaves_no_option_at_its_default(role: str) -> None:
    assert not unchanged(role, given(role, "alternative"))


@pytest.mark.parametrize("role", VARIED)
def test_the_alternative_scenario_is_run_with_its_variables(role: str) -> None:
    scenario = load(ROOT / "roles" / role / "molecule" / "alternative" / "molecule.yml")
    provisioner = scenario["provisioner"]
    assert provisioner["options"]["extra-vars"] == "@${MOLECULE_SCENARIO_DIRECTORY}/vars.yml"
    assert (ROOT / "roles" / role / "molecule" / "alternative" / "verify.yml").is_file()
