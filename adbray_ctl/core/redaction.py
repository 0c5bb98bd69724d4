"""Secrets taken out of text: as they are, and as programs write them into other texts."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator
from urllib.parse import unquote

from pydantic import JsonValue

MARK = "***"
"""What stands for a secret. Shorter than any, so that no secret can be a part of it."""
LEAST = 4
"""Characters of the shortest value that is looked for wherever it may stand."""

# Values of variables that stand for no secret, and everywhere in other texts.
_WORDS = frozenset({"true", "false", "null", "none"})
_KEY = r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----"
_KEY_END = r"-----END [A-Z0-9 ]*PRIVATE KEY-----"
# \n may be two characters.
_BODY = r"(?:[A-Za-z0-9+/=\s]|\\[nr])*+"
# A key, and one whose beginning was cut off.
_KEYS = re.compile(rf"{_KEY}.*?{_KEY_END}|\A{_BODY}{_KEY_END}", re.DOTALL)
_ENDS = re.compile(_KEY_END)
_CUT_SHORT = re.compile(_KEY + _BODY)
# What was never told to adbray: how others log in.
_LOGINS = re.compile(
    r"(?i)(\b(?:bearer|basic)\s+)[a-z0-9._~+/=-]{8,}|(://[^/\s:@]*:)[^\s@/'\"]+(?=@)"
)


def secret_parts(text: str) -> Iterator[str]:
    """What of a secret file must not be seen: all of it, and each line of a key."""
    lines = [line.strip() for line in text.strip().splitlines()]
    if len(lines) == 1:
        yield lines[0]
        return
    yield from (line for line in lines if len(line) >= 2 * LEAST and not line.startswith("-----"))


class Redactor:
    """Takes ``secrets`` out of texts, and of ``named`` the values.

    A value of less than LEAST characters is looked for only behind its name: anywhere else it would
    be nothing but a letter. Nothing that is longer survives, in any of the forms below.
    """

    def __init__(self, secrets: Iterable[str], named: Iterable[tuple[str, str]] = ()) -> None:
        pairs = [(name, value) for name, value in named if value]
        values = {*secrets, *(value for _, value in pairs)}
        found = {value for value in values if len(_squeezed(value)) >= LEAST}
        found = {value for value in found if value.lower() not in _WORDS}
        forms = {_squeezed(form) for value in found for form in _forms(value)}
        self._plain = sorted(found, key=_longest)
        self._forms = sorted(forms, key=_longest)
        self._named = [
            re.compile(rf"((?<!\w){re.escape(name)}[\"']?[\s=:,]+[\"'\\]*){re.escape(value)}(?!\w)")
            for name, value in dict.fromkeys(pairs)
            if value not in found
        ]

    def text(self, text: str) -> str:
        """``text`` without a secret, whatever its lines are broken at."""
        if "PRIVATE KEY-----" in text:
            text = _without_keys(text)
        text = _LOGINS.sub(lambda found: f"{found[1] or found[2]}{MARK}", text)
        for pattern in self._named:
            text = pattern.sub(rf"\g<1>{MARK}", text)
        # What stands around a mark may be a secret with it: each turn makes the text shorter.
        while (shorter := self._turn(text)) != text:
            text = shorter
        return text

    def json(self, value: JsonValue) -> JsonValue:
        """A JSON value without a secret, still one: a number that is one becomes text."""
        match value:
            case str():
                return self.text(value)
            case dict():
                return {self.text(key): self._member(key, inner) for key, inner in value.items()}
            case list():
                return [self.json(inner) for inner in value]
            case bool() | None:
                return value
            case _:
                written = json.dumps(value)
                return value if self.text(written) == written else MARK

    def _member(self, key: str, value: JsonValue) -> JsonValue:
        if isinstance(value, str) and self.text(f"{key}={value}") == f"{key}={MARK}":
            return MARK
        return self.json(value)

    def _turn(self, text: str) -> str:
        squeezed = _squeezed(text)
        for form in self._forms:
            if form in squeezed:
                text = re.sub(r"\s*".join(re.escape(char) for char in form), MARK, text)
                squeezed = _squeezed(text)
        if "%" in text:
            decoded = _squeezed(unquote(text.replace("+", " "))) + _squeezed(unquote(text))
            for secret in self._plain:
                if _squeezed(secret) in decoded:
                    text = re.sub(_url_form(secret), MARK, text)
        return text


def _without_keys(text: str) -> str:
    """``text`` without private keys, also those that were cut."""
    behind = max((end.end() for end in _ENDS.finditer(text)), default=0)
    # What begins behind the last end has none: each would be looked for up to the end of the text.
    whole = _KEYS.sub(MARK, text[:behind]) + text[behind:]
    return _CUT_SHORT.sub(MARK, whole)


def _longest(text: str) -> tuple[int, str]:
    return -len(text), text


def _squeezed(text: str) -> str:
    return "".join(text.split())


def _forms(secret: str) -> Iterator[str]:
    """A secret as JSON, Python, YAML, shells and units write it, and in base64 and hex."""
    yield secret
    for ascii_only in (True, False):
        once = json.dumps(secret, ensure_ascii=ascii_only)[1:-1]
        yield once
        yield once.replace("%", "%%")
        yield json.dumps(once, ensure_ascii=ascii_only)[1:-1]
    yield repr(secret)[1:-1]
    # As systemd tells the environment of a unit.
    yield re.sub(r'["\\`$]', r"\\\g<0>", secret)
    for quote in ("''", "'\"'\"'", "'\\''"):
        yield secret.replace("'", quote)
    data = secret.encode(errors="surrogatepass")
    yield data.hex()
    yield data.hex().upper()
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + data).decode()
        # Only what the secret alone decides: what stands before and behind it changes the rest.
        alone = encoded[(0, 2, 3)[before] : (before + len(data)) * 8 // 6]
        yield alone
        yield alone.replace("+", "-").replace("/", "_")


def _url_form(secret: str) -> str:
    """A pattern of the secret with any of its characters percent-encoded."""
    found = []
    for char in secret:
        data = char.encode(errors="surrogatepass")
        encoded = "".join(f"%(?i:{byte:02x})" for byte in data)
        found.append(
            rf"(?:\s|\+|{encoded})*" if char.isspace() else f"(?:{re.escape(char)}|{encoded})"
        )
    return r"\s*".join(found)
