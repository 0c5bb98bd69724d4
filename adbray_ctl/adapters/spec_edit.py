"""Edits of a group's spec file that leave every other byte as its author wrote it.

The new value goes into the text at the place where PyYAML says the old one is. What comes out is
read again and compared with what was wanted: an edit that would mean anything else is refused.
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from adbray_ctl.adapters.spec_file import read_spec, show_file
from adbray_ctl.adapters.yaml_source import Broken, parse
from adbray_ctl.core.errors import SpecError
from adbray_ctl.core.faults import show, show_path

KeyPath: TypeAlias = tuple[str | int, ...]

_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")  # what YAML 1.1 takes for the end of a line
# A word that is plain text in every place of a document; all else goes into quotes.
_WORD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./+-]*")


class _No(Exception):
    """This place cannot be edited safely: why, and in which line (from 1)."""

    def __init__(self, why: str, line: int) -> None:
        super().__init__(why)
        self.why = why
        self.line = line


def edit_group(path: Path, changes: Mapping[KeyPath, int | str]) -> str:
    """The text of ``path`` with the value of each key path set; nothing is written.

    ``("worker_groups", 1, "max_workers")`` is a key path. A key that is missing, and the mappings
    around it, are added after their siblings; a list entry must be there. Comments, order, quotes
    and line ends stay. The caller checks the text (``load_group``) before ``replace_text``.

    Raises SpecError with file and line where the file is not YAML, or where a value is shared by
    an anchor, tagged, spread over lines, or no single value: that is for its author to edit.
    """
    data = read_spec(path)
    try:
        parse(data)
        text = data.decode("utf-8")
    except Broken as broken:
        raise _error(path, broken.line, broken.what, None) from broken
    for where, value in changes.items():
        # On the text as it is on disk, so that a fault names the line that its author sees.
        _try(path, text, where, value)
    for where, value in changes.items():
        text = _try(path, text, where, value)
    return text


def replace_text(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` as a whole or not at all; mode, owner and links to it stay.

    Raises OSError, with ``path`` as it was, when that is impossible.
    """
    target = path.resolve(strict=True)
    old = target.stat()
    descriptor, name = tempfile.mkstemp(".tmp", f".{target.name}.", target.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), old.st_mode & 0o7777)
            if (old.st_uid, old.st_gid) != (os.geteuid(), os.getegid()):
                # Only root may give a file away; for others the new file is theirs.
                with contextlib.suppress(PermissionError):
                    os.fchown(file.fileno(), old.st_uid, old.st_gid)
            file.write(text.encode("utf-8"))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        # Only then does the new name outlive a power cut.
        os.fsync(folder)
    finally:
        os.close(folder)


def _try(path: Path, text: str, where: KeyPath, value: int | str) -> str:
    try:
        return _set(text, where, value)
    except _No as no:
        hint = f"edit the file by hand: set {show_path(where)} to {show(value)}"
        raise _error(path, no.line, no.why, hint) from no


def _set(text: str, where: KeyPath, value: int | str) -> str:
    """``text`` with one value set. Raises _No."""
    before = parse(text.encode()).value
    wanted = _with(before, where, value)
    if _same(before, wanted):
        return text
    place = _find(text, where)
    edited = _add(text, place, value) if place.missing else _replace(text, place, value)
    # The net under all of the above: odd but valid YAML ends here, not in a wrong file.
    try:
        after = parse(edited.encode()).value
    except Broken:
        after = None
    if not _same(after, wanted):
        raise _No(f"{show_path(where)} is written in a way that is not understood", place.line)
    return edited


# --- where ---------------------------------------------------------------------------------------


class _Alias(yaml.ScalarNode):
    """An alias (``*x``): a place of its own, unlike in PyYAML, where it is what it names."""


@dataclass
class _Nodes:
    """A document's tree, with what PyYAML's nodes do not tell."""

    root: yaml.Node
    anchors: dict[int, str] = field(default_factory=dict)  # by id of the node
    tagged: set[int] = field(default_factory=set)
    used: set[str] = field(default_factory=set)  # anchors that an alias names


class _Loader(yaml.SafeLoader):
    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.nodes = _Nodes(root=yaml.ScalarNode("", ""))

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent):
            self.get_event()  # type: ignore[no-untyped-call]
            return self._alias(event)
        node = super().compose_node(parent, index)
        if node is not None and event.anchor is not None:
            self.nodes.anchors[id(node)] = event.anchor
        if getattr(event, "tag", None) is not None:
            self.nodes.tagged.add(id(node))
        return node

    def _alias(self, event: Any) -> _Alias:
        self.nodes.used.add(event.anchor)
        return _Alias("", event.anchor, event.start_mark, event.end_mark)


def _compose(text: str) -> _Nodes:
    """The tree of ``text``, which ``parse`` has found to be one sound document."""
    loader = _Loader(text)
    try:
        root = loader.get_single_node()
        assert root is not None
        loader.nodes.root = root
        return loader.nodes
    finally:
        loader.dispose()


@dataclass(frozen=True)
class _Place:
    """The node a key path leads to, or the mapping that lacks the ``missing`` rest of it."""

    node: yaml.Node
    missing: tuple[str, ...] = ()

    @property
    def line(self) -> int:
        return _line(self.node)


def _find(text: str, where: KeyPath) -> _Place:
    # With a byte order mark the first key would seem indented; _index counts it again.
    nodes = _compose(text.removeprefix("\ufeff"))
    node = nodes.root
    for depth, part in enumerate(where):
        here = show_path(where[:depth]) or "the file"
        _require_own(nodes, node, here)
        if isinstance(part, int):
            if not isinstance(node, yaml.SequenceNode):
                raise _No(f"{here} is no list", _line(node))
            if not 0 <= part < len(node.value):
                raise _No(f"{show_path(where[: depth + 1])} is not there", _line(node))
            node = node.value[part]
            continue
        if not isinstance(node, yaml.MappingNode):
            raise _No(f"{here} is no mapping (key: value)", _line(node))
        found = [value for key, value in node.value if key.value == part]
        if not found:
            rest = [p for p in where[depth:] if isinstance(p, str)]
            if len(rest) < len(where) - depth:
                raise _No(f"{show_path(where[: depth + 1])} is not there", _line(node))
            return _Place(node, tuple(rest))
        node = found[0]
    _require_editable(nodes, node, show_path(where))
    return _Place(node)


def _require_editable(nodes: _Nodes, node: yaml.Node, name: str) -> None:
    _require_own(nodes, node, name)
    if not isinstance(node, yaml.ScalarNode):
        raise _No(f"{name} is no single value", _line(node))
    if id(node) in nodes.anchors or id(node) in nodes.tagged:
        raise _No(f"{name} has an anchor or a tag", _line(node))
    if node.style in ("|", ">") or node.start_mark.line != node.end_mark.line:
        raise _No(f"{name} is spread over several lines", _line(node))


def _require_own(nodes: _Nodes, node: yaml.Node, name: str) -> None:
    """Nothing else in the file may change with ``node``."""
    if isinstance(node, _Alias):
        raise _No(f"{name} is an alias (*{node.value}): it has no value of its own", _line(node))
    anchor = nodes.anchors.get(id(node))
    if anchor in nodes.used:
        raise _No(f"{name} is used elsewhere too, as *{anchor}", _line(node))


# --- what ----------------------------------------------------------------------------------------


def _replace(text: str, place: _Place, value: int | str) -> str:
    node = place.node
    start, end = _index(text, node.start_mark), _index(text, node.end_mark)
    style = node.style if isinstance(node, yaml.ScalarNode) else None
    new = _scalar(value, style)
    # No value yet: the place is right behind the colon.
    return _splice(text, start, end, new if end > start else f" {new}")


def _add(text: str, place: _Place, value: int | str) -> str:
    node = place.node
    assert isinstance(node, yaml.MappingNode)
    style = node.value[-1][0].style if node.value else None
    keys = [_scalar(key, style) for key in place.missing]
    if node.flow_style:
        entry = ": {".join([*keys[:-1], f"{keys[-1]}: {_scalar(value, None)}"])
        entry += "}" * (len(keys) - 1)
        if node.value:
            at = _index(text, _end(node.value[-1][1]))
            return _splice(text, at, at, f", {entry}")
        at = _index(text, node.end_mark) - 1
        return _splice(text, at, at, entry)
    first = node.value[0][0].start_mark
    step = _step(node)
    lines = [f"{' ' * (first.column + step * depth)}{key}:" for depth, key in enumerate(keys)]
    lines[-1] += f" {_scalar(value, None)}"
    return _insert_lines(text, _index(text, _end(node.value[-1][1])), lines)


def _insert_lines(text: str, after: int, lines: list[str]) -> str:
    """``lines`` below the line that holds index ``after``, with the line ends it has."""
    if after and _BREAK.fullmatch(text[after - 1]):
        # A block of text (|) ends behind its last line, where the next one begins.
        after -= 2 if text[:after].endswith("\r\n") else 1
    found = _BREAK.search(text, after)
    if found is not None:
        at, line_break = found.end(), found[0]
        return _splice(text, at, at, "".join(line + line_break for line in lines))
    any_break = _BREAK.search(text)
    line_break = any_break[0] if any_break else "\n"
    return text + "".join(line_break + line for line in lines)


def _step(node: yaml.MappingNode) -> int:
    """How far this file indents a mapping within ``node``; 2 where it does not show."""
    for key, value in node.value:
        if isinstance(value, yaml.MappingNode) and not value.flow_style and value.value:
            step = int(value.value[0][0].start_mark.column) - int(key.start_mark.column)
            if step > 0:
                return step
    return 2


def _end(node: yaml.Node) -> yaml.Mark:
    """Where the last thing of ``node`` ends: PyYAML ends a block only after its comments."""
    while isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    return node.end_mark


def _scalar(value: int | str, style: str | None) -> str:
    """``value`` as YAML text in one line, in the quotes that the old value had if it is text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if style == "'" and value.isprintable():
        return "'" + value.replace("'", "''") + "'"
    if style is None and _is_plain(value):
        return value
    return '"' + "".join(_escape(character) for character in value) + '"'


def _is_plain(text: str) -> bool:
    """Whether ``text`` without quotes is text to us, and to readers of YAML 1.1 (yes, 12:30)."""
    if not _WORD.fullmatch(text):
        return False
    return isinstance(yaml.safe_load(text), str) and parse(text.encode()).value == text


def _escape(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    if character.isprintable():
        return character
    return f"\\U{ord(character):08x}"


def _with(value: object, where: KeyPath, new: int | str) -> object:
    """``value`` with ``new`` at ``where``; a place that is not there stays for _find to tell."""
    if not where:
        return new
    part, rest = where[0], where[1:]
    if isinstance(value, dict) and isinstance(part, str):
        return value | {part: _with(value.get(part, {}), rest, new)}
    if isinstance(value, tuple) and isinstance(part, int) and 0 <= part < len(value):
        return (*value[:part], _with(value[part], rest, new), *value[part + 1 :])
    return _Unreachable


class _Unreachable:
    """Equal to nothing that is read from a file."""


def _same(one: object, other: object) -> bool:
    """Equal with the same types and, in mappings, the same order: 1 is not 1.0, nor true."""
    if isinstance(one, dict) and isinstance(other, dict):
        return list(one) == list(other) and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    return type(one) is type(other) and repr(one) == repr(other)


def _splice(text: str, start: int, end: int, new: str) -> str:
    return text[:start] + new + text[end:]


def _index(text: str, mark: yaml.Mark) -> int:
    """``mark`` as an index of ``text``; the tree was made without the byte order mark."""
    return int(mark.index) + text.startswith("\ufeff")


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _error(path: Path, line: int, what: str, hint: str | None) -> SpecError:
    fault = SpecError(what, where=f"{show_file(path)}:{line}", hint=hint)
    return SpecError(what, where=fault.where, hint=hint, faults=(fault,))
