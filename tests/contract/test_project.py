"""The project keeps its own rules: what is shipped, what is tracked, what is written down."""

from __future__ import annotations

import json
import re
import runpy
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from packaging.requirements import Requirement

from adbray_ctl.cli.app import cli
from adbray_ctl.cli.sections import Verb
from tests.contract.checkout import ROOT, named, tracked

# Places to install from: a mirror, a local index, a folder of wheels of some machine.
REGISTRY = re.compile(
    r"https?://[^\s)\"']*(\bpypi\b|pythonhosted|/simple\b|\bregistry\b)|file:///|--find-links[= ]/"
)
# Directories that exist on one machine or for one person.
MACHINE = re.compile(r"(?<![\w.}/])/(work|home/[a-z]|opt/(wheels|pypi)|tmp/(scratch|fresh))\b")


# --- what is shipped


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source archive, built from a copy, so that nothing lands in the checkout."""
    work = tmp_path_factory.mktemp("source")
    for path in tracked():
        target = work / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    return build(work, "sdist", tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the unpacked source archive: what is not in one cannot be in it."""
    unpacked = tmp_path_factory.mktemp("unpacked")
    subprocess.run(["tar", "-xzf", str(sdist), "-C", str(unpacked)], check=True)
    (source,) = unpacked.iterdir()
    return build(source, "wheel", tmp_path_factory.mktemp("wheel"))


def build(source: Path, kind: str, target: Path) -> Path:
    command = [sys.executable, "-m", "build", "--no-isolation", f"--{kind}", "-o", str(target)]
    result = subprocess.run(
        [*command, str(source)], capture_output=True, text=True, check=False, cwd=source
    )
    assert result.returncode == 0, result.stdout + result.stderr
    (made,) = target.iterdir()
    return made


def test_wheel_carries_the_collection(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    shipped = {
        named(path)
        for folder in ("galaxy.yml", "meta", "playbooks", "plugins", "roles")
        for path in tracked()
        if path.is_relative_to(ROOT / folder) and "molecule" not in path.parts
    }
    assert {"galaxy.yml", "playbooks/site.yml", "plugins/modules/slot_disks.py"} <= shipped
    collection = "adbray_ctl/_ansible/ansible_collections/adbray/ray"
    assert not {name for name in shipped if f"{collection}/{name}" not in names}
    assert "adbray_ctl/_ansible/ansible.cfg" in names
    templates = {
        named(path) for path in tracked() if path.is_relative_to(ROOT / "adbray_ctl/templates")
    }
    assert templates <= names


def test_wheel_carries_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    strange = [
        name
        for name in names
        if "molecule" in name or "__pycache__" in name or not name.startswith("adbray")
    ]
    assert not strange


def test_wheel_has_the_command(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (entry_points,) = [n for n in archive.namelist() if n.endswith("entry_points.txt")]
        assert "adbray = adbray_ctl.__main__:main" in archive.read(entry_points).decode()


# --- what is tracked


def lines_with(pattern: re.Pattern[str], paths: list[Path]) -> list[str]:
    """``file:line: text`` of every line that the pattern is found in."""
    return [
        f"{named(path)}:{number}: {line.strip()[:100]}"
        for path in paths
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), start=1)
        if pattern.search(line)
    ]


def test_no_registry_address_is_tracked() -> None:
    assert not lines_with(REGISTRY, [path for path in tracked() if path != Path(__file__)])


def test_no_directory_of_one_machine_is_tracked() -> None:
    """Tests may make such a directory, on their own hosts or as a value."""
    outside_tests = [path for path in tracked() if "tests" not in path.relative_to(ROOT).parts]
    assert not lines_with(MACHINE, outside_tests)


@pytest.mark.parametrize("name", ["runtime", "dev"])
def test_every_requirement_is_pinned_with_hashes(name: str) -> None:
    lines = pinned_lines(name)
    assert len(lines) > 50
    for line in lines:
        assert re.match(r"[a-z0-9._-]+(\[[a-z,]+\])?==\S+ .*--hash=sha256:[0-9a-f]{64}", line), line


def test_pins_are_within_the_declared_ranges() -> None:
    """Whoever changes a range in pyproject.toml runs `make constraints` too."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    runtime, dev = pins("runtime"), pins("dev")
    extra = project["optional-dependencies"]["dev"]
    for declared, pinned in ((project["dependencies"], runtime), (extra, dev)):
        for requirement in map(Requirement, declared):
            assert requirement.specifier.contains(pinned[requirement.name]), requirement
    assert runtime.items() <= dev.items(), "what is shipped is what is tested"


def pins(name: str) -> dict[str, str]:
    """Version by package; a package with a line per platform has one version here."""
    split = (line.split(maxsplit=1)[0].split("==") for line in pinned_lines(name))
    return {package.split("[")[0]: version for package, version in split}


def pinned_lines(name: str) -> list[str]:
    """One line a package, its hashes with it."""
    text = (ROOT / "constraints" / f"{name}.txt").read_text().replace("\\\n", " ")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


# --- what is written down


DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("path", DOCUMENTS, ids=named)
def test_documented_commands_exist(path: Path) -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for code in code_of(path.read_text()):
        for target in re.findall(r"(?:^|[\s(`])make ([a-z0-9-]+)", code):
            assert target in targets, f"make {target}"
        for words in re.findall(r"(?:^|[\s(`/])adbray((?: (?:-C \S+|[a-z-]+))+)", code):
            assert_command(words.split())


def code_of(text: str) -> list[str]:
    """Fenced blocks and `inline code`: the only places where a command may stand."""
    fences = re.findall(r"^```(?:sh|console|bash)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    return [*fences, *re.findall(r"`([^`\n]+)`", prose)]


def assert_command(words: list[str]) -> None:
    """The words lead down the tree of commands as far as it goes."""
    command: click.Command = cli
    if words[0] == "-C":
        words = words[2:]
    for word in words:
        if not isinstance(command, click.Group):
            return
        assert word in command.commands, f"adbray {' '.join(words)}"
        command = loaded(command.commands[word])


def test_spec_reference_is_up_to_date() -> None:
    script = runpy.run_path(str(ROOT / "scripts" / "spec_reference.py"))
    assert (ROOT / "docs" / "spec.md").read_text() == script["reference"](), "run `make docs`"


def test_what_survives_is_what_was_measured() -> None:
    script = runpy.run_path(str(ROOT / "scripts" / "what_survives.py"))
    facts = json.loads((ROOT / "docs" / "drills.json").read_text())
    found = (ROOT / "docs" / "what-survives.md").read_text()
    assert found == script["document"](facts), "run `make docs`"


def test_every_command_is_documented() -> None:
    text = (ROOT / "docs" / "cli.md").read_text()
    missing = [words for words in commands(cli, "adbray") if f"`{words}" not in text]
    assert not missing


def commands(command: click.Command, name: str) -> Iterator[str]:
    if not isinstance(command, click.Group):
        yield name
        return
    for word, child in command.commands.items():
        yield from commands(loaded(child), f"{name} {word}")


def loaded(command: click.Command) -> click.Command:
    """Itself, and not what stands for it in the help."""
    return command.load() if isinstance(command, Verb) else command


@pytest.mark.parametrize("path", DOCUMENTS, ids=named)
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", path.read_text()):
        if not target.startswith("http"):
            assert (path.parent / target).exists(), target


def test_decisions_are_numbered_and_short() -> None:
    files = sorted((ROOT / "docs" / "adr").glob("[0-9]*.md"))
    assert [path.name[:4] for path in files] == [f"{n:04d}" for n in range(1, len(files) + 1)]
    for path in files:
        text = path.read_text()
        assert len(text.splitlines()) < 40, path.name
        for heading in ("## Context", "## Decision", "## Consequence"):
            assert heading in text, f"{path.name}: {heading}"
