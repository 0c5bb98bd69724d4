"""Spec files without the values that users may put secrets in: exact, whatever the YAML's style."""

from __future__ import annotations

from collections.abc import Iterator

import yaml

from adbray_ctl.adapters.specs.source import Broken, parse
from adbray_ctl.core.bundle import Masked
from adbray_ctl.core.redaction import MARK

# Of what each holds, every scalar: environments of workers, commands that wake hosts.
_KEYS = ("env", "power")


def masked(text: str) -> Masked:
    """Raises Broken for what is no YAML: nothing can be told apart in it."""
    parse(text.encode())  # bounds depth, size and aliases
    try:
        root = yaml.compose(text.removeprefix("\ufeff"), Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise Broken(str(error).splitlines()[0], 1) from error
    found = {id(node): (name, node) for name, node in _below(root, "")}
    shown = text.removeprefix("\ufeff")
    for _, node in sorted(found.values(), key=lambda one: -one[1].start_mark.index):
        start, end = node.start_mark.index, node.end_mark.index
        # A block of text ends behind its last line's end.
        line_end = "\n" if shown[start:end].endswith("\n") else ""
        shown = f'{shown[:start]}"{MARK}"{line_end}{shown[end:]}'
    values = ((name, str(node.value)) for name, node in found.values())
    return Masked(text=shown, values=tuple(dict.fromkeys(values)))


def _below(node: yaml.Node | None, name: str) -> Iterator[tuple[str, yaml.ScalarNode]]:
    """The scalars below the keys, with the name of each."""
    for key, value in _members(node):
        if key in _KEYS:
            yield from _scalars(value, key)
        else:
            yield from _below(value, key or name)


def _scalars(node: yaml.Node, name: str) -> Iterator[tuple[str, yaml.ScalarNode]]:
    if isinstance(node, yaml.ScalarNode):
        yield name, node
    for key, value in _members(node):
        yield from _scalars(value, key or name)


def _members(node: yaml.Node | None) -> Iterator[tuple[str, yaml.Node]]:
    match node:
        case yaml.MappingNode():
            yield from ((str(key.value), value) for key, value in node.value)
        case yaml.SequenceNode():
            yield from (("", value) for value in node.value)
