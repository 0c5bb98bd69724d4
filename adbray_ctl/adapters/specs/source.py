"""YAML text as plain values, with the line of every one of them.

Scalars follow YAML 1.2, as editors read it: ``no`` and ``12:30`` are text. The text is read event
by event, so that nesting, aliases and size are bounded before anything is built from them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import yaml

from adbray_ctl.core.spec.faults import Path
from adbray_ctl.core.text import show

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 20
MAX_VALUES = 20_000

_INT = re.compile(r"[-+]?[0-9]{1,18}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


class Broken(Exception):
    """The text is no document that can be read: why, and in which line (from 1)."""

    def __init__(self, what: str, line: int) -> None:
        super().__init__(what)
        self.what = what
        self.line = line


class _Float(float):
    """A float that shows itself as it was written: 3.10, not 3.1."""

    __slots__ = ("text",)
    text: str

    def __repr__(self) -> str:
        return self.text


@dataclass
class Document:
    """A document's plain value (dict, tuple, scalars) and the line of each path in it."""

    value: object = None
    lines: dict[Path, int] = field(default_factory=dict)

    def line(self, path: Path) -> int:
        """The line of ``path``, or of the nearest thing around it that is there."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


@dataclass
class _Node:
    """A value as the parser told it: a scalar's event, or children with their keys."""

    line: int
    scalar: yaml.ScalarEvent | None = None
    items: list[_Node] | None = None
    entries: dict[str, tuple[int, _Node]] | None = None
    key: tuple[str, int] | None = None  # a mapping's key that waits for its value
    open: bool = True


def parse(data: bytes) -> Document:
    """The one document in ``data``; raises Broken for anything that is not exactly that."""
    if len(data) > MAX_BYTES:
        raise Broken(f"the file is larger than {MAX_BYTES // 1024} KiB", 1)
    document = Document()
    document.value = _build(_compose(_decode(data)), (), document, [0])
    return document


def _decode(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Broken("the file is not UTF-8 text", line) from error


def _compose(text: str) -> _Node:
    try:
        root = _root_of(_events(text))
    except yaml.MarkedYAMLError as error:
        raise _syntax(error) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise Broken(f"the character {error.character!r} is not allowed in YAML", line) from error
    if root is None:
        raise Broken("the file is empty", 1)
    return root


def _root_of(events: Iterable[yaml.Event]) -> _Node | None:
    stack: list[_Node] = []
    anchors: dict[str, _Node] = {}
    root: _Node | None = None
    for count, event in enumerate(events, start=1):
        line = event.start_mark.line + 1 if event.start_mark else 1
        if count > MAX_VALUES or len(stack) > MAX_DEPTH:
            raise Broken(f"more than {MAX_DEPTH} levels or {MAX_VALUES} values", line)
        if isinstance(event, yaml.CollectionEndEvent):
            stack.pop().open = False
            continue
        if isinstance(event, yaml.DocumentStartEvent) and root is not None:
            raise Broken("a second document begins; a file holds one", line)
        if not isinstance(event, yaml.NodeEvent):
            continue
        node = _node(event, anchors, line)
        if stack:
            _add(stack[-1], node, line)
        else:
            root = node
        if isinstance(event, yaml.CollectionStartEvent):
            stack.append(node)
    return root


def _events(text: str) -> Iterator[yaml.Event]:
    loader = yaml.SafeLoader(text)
    try:
        while loader.check_event():
            yield loader.get_event()  # type: ignore[no-untyped-call]  # not in its stubs
    except (ValueError, OverflowError) as error:
        # PyYAML makes characters and versions of digits without looking how many there are.
        what = "not YAML: an escape or a number is out of range"
        raise Broken(what, loader.line + 1) from error


def _syntax(error: yaml.MarkedYAMLError) -> Broken:
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else 1
    problem = error.problem or error.context or "not YAML"
    if "'\\t'" in problem:
        problem = "a tab where only spaces may stand"
    return Broken(f"not YAML: {problem}", line)


def _node(event: yaml.NodeEvent, anchors: dict[str, _Node], line: int) -> _Node:
    if isinstance(event, yaml.AliasEvent):
        found = anchors.get(event.anchor or "")
        if found is None:
            raise Broken(f"alias *{event.anchor} has no anchor before it", line)
        if found.open:
            raise Broken(f"alias *{event.anchor} contains itself", line)
        return found
    tag = getattr(event, "tag", None)
    if tag is not None and tag != "!":
        raise Broken(f"the tag {show(tag)} is not allowed", line)
    node = _Node(line)
    if isinstance(event, yaml.ScalarEvent):
        node.scalar, node.open = event, False
    elif isinstance(event, yaml.SequenceStartEvent):
        node.items = []
    else:
        node.entries = {}
    if event.anchor is not None:
        anchors[event.anchor] = node
    return node


def _add(parent: _Node, node: _Node, line: int) -> None:
    if parent.items is not None:
        parent.items.append(node)
    elif parent.entries is not None:
        if parent.key is not None:
            key, key_line = parent.key
            parent.entries[key] = (key_line, node)
            parent.key = None
            return
        if node.scalar is None:
            raise Broken("a list or mapping is used as a key", line)
        key = node.scalar.value
        if key in parent.entries:
            first = parent.entries[key][0]
            raise Broken(f"key {show(key)} is there twice; first in line {first}", line)
        parent.key = (key, line)


def _build(node: _Node, path: Path, document: Document, count: list[int]) -> object:
    count[0] += 1
    if count[0] > MAX_VALUES or len(path) > MAX_DEPTH:
        # Only aliases get here: the events themselves were bounded before.
        raise Broken(f"aliases make more than {MAX_VALUES} values", document.line(path))
    document.lines.setdefault(path, node.line)
    if node.entries is not None:
        built: dict[str, object] = {}
        for key, (line, child) in node.entries.items():
            document.lines[(*path, key)] = line
            built[key] = _build(child, (*path, key), document, count)
        return built
    if node.items is not None:
        return tuple(
            _build(child, (*path, index), document, count) for index, child in enumerate(node.items)
        )
    return _scalar(node.scalar) if node.scalar else None


def _scalar(event: yaml.ScalarEvent) -> object:
    text: str = event.value
    if event.style is not None or event.tag == "!":
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text) and len(text) < 40:
        number = _Float(text)
        number.text = text
        return number
    return text
