"""Spec files: every case file, every broken file, and no traceback for anything."""

from __future__ import annotations

import os
import random
from dataclasses import dataclass
from pathlib import Path

import pytest

from adbray_ctl.adapters.specs.file import list_groups, load_fleet, load_group
from adbray_ctl.adapters.specs.project import ProjectFiles
from adbray_ctl.adapters.specs.source import MAX_BYTES
from adbray_ctl.adapters.specs.templates import rendered
from adbray_ctl.core.errors import SpecError
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.group import RayClusterSpec
from tests.unit.cases import SpecCase, spec_cases

EXAMPLES = Path(__file__).parents[4] / "examples"
BAD = spec_cases("bad_specs")
GOOD = spec_cases("good_specs")


@dataclass(frozen=True)
class Loaded:
    """A project of which every file was read."""

    files: ProjectFiles
    fleet: Fleet
    groups: tuple[RayClusterSpec, ...]

    def group(self, name: str) -> RayClusterSpec:
        return self.files.group(name, self.fleet)


def load_project(directory: Path) -> Loaded:
    files = ProjectFiles(directory)
    fleet = files.fleet()
    return Loaded(files, fleet, files.groups(fleet))


def faults(directory: Path) -> list[str]:
    """The messages of loading ``directory``, which must fail, without the directory's name."""
    with pytest.raises(SpecError) as caught:
        load_project(directory)
    assert caught.value.faults
    assert str(caught.value)
    return [str(fault).replace(f"{directory}{os.sep}", "") for fault in caught.value.faults]


def project(directory: Path, *, fleet: str | bytes, group: str | bytes = b"") -> Path:
    (directory / "groups").mkdir()
    for name, text in (("fleet.yml", fleet), ("groups/demo.yml", group)):
        data = text.encode() if isinstance(text, str) else text
        (directory / name).write_bytes(data)
    return directory


@pytest.mark.parametrize("case", BAD, ids=str)
def test_bad_spec(case: SpecCase, tmp_path: Path) -> None:
    case.write(tmp_path)
    found = faults(tmp_path)
    for piece in case.expect:
        assert piece in "\n".join(found)
    assert len(set(found)) == len(found), "each fault is told once"
    lines = [int(text.split(":", 2)[1]) for text in found]
    assert lines == sorted(lines), "in the order of lines"


@pytest.mark.parametrize("case", GOOD, ids=str)
def test_good_spec(case: SpecCase, tmp_path: Path) -> None:
    case.write(tmp_path)
    assert load_project(tmp_path).group("demo").name == "demo"


def test_there_are_enough_bad_specs() -> None:
    assert len(BAD) >= 45


def test_a_secret_in_a_url_is_not_repeated(tmp_path: Path) -> None:
    case = next(case for case in BAD if case.name == "redis_url_password")
    case.write(tmp_path)
    assert "hunter2" not in "\n".join(faults(tmp_path))


def test_all_faults_of_all_groups_are_told_together(tmp_path: Path) -> None:
    GOOD[0].write(tmp_path)
    for name in ("one", "two"):
        (tmp_path / "groups" / f"{name}.yml").write_text("kind: RayCluster\n", encoding="utf-8")
    assert [text.split(": ", 1)[0] for text in faults(tmp_path)] == [
        "groups/one.yml:1",
        "groups/two.yml:1",
    ]


def test_missing_fleet(tmp_path: Path) -> None:
    assert "fleet.yml: the file does not exist" in faults(tmp_path)[0]


def test_missing_group_names_the_nearest(tmp_path: Path) -> None:
    GOOD[0].write(tmp_path)
    fleet = load_fleet(tmp_path / "fleet.yml")
    with pytest.raises(SpecError, match=r"no group 'dem'; groups: demo; did you mean 'demo'\?"):
        load_group(tmp_path / "groups" / "dem.yml", fleet)
    with pytest.raises(SpecError, match="no group 'xxx"):
        load_group(tmp_path / "groups" / f"{'x' * 300}.yml", fleet)
    with pytest.raises(SpecError, match="no group 'nothing'; groups: demo"):
        load_project(tmp_path).group("nothing")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\xff\xfe\x00k", "fleet.yml:1: the file is not UTF-8 text"),
        (b"kind: Fleet\nx: \xe9\n", "fleet.yml:2: the file is not UTF-8 text"),
        (b"kind: Fleet\x00\n", "fleet.yml:1: the character"),
        (b"#" * (MAX_BYTES + 1), "the file is larger than 1024 KiB"),
        (b"[" * 5000, "fleet.yml:1: more than 20 levels"),
        (b"- 1\n" * 21_000, "more than 20 levels or 20000 values"),
        (b"? [a]\n: b\n", "fleet.yml:1: a list or mapping is used as a key"),
        (b"kind: Fleet\n%\n", "fleet.yml:"),
        (b"\xef\xbb\xbfkind: Fleet\n", "fleet.yml:1: key 'hosts' is missing"),
        (b'kind: Fleet\nx:\n- "\\U00110000"\n', "fleet.yml:3: not YAML: an escape or a number is"),
        (b'kind: "\\UFFFFFFFF"\n', "fleet.yml:1: not YAML: an escape or a number is out of range"),
        (b"%YAML 1." + b"1" * 5000 + b"\n---\n", "fleet.yml:1: not YAML: an escape or a number"),
    ],
    ids=[
        *("utf16", "latin1", "nul", "large", "deep", "long", "complex-key", "directive", "bom"),
        *("escape", "large-escape", "large-version"),
    ],
)
def test_broken_bytes(data: bytes, message: str, tmp_path: Path) -> None:
    assert message in faults(project(tmp_path, fleet=data))[0]


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "fleet.yml").mkdir()
    assert faults(tmp_path) == ["fleet.yml: this is not a file"]


def test_a_pipe_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fleet.yml")
    assert faults(tmp_path) == ["fleet.yml: this is not a file"]


def test_a_link_to_itself(tmp_path: Path) -> None:
    (tmp_path / "fleet.yml").symlink_to("fleet.yml")
    assert "fleet.yml: " in faults(tmp_path)[0]


def test_a_link_to_nothing(tmp_path: Path) -> None:
    GOOD[0].write(tmp_path)
    (tmp_path / "groups" / "demo.yml").rename(tmp_path / "groups" / "other.yml")
    (tmp_path / "groups" / "demo.yml").symlink_to("gone.yml")
    shown = "groups/demo.yml: cannot be read: it is a link to a file that does not exist"
    assert shown in faults(tmp_path)


def test_an_odd_file_name_is_refused_as_a_group(tmp_path: Path) -> None:
    GOOD[0].write(tmp_path)
    (tmp_path / "groups" / "de\nmo.yml").write_text(GOOD[0].group, encoding="utf-8")
    assert "\n" not in faults(tmp_path)[0]


def test_files_are_named_from_the_working_directory_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    project(tmp_path, fleet="- 1")
    with pytest.raises(SpecError) as caught:
        load_project(tmp_path.resolve())
    assert caught.value.where == "fleet.yml:1"


def test_list_groups(tmp_path: Path) -> None:
    assert list_groups(tmp_path) == ()
    (tmp_path / "groups").mkdir()
    for name in ("b.yml", "a.yml", "notes.txt"):
        (tmp_path / "groups" / name).touch()
    (tmp_path / "groups" / ".#a.yml").symlink_to("me@host.1:2")  # Emacs' lock
    assert list_groups(tmp_path) == ("a", "b")


def test_a_group_file_with_another_ending_is_named(tmp_path: Path) -> None:
    (tmp_path / "groups").mkdir()
    (tmp_path / "groups" / "main.yaml").touch()
    with pytest.raises(SpecError) as caught:
        list_groups(tmp_path)
    assert (caught.value.where or "").endswith("groups/main.yaml")
    assert caught.value.hint == "rename it to main.yml"


def secret(path: Path, text: str, mode: int = 0o600) -> None:
    path.write_text(text)
    path.chmod(mode)


WATCHED = """\
kind: Fleet
hosts: [{name: a, address: 10.0.0.1}]
monitoring:
  host: a
  webhook_url_file: alerts.url
"""


@pytest.mark.parametrize(
    "url",
    [
        "https://alerts.example.com/hook/AbC?to=me%20too\n",
        "http://user:word@10.0.0.9:9093",
        "HTTPS://[fd00::1]:8443/x#y",
    ],
)
def test_a_webhook_s_url_is_taken(tmp_path: Path, url: str) -> None:
    secret(tmp_path / "alerts.url", url)
    assert load_fleet(project(tmp_path, fleet=WATCHED) / "fleet.yml").monitoring


@pytest.mark.parametrize(
    "url",
    [
        "",
        "secret-hook",
        "alerts.example.com/secret-hook",
        "ftp://example.com/secret-hook",
        "https:///secret-hook",
        "https://:443/secret-hook",
        "https://example.com/secret hook",
        "https://example.com/secret-hook\nhttps://example.com/another",
        "https://example.com/secret-hook%zz",
    ],
)
def test_a_webhook_that_alertmanager_would_refuse_is_a_fault(tmp_path: Path, url: str) -> None:
    secret(tmp_path / "alerts.url", url)
    (fault,) = faults(project(tmp_path, fleet=WATCHED))
    assert fault.startswith(
        "fleet.yml:5: monitoring.webhook_url_file: alerts.url holds no URL that alerts can be"
        " posted to; allowed: one line with http"
    )
    assert "secret" not in fault


SECRETIVE = """\
kind: RayCluster
name: demo
head: {size: small}
redis: {mode: external, url: "redis://r:1", username: u, password_file: pw}
"""


@pytest.mark.parametrize("mode", [0o604, 0o644, 0o602])
def test_a_secret_that_others_can_read_is_a_fault(tmp_path: Path, mode: int) -> None:
    directory = project(tmp_path, fleet=WATCHED, group=SECRETIVE)
    secret(tmp_path / "alerts.url", "https://alerts.example.com/hook", mode)
    (fault,) = faults(directory)
    assert fault == (
        "fleet.yml:5: monitoring.webhook_url_file: alerts.url can be read or changed by every user"
        " of this machine; allowed: a file that is closed to others (chmod o-rwx)"
    )
    (tmp_path / "alerts.url").chmod(0o640)
    secret(tmp_path / "pw", "word", mode)
    (fault,) = faults(directory)
    assert fault.startswith(
        "groups/demo.yml:4: redis.password_file: pw can be read or changed by every user"
    )


def test_a_webhook_s_file_that_is_not_there_is_a_fault(tmp_path: Path) -> None:
    (fault,) = faults(project(tmp_path, fleet=WATCHED))
    assert "alerts.url cannot be read: No such file" in fault


def test_files_of_monitoring_are_resolved_beside_the_fleet(tmp_path: Path) -> None:
    text = WATCHED + "  grafana: {tarball: {path: files/g.tar.gz, sha256: '%s'}}\n" % ("0" * 64)
    secret(tmp_path / "alerts.url", "https://alerts.example.com/hook")
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "g.tar.gz").touch()
    found = load_fleet(project(tmp_path, fleet=text) / "fleet.yml").monitoring
    assert found is not None
    assert found.webhook_url_file == str(tmp_path / "alerts.url")
    assert found.grafana is not None
    assert found.grafana.deb is None
    assert found.grafana.tarball is not None
    assert found.grafana.tarball.path == str(tmp_path / "files/g.tar.gz")


def test_key_files_are_resolved_beside_the_fleet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    case = next(case for case in GOOD if case.name == "everything")
    case.write(tmp_path)
    loaded = load_project(tmp_path)
    fleet, (one, two) = loaded.fleet, loaded.fleet.hosts
    assert fleet.ssh_for(two).identity_file == str(tmp_path / "keys/fleet")
    assert fleet.ssh_for(one).identity_file == "/keys/one"
    assert fleet.ssh_for(one).jump is None, "null written out means no jump host"
    jump = fleet.ssh_for(two).jump
    assert jump is not None
    assert jump.identity_file == "/home/someone/jump"
    assert loaded.group("demo").redis.password_file == str(tmp_path / "secrets/redis")


def test_the_home_of_nobody_stays_as_it_was_written(tmp_path: Path) -> None:
    text = """\
kind: Fleet
ssh: {identity_file: ~no-such-user/.ssh/id}
hosts: [{name: a, address: 10.0.0.1}]
"""
    found = load_fleet(project(tmp_path, fleet=text) / "fleet.yml").ssh.identity_file
    assert found == str(tmp_path / "~no-such-user/.ssh/id")


def test_words_are_read_as_editors_read_them(tmp_path: Path) -> None:
    case = next(case for case in GOOD if case.name == "everything")
    case.write(tmp_path)
    workers = load_project(tmp_path).group("demo").worker_groups[0]
    assert workers.labels["team"] == "no"
    assert workers.allocation_unit == "1/16"
    assert workers.gpu_slices == 16


def test_examples_load() -> None:
    loaded = load_project(EXAMPLES)
    assert {"quickstart", "batch", "gpu", "shared-redis"} <= {g.name for g in loaded.groups}


def test_examples_name_their_schema() -> None:
    for path in (EXAMPLES / "fleet.yml", *(EXAMPLES / "groups").glob("*.yml")):
        first = path.read_text(encoding="utf-8").splitlines()[0]
        schema = "fleet" if path.name == "fleet.yml" else "group"
        relative = ".adbray" if schema == "fleet" else "../.adbray"
        assert first == f"# yaml-language-server: $schema={relative}/schema/{schema}.json"


def test_quickstart_is_the_packaged_template() -> None:
    packaged = rendered("quickstart.yml.j2", last_host="lab3")
    example = (EXAMPLES / "groups" / "quickstart.yml").read_text(encoding="utf-8")
    assert packaged == example


SNIPPETS: tuple[str, ...] = (
    "{",
    "}",
    "[",
    "]",
    ":",
    "- ",
    "\t",
    "\n",
    "&a ",
    "*a",
    "!!map ",
    "|",
    ">",
    "'",
    '"',
)
SNIPPETS += ("#", "%", "null", "1e999", ".inf", "9" * 40, "\u2028", "\ud7ff", "? ", "<<: ", "é")
SNIPPETS += ('"\\U00110000"', '"\\UFFFFFFFF"')


def mutate(text: str, rng: random.Random) -> str:
    """``text`` with a few characters or lines cut, doubled, moved, or replaced."""
    for _ in range(rng.randint(1, 4)):
        lines = text.split("\n")
        at, position = rng.randrange(len(lines)), rng.randrange(len(text) + 1)
        kind = rng.randrange(5)
        if kind == 0:
            text = text[:position] + rng.choice(SNIPPETS) + text[position:]
        elif kind == 1:
            text = text[:position] + text[position + rng.randint(1, 12) :]
        elif kind == 2:
            text = "\n".join(lines[:at] + lines[at + 1 :])
        elif kind == 3:
            text = "\n".join([*lines, lines[at]])
        else:
            lines[at] = f"{lines[at].split(':')[0]}: {rng.choice((*SNIPPETS, '-1', '{}', '[]'))}"
            text = "\n".join(lines)
    return text


@pytest.mark.parametrize("seed", range(60))
def test_no_text_makes_a_traceback(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    case = next(case for case in GOOD if case.name == "everything")
    project(tmp_path, fleet=mutate(case.fleet, rng), group=mutate(case.group, rng))
    try:
        loaded = load_project(tmp_path)
    except SpecError as error:
        shown = [str(fault) for fault in error.faults]
    else:
        shown = [loaded.fleet.kind]
    assert shown
    assert all(shown)
