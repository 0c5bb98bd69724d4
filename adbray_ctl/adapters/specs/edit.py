"""Edits of spec files that leave every other byte as its author wrote it.

The new value goes into the text at the place where PyYAML says the old one is. What comes out is
read again and compared with what was wanted: an edit that would mean anything else is refused.
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

import yaml

from adbray_ctl.adapters.specs.faults import show_file
from adbray_ctl.adapters.specs.file import read_spec
from adbray_ctl.adapters.specs.flow import flow, scalar
from adbray_ctl.adapters.specs.places import (
    KeyPath,
    No,
    Place,
    end_of,
    find,
    find_list,
    index_of,
    line_of,
)
from adbray_ctl.adapters.specs.source import Broken, parse
from adbray_ctl.adapters.specs.values import same, with_entry, with_value
from adbray_ctl.core.errors import SpecError
from adbray_ctl.core.spec.faults import show_path
from adbray_ctl.core.text import show

_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")  # what YAML 1.1 takes for the end of a line


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


def add_entry(path: Path, text: str, where: KeyPath, entry: Mapping[str, object]) -> str:
    """``text``, which is to be that of ``path``, with one more entry at the end of a list.

    ``entry`` is plain values as ``parse`` gives them. It is laid out as the list's last entry is.
    Raises SpecError where the list is not written in a way that is understood.
    """
    try:
        return _append(text, where, entry)
    except No as no:
        hint = f"edit the file by hand: add {flow(entry, None)} to {show_path(where)}"
        raise _error(path, no.line, no.why, hint) from no


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
    except No as no:
        hint = f"edit the file by hand: set {show_path(where)} to {show(value)}"
        raise _error(path, no.line, no.why, hint) from no


def _set(text: str, where: KeyPath, value: int | str) -> str:
    """``text`` with one value set. Raises No."""
    before = parse(text.encode()).value
    wanted = with_value(before, where, value)
    if same(before, wanted):
        return text
    place = find(text, where)
    edited = _add(text, place, value) if place.missing else _replace(text, place, value)
    return _require(edited, wanted, where, place.line)


def _append(text: str, where: KeyPath, entry: Mapping[str, object]) -> str:
    before = parse(text.encode()).value
    node = find_list(text, where)
    last = node.value[-1]
    at = index_of(text, end_of(last))
    block = isinstance(last, yaml.MappingNode) and not last.flow_style
    style = last.value[0][0].style if isinstance(last, yaml.MappingNode) and last.value else None
    if node.flow_style:
        edited = _splice(text, at, at, f", {flow(entry, style)}")
    else:
        pad = _dash(text, last)
        lines = [f"{scalar(key, style)}: {flow(value, style)}" for key, value in entry.items()]
        lines = lines if block else [flow(entry, style)]
        lines = [f"{pad}- {lines[0]}", *(f"{pad}  {line}" for line in lines[1:])]
        edited = _insert_lines(text, at, lines)
    return _require(edited, with_entry(before, where, entry), where, line_of(node))


def _require(edited: str, wanted: object, where: KeyPath, line: int) -> str:
    """The net under all edits: odd but valid YAML ends here, not in a wrong file."""
    try:
        after = parse(edited.encode()).value
    except Broken:
        after = None
    if not same(after, wanted):
        raise No(f"{show_path(where)} is written in a way that is not understood", line)
    return edited


def _dash(text: str, entry: yaml.Node) -> str:
    """What stands before the dash of an entry of a list: its indentation."""
    before = text[: index_of(text, entry.start_mark)].removeprefix("\ufeff").rstrip()
    lead, dash, _ = _BREAK.split(before)[-1].rpartition("-")
    if not dash or lead.strip():
        raise No("the list's last entry begins in a way that is not understood", line_of(entry))
    return lead


def _replace(text: str, place: Place, value: int | str) -> str:
    node = place.node
    start, end = index_of(text, node.start_mark), index_of(text, node.end_mark)
    style = node.style if isinstance(node, yaml.ScalarNode) else None
    new = scalar(value, style)
    # No value yet: the place is right behind the colon.
    return _splice(text, start, end, new if end > start else f" {new}")


def _add(text: str, place: Place, value: int | str) -> str:
    node = place.node
    assert isinstance(node, yaml.MappingNode)
    style = node.value[-1][0].style if node.value else None
    keys = [scalar(key, style) for key in place.missing]
    if node.flow_style:
        entry = ": {".join([*keys[:-1], f"{keys[-1]}: {scalar(value, None)}"])
        entry += "}" * (len(keys) - 1)
        if node.value:
            at = index_of(text, end_of(node.value[-1][1]))
            return _splice(text, at, at, f", {entry}")
        at = index_of(text, node.end_mark) - 1
        return _splice(text, at, at, entry)
    first = node.value[0][0].start_mark
    step = _step(node)
    lines = [f"{' ' * (first.column + step * depth)}{key}:" for depth, key in enumerate(keys)]
    lines[-1] += f" {scalar(value, None)}"
    return _insert_lines(text, index_of(text, end_of(node.value[-1][1])), lines)


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


def _splice(text: str, start: int, end: int, new: str) -> str:
    return text[:start] + new + text[end:]


def _error(path: Path, line: int, what: str, hint: str | None) -> SpecError:
    fault = SpecError(what, where=f"{show_file(path)}:{line}", hint=hint)
    return SpecError(what, where=fault.where, hint=hint, faults=(fault,))
