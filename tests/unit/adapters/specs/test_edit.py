"""Edits of spec files: case files, and two properties over texts that nobody would write."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adbray_ctl.adapters.specs.edit import add_entry, edit_group, replace_text
from adbray_ctl.adapters.specs.file import load_fleet, load_group
from adbray_ctl.adapters.specs.places import KeyPath
from adbray_ctl.adapters.specs.source import parse
from adbray_ctl.core.errors import SpecError
from tests.unit.cases import spec_cases

CASES = Path(__file__).parents[2] / "cases" / "spec_edits"
EXAMPLES = Path(__file__).parents[4] / "examples"
LINE_ENDS = {"lf": "\n", "crlf": "\r\n", "cr": "\r"}


@dataclass(frozen=True)
class EditCase:
    """``after`` is what the edit gives; where it is None, ``error`` has pieces of the refusal."""

    name: str
    changes: dict[KeyPath, int | str]
    before: str
    after: str | None
    error: tuple[str, ...]

    def __str__(self) -> str:
        return self.name


def edit_cases() -> list[EditCase]:
    return [_read(path) for path in sorted(CASES.glob("*.yml"))]


def list_cases() -> list[EditCase]:
    """Of one more entry in a list, which is always the same."""
    return [_read(path) for path in sorted(CASES.with_name("list_edits").glob("*.yml"))]


def _read(path: Path) -> EditCase:
    case = yaml.safe_load(path.read_text(encoding="utf-8"))
    mark = "\ufeff" if case.get("bom") else ""

    def text(key: str) -> str:
        return mark + str(case[key]).replace("\n", LINE_ENDS[case.get("line_end", "lf")])

    return EditCase(
        name=path.stem,
        changes={tuple(one["path"]): one["value"] for one in case.get("set", ())},
        before=text("before"),
        after=text("after") if "after" in case else None,
        error=tuple(case.get("error", ())),
    )


def edited(directory: Path, text: str, changes: dict[KeyPath, int | str]) -> str:
    path = directory / "demo.yml"
    path.write_bytes(text.encode())
    try:
        return edit_group(path, changes)
    finally:
        assert path.read_bytes() == text.encode(), "an edit writes nothing"


@pytest.mark.parametrize("case", [c for c in edit_cases() if c.after is not None], ids=str)
def test_edit(case: EditCase, tmp_path: Path) -> None:
    assert case.after is not None
    assert edited(tmp_path, case.before, case.changes) == case.after
    assert edited(tmp_path, case.after, case.changes) == case.after, "again changes nothing"


@pytest.mark.parametrize("case", [c for c in edit_cases() if c.after is None], ids=str)
def test_refusal(case: EditCase, tmp_path: Path) -> None:
    with pytest.raises(SpecError) as caught:
        edited(tmp_path, case.before, case.changes)
    assert len(caught.value.faults) == 1
    assert case.error
    for piece in case.error:
        assert piece in str(caught.value)


@pytest.mark.parametrize("case", [c for c in list_cases() if c.after is not None], ids=str)
def test_an_entry_is_added_to_a_list(case: EditCase, tmp_path: Path) -> None:
    assert added(tmp_path, case) == case.after


@pytest.mark.parametrize("case", [c for c in list_cases() if c.after is None], ids=str)
def test_an_entry_is_refused(case: EditCase, tmp_path: Path) -> None:
    with pytest.raises(SpecError) as caught:
        added(tmp_path, case)
    for piece in case.error:
        assert piece in str(caught.value)


def added(directory: Path, case: EditCase) -> str:
    """The text with what the case sets as one more entry of ``hosts``."""
    entry = parse(b"{name: new, address: 10.0.0.9, labels: {zone: a}, ssh: {jump: ~}, n: 1.50}")
    assert isinstance(entry.value, dict)
    return add_entry(directory / "fleet.yml", case.before, ("hosts",), entry.value)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="does not exist"):
        edit_group(tmp_path / "nosuch.yml", {("a",): 1})


def test_a_half_character_is_escaped(tmp_path: Path) -> None:
    # Such come from arguments that are no UTF-8; the check of the text then refuses them.
    assert edited(tmp_path, "a: 'x'\n", {("a",): "\udc80"}) == 'a: "\\U0000dc80"\n'


@pytest.mark.parametrize("name", ["batch", "gpu", "quickstart", "shared-redis"])
def test_examples_can_be_scaled_and_upgraded(name: str) -> None:
    path = EXAMPLES / "groups" / f"{name}.yml"
    fleet = load_fleet(EXAMPLES / "fleet.yml")
    before = load_group(path, fleet)
    changes: dict[KeyPath, int | str] = {("ray", "version"): "2.61.0"}
    for index, group in enumerate(before.worker_groups):
        changes["worker_groups", index, "max_workers"] = group.max_workers + 1
    after = load_group(path, fleet, text=edit_group(path, changes))
    assert after.ray == before.ray.model_copy(update={"version": "2.61.0"})
    more = [g.model_copy(update={"max_workers": g.max_workers + 1}) for g in before.worker_groups]
    assert after.worker_groups == tuple(more)


def test_a_text_is_checked_before_it_is_written(tmp_path: Path) -> None:
    case = spec_cases("good_specs")[0]
    case.write(tmp_path)
    fleet = load_fleet(tmp_path / "fleet.yml")
    path = tmp_path / "groups" / "demo.yml"
    with pytest.raises(SpecError, match=r"demo\.yml:\d+: ray\.version: '1\.0\.0' is too old"):
        load_group(path, fleet, text=edit_group(path, {("ray", "version"): "1.0.0"}))
    assert path.read_text() == case.group


# --- writing -----------------------------------------------------------------------------------


def test_a_file_is_replaced_with_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "demo.yml"
    path.write_text("a: 1\n")
    path.chmod(0o640)
    replace_text(path, "a: 2\r\n# é\r\n")
    assert path.read_bytes() == "a: 2\r\n# é\r\n".encode()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert [file.name for file in tmp_path.iterdir()] == ["demo.yml"]


def test_a_file_keeps_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "demo.yml"
    path.write_text("a: 1\n")
    # Only root may give files to others; anybody may to the groups they are in.
    owner = (1234, 1235) if os.geteuid() == 0 else (os.geteuid(), min(os.getgroups()))
    os.chown(path, *owner)
    replace_text(path, "a: 2\n")
    assert (path.stat().st_uid, path.stat().st_gid) == owner


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    real, link = tmp_path / "real" / "demo.yml", tmp_path / "demo.yml"
    real.write_text("a: 1\n")
    link.symlink_to(real)
    replace_text(link, "a: 2\n")
    assert link.is_symlink()
    assert real.read_text() == "a: 2\n"


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "demo.yml"
    path.write_text("a: 1\n")
    with pytest.raises(UnicodeEncodeError):
        replace_text(path, "a: \ud800\n")
    assert path.read_text() == "a: 1\n"
    assert [file.name for file in tmp_path.iterdir()] == ["demo.yml"]
    with pytest.raises(FileNotFoundError):
        replace_text(tmp_path / "nosuch.yml", "")


# --- properties --------------------------------------------------------------------------------

SCALARS = (
    *("1", "-7", "3.10", "2.60.0", "x", "a b", "it's", "1/3", "true", "~", "", "http://h:1/x#y"),
    *("'q # r'", "''", "'it''s'", '"d \\" # e"', '"é😀"', '"4"'),
)
COMMENTS = st.sampled_from(["", "", "", " # c", "   # it's: {x} *a"])
NEW_VALUES = st.one_of(
    st.integers(-(10**6), 10**6),
    st.sampled_from(["2.61.0", "3.10", "yes", "a: b", "#", "", "1/2", "it's", '"', "é\n\t😀"]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
)
LONGEST = max(map(len, SCALARS))


@dataclass(frozen=True)
class Layout:
    """How one generated document is laid out."""

    step: int
    dash: int  # how far a list is indented in its mapping

    def tree(self, draw: st.DrawFn, depth: int) -> Any:
        kinds = ["scalar"] if depth > 2 else ["scalar", "scalar", "map", "list"]
        kind = draw(st.sampled_from(["map"] if depth == 0 else kinds))
        if kind == "scalar":
            return draw(st.sampled_from(SCALARS))
        size = draw(st.integers(1, 3))
        children = [self.tree(draw, depth + 1) for _ in range(size)]
        return dict(zip("abc", children, strict=False)) if kind == "map" else children

    def block(self, draw: st.DrawFn, tree: Any, indent: int) -> list[str]:
        lines: list[str] = []
        pad = " " * indent
        pairs = (
            [(f"{k}:", v) for k, v in tree.items()]
            if isinstance(tree, dict)
            else ([("-", v) for v in tree])
        )
        for lead, value in pairs:
            comment = draw(COMMENTS)
            if isinstance(value, str) or draw(st.booleans()):
                lines.append(f"{pad}{lead} {self.flow(draw, value)}".rstrip() + comment)
            elif lead == "-":
                inner = self.block(draw, value, indent + 2)
                # The first key stands on the line of the dash.
                lines += [f"{pad}- {inner[0].strip()}", *inner[1:]]
            else:
                deeper = self.step if isinstance(value, dict) else self.dash
                lines += [f"{pad}{lead}{comment}", *self.block(draw, value, indent + deeper)]
            lines += draw(st.sampled_from([[], [], [], [""], ["# c"], [f"{pad}  # d: [", ""]]))
        return lines

    def flow(self, draw: st.DrawFn, tree: Any) -> str:
        space = draw(st.sampled_from(["", " "]))
        if isinstance(tree, dict):
            inside = ", ".join(f"{k}: {self.flow(draw, v)}" for k, v in tree.items())
            return f"{{{space}{inside}{space}}}"
        if isinstance(tree, list):
            # An empty entry is no entry in a list of this style.
            return f"[{space}{', '.join(self.flow(draw, v) or '~' for v in tree)}{space}]"
        return str(tree)


@st.composite
def documents(draw: st.DrawFn) -> tuple[str, KeyPath]:
    """A text, and a path in it that can be set: there already, or to be added."""
    layout = Layout(step=draw(st.integers(1, 4)), dash=draw(st.integers(0, 3)))
    tree = layout.tree(draw, 0)
    flow = draw(st.integers(0, 9)) == 0
    lines = [layout.flow(draw, tree)] if flow else layout.block(draw, tree, 0)
    lines = draw(st.sampled_from([[], ["# top", ""], ["---"]])) + lines
    end = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    text = draw(st.sampled_from(["", "\ufeff"])) + end.join(lines)
    text += draw(st.sampled_from(["", end]))
    return text, draw(st.sampled_from(list(settable(tree, ()))))


def settable(tree: Any, path: KeyPath) -> list[KeyPath]:
    if isinstance(tree, str):
        return [path]
    if isinstance(tree, list):
        return [p for i, child in enumerate(tree) for p in settable(child, (*path, i))]
    inner = [p for key, child in tree.items() for p in settable(child, (*path, key))]
    return [*inner, (*path, "new"), (*path, "two words", "deep")]


def expected(value: Any, path: KeyPath, new: int | str) -> Any:
    """``value`` as read, with ``new`` at ``path``."""
    if not path:
        return new
    part, rest = path[0], path[1:]
    if isinstance(part, int):
        return (*value[:part], expected(value[part], rest, new), *value[part + 1 :])
    return {**value, part: expected(value.get(part, {}), rest, new)}


def common(one: str | list[str], other: str | list[str]) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def assert_little_changed(before: str, after: str) -> None:
    """One line changed in one place, or lines came in; everything else is as it was."""
    old, new = re.split("\r\n|\n|\r", before), re.split("\r\n|\n|\r", after)
    assert set(re.findall("\r\n|\n|\r", after)) <= (set(re.findall("\r\n|\n|\r", before)) or {"\n"})
    head = common(old, new)
    tail = min(common(old[::-1], new[::-1]), min(len(old), len(new)) - head)
    gone, came = old[head : len(old) - tail], new[head : len(new) - tail]
    assert len(gone) <= 1
    if gone:
        assert len(came) == 1
        left = common(gone[0], came[0])
        right = min(common(gone[0][::-1], came[0][::-1]), len(gone[0]) - left)
        assert len(gone[0]) - left - right <= LONGEST, "more than the value went"


@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(document=documents(), value=NEW_VALUES)
def test_only_what_was_asked_for_changes(
    document: tuple[str, KeyPath], value: int | str, tmp_path: Path
) -> None:
    text, where = document
    before = parse(text.encode()).value
    after = edited(tmp_path, text, {where: value})
    # repr tells types and order too: 1 is neither 1.0 nor true.
    assert repr(parse(after.encode()).value) == repr(expected(before, where, value))
    assert_little_changed(text, after)


FULL = (CASES / "comments_and_layout_stay.yml").read_text(encoding="utf-8")
ODD = st.lists(
    st.tuples(
        st.integers(0, 400),
        st.integers(0, 3),
        st.sampled_from(
            [*"&*!|>?:-{}[],#'\"%@ \t\r\n\x85\u2028\ufeffx~", "&x ", "*x", "? ", "<<: *x\n", "|+\n"]
        ),
    ),
    max_size=4,
)


@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    odd=ODD,
    where=st.sampled_from(
        [
            ("ray", "version"),
            ("head", "size"),
            ("worker_groups", 0, "max_workers"),
            ("worker_groups", 1, "new"),
        ]
    ),
)
def test_odd_files_are_edited_rightly_or_refused(
    odd: list[tuple[int, int, str]], where: KeyPath, tmp_path: Path
) -> None:
    text = yaml.safe_load(FULL)["before"]
    for at, gone, came in odd:
        text = text[:at] + came + text[at + gone :]
    try:
        after = edited(tmp_path, text, {where: 9})
    except SpecError as error:
        refusal = error.where or ""
        assert re.search(r"demo\.yml:\d+$", refusal)
        return
    before = parse(text.encode()).value
    assert repr(parse(after.encode()).value) == repr(expected(before, where, 9))
