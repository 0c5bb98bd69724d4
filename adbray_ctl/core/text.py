"""Text for people: values, names and sizes as messages show them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

_LONGEST_VALUE = 60


def show(value: object) -> str:
    """A value in one line, cut where it is long; control characters appear escaped."""
    text = ascii(value) if isinstance(value, str) and not value.isprintable() else repr(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}..."


def did_you_mean(word: str, known: Mapping[str, object] | tuple[str, ...]) -> str | None:
    """The question ``did you mean 'x'?``, if something known is near."""
    near = nearest(word, known)
    return f"did you mean {near!r}?" if near else None


def some(names: tuple[str, ...]) -> str:
    """The first ten of ``names``, and how many more there are."""
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The one of ``known`` that ``word`` most likely meant, or None."""
    choices = {choice.lower(): choice for choice in sorted(known)}
    found = difflib.get_close_matches(word.lower(), choices, n=1, cutoff=0.6)
    return choices[found[0]] if found else None


def no_such(kind: str, name: str, known: Iterable[str], *, of: str = "") -> str:
    """One sentence: there is no such name, which ones there are, and which one was likely meant.

    ``kind`` is a noun such as "group"; ``of`` says where it was looked for, such as "in fleet.yml".
    """
    names = tuple(known)
    place = f" {of}" if of else ""
    listed = f"{kind}s: {some(names)}" if names else f"there are no {kind}s"
    near = did_you_mean(name, names)
    return f"there is no {kind} {show(name)}{place}; {listed}" + (f"; {near}" if near else "")


def size(count: int) -> str:
    """Bytes for people."""
    if count >= 2**30:
        return f"{count / 2**30:.1f} GiB"
    return f"{count / 2**20:.1f} MiB" if count >= 2**20 else f"{count / 2**10:.0f} KiB"
