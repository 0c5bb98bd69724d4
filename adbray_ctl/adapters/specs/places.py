"""Places in a YAML text: the node that a key path leads to, if it may be edited there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

import yaml

from adbray_ctl.core.spec.faults import show_path

KeyPath: TypeAlias = tuple[str | int, ...]


class No(Exception):
    """This place cannot be edited safely: why, and in which line (from 1)."""

    def __init__(self, why: str, line: int) -> None:
        super().__init__(why)
        self.why = why
        self.line = line


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
class Place:
    """The node a key path leads to, or the mapping that lacks the ``missing`` rest of it."""

    node: yaml.Node
    missing: tuple[str, ...] = ()

    @property
    def line(self) -> int:
        return line_of(self.node)


def find(text: str, where: KeyPath) -> Place:
    """Where a single value is or would be. Raises No."""
    nodes = _compose_own(text)
    place = _reach(nodes, where)
    if not place.missing:
        _require_editable(nodes, place.node, show_path(where))
    return place


def find_list(text: str, where: KeyPath) -> yaml.SequenceNode:
    """The list at ``where``, which has an entry. Raises No."""
    nodes = _compose_own(text)
    place = _reach(nodes, where)
    _require_own(nodes, place.node, show_path(where))
    if place.missing or not isinstance(place.node, yaml.SequenceNode) or not place.node.value:
        raise No(f"{show_path(where)} is no list with an entry", place.line)
    return place.node


def _compose_own(text: str) -> _Nodes:
    # With a byte order mark the first key would seem indented; index_of counts it again.
    return _compose(text.removeprefix("\ufeff"))


def _reach(nodes: _Nodes, where: KeyPath) -> Place:
    node = nodes.root
    for depth, part in enumerate(where):
        here = show_path(where[:depth]) or "the file"
        _require_own(nodes, node, here)
        if isinstance(part, int):
            if not isinstance(node, yaml.SequenceNode):
                raise No(f"{here} is no list", line_of(node))
            if not 0 <= part < len(node.value):
                raise No(f"{show_path(where[: depth + 1])} is not there", line_of(node))
            node = node.value[part]
            continue
        if not isinstance(node, yaml.MappingNode):
            raise No(f"{here} is no mapping (key: value)", line_of(node))
        found = [value for key, value in node.value if key.value == part]
        if not found:
            rest = [p for p in where[depth:] if isinstance(p, str)]
            if len(rest) < len(where) - depth:
                raise No(f"{show_path(where[: depth + 1])} is not there", line_of(node))
            return Place(node, tuple(rest))
        node = found[0]
    return Place(node)


def _require_editable(nodes: _Nodes, node: yaml.Node, name: str) -> None:
    _require_own(nodes, node, name)
    if not isinstance(node, yaml.ScalarNode):
        raise No(f"{name} is no single value", line_of(node))
    if id(node) in nodes.anchors or id(node) in nodes.tagged:
        raise No(f"{name} has an anchor or a tag", line_of(node))
    if node.style in ("|", ">") or node.start_mark.line != node.end_mark.line:
        raise No(f"{name} is spread over several lines", line_of(node))


def _require_own(nodes: _Nodes, node: yaml.Node, name: str) -> None:
    """Nothing else in the file may change with ``node``."""
    if isinstance(node, _Alias):
        raise No(f"{name} is an alias (*{node.value}): it has no value of its own", line_of(node))
    anchor = nodes.anchors.get(id(node))
    if anchor in nodes.used:
        raise No(f"{name} is used elsewhere too, as *{anchor}", line_of(node))


def end_of(node: yaml.Node) -> yaml.Mark:
    """Where the last thing of ``node`` ends: PyYAML ends a block only after its comments."""
    while isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    return node.end_mark


def index_of(text: str, mark: yaml.Mark) -> int:
    """``mark`` as an index of ``text``; the tree was made without the byte order mark."""
    return int(mark.index) + text.startswith("\ufeff")


def line_of(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
