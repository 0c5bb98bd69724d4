"""What a command line imports: a start of Python costs what it must, and little more."""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from pydantic import BaseModel

from adbray_ctl import core
from adbray_ctl.cli.app import run

# adbray as its entry runs it; then the modules that were not there before, but for Python's own.
STARTED = """
import json, sys
before = set(sys.modules)
from adbray_ctl.__main__ import main
sys.argv = ["adbray", *sys.argv[1:]]
try:
    main()
finally:
    new = {name for name, module in sys.modules.items() if module and name not in before}
    own = sys.stdlib_module_names
    print(json.dumps([n for n in new if n.partition(".")[0] not in own]), file=sys.stderr)
"""
TERMINAL = {"TTY_COMPATIBLE": "1", "TERM": "xterm-256color"}
COMPLETING = {"_ADBRAY_COMPLETE": "bash_complete", "COMP_WORDS": "adbray st", "COMP_CWORD": "1"}
# What a look at hosts does without.
SPARED = {"ansible", "ansible_runner", "invoke", "jinja2", "packaging", "ray", "redis", "rich"}
SPARED |= {"cryptography.x509"}


def packages(*arguments: str, env: Mapping[str, str]) -> tuple[set[str], str]:
    """The packages that a process imports which runs this command line, and its output."""
    found, output = modules(*arguments, env=env)
    return {name.partition(".")[0] for name in found}, output


def modules(*arguments: str, env: Mapping[str, str]) -> tuple[set[str], str]:
    """As ``packages``, and the modules."""
    done = subprocess.run(
        [sys.executable, "-c", STARTED, *arguments],
        env=os.environ | env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return set(json.loads(done.stderr.splitlines()[-1])), done.stdout


@pytest.mark.parametrize("env", [{}, TERMINAL], ids=["piped", "terminal"])
@pytest.mark.parametrize("arguments", ["--help", "version", "version --json", "completion bash"])
def test_a_start_imports_click_alone(arguments: str, env: Mapping[str, str]) -> None:
    found, output = packages(*arguments.split(), env=env)
    assert found == {"adbray_ctl", "click"}
    assert output


def test_completion_of_names_imports_click_alone() -> None:
    assert packages(env=COMPLETING) == ({"adbray_ctl", "click"}, "plain,status\n")


def test_a_look_at_hosts_imports_what_it_uses(tmp_path: Path) -> None:
    assert run(["-C", str(tmp_path), "init", "127.0.0.1:1"]) == 0
    (tmp_path / "groups" / "main.yml").unlink()
    found, output = modules("-C", str(tmp_path), "status", "--json", env={})
    assert not found & SPARED
    assert {"paramiko", "pydantic"} <= found
    assert json.loads(output) == []


def models(base: type[BaseModel] = BaseModel) -> Iterator[type[BaseModel]]:
    """All that the package's own modules define."""
    for one in base.__subclasses__():
        if one.__module__.startswith("adbray_ctl."):
            yield one
        yield from models(one)


def test_models_that_are_built_when_used_can_be_built() -> None:
    for found in pkgutil.walk_packages(core.__path__, f"{core.__name__}."):
        importlib.import_module(found.name)
    assert len(list(models())) > 100
    for model in models():
        model.model_rebuild()
        assert model.__pydantic_complete__, model


def test_defaults_that_no_validator_saw_are_valid() -> None:
    """They are made without one, so that no model is built for them."""
    for model in models():
        for name, field in model.model_fields.items():
            if isinstance(field.default, BaseModel):
                valid = type(field.default).model_validate({})
                assert field.default == valid, f"{model.__name__}.{name}"
