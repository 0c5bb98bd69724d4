"""Text of others (users of Ray, hosts, programs): as it enters, and the reason it gives."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Annotated

from pydantic import AfterValidator


def whole(text: str) -> str:
    r"""``text`` with lone halves of characters written out (``\ud800``).

    JSON may hold them, and Ray takes them in an entrypoint. No file, no database and no JSON that
    pydantic writes can.
    """
    return text.encode(errors="backslashreplace").decode()


Foreign = Annotated[str, AfterValidator(whole)]


_LONGEST = 400
_TERMINAL_CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_PAGE = re.compile(r"\s*<(!doctype html|html|head|body|\?xml)\b", re.IGNORECASE)
_TITLE = re.compile(r"<(title|h1)\b[^>]*>(.*?)</\1>", re.IGNORECASE | re.DOTALL)
_INVISIBLE = re.compile(r"<(script|style)\b.*?</\1>", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^>]*>")
_TRACEBACK = "Traceback (most recent call last):"
# What stands around a reason, and is none.
_AROUND = (
    _TRACEBACK,
    "During handling of the above exception, another exception occurred:",
    "The above exception was the direct cause of the following exception:",
)
# systemctl names its own log last.
_LOOK_ELSEWHERE = re.compile(r'See ["\'].*for details\.?$')
# Classes that say no more than that something is wrong.
_PLAIN = re.compile(r"^(builtins\.)?(Exception|RuntimeError|ValueError|TypeError|SystemExit): ")


def reason_in(text: str, otherwise: str = "") -> str:
    """The one line of ``text`` that says why, or ``otherwise`` if no line says anything.

    Of tracebacks it is the last exception, of a web page the title, else the last line.
    """
    if is_page(text):
        lines = list(_of_page(text))[:1]
    else:
        lines = list(_said(_TERMINAL_CODES.sub("", text)))
    found = _PLAIN.sub("", lines[-1]) if lines else ""
    found = found if _says_something(found) else otherwise
    return found if len(found) <= _LONGEST else f"{found[:_LONGEST]}..."


def is_page(text: str) -> bool:
    """Whether ``text`` is a web page."""
    return _PAGE.match(text) is not None


def _of_page(text: str) -> Iterator[str]:
    plain = _INVISIBLE.sub("", text)
    titles = [match[2] for match in _TITLE.finditer(plain)]
    for part in (*titles, *_TAG.sub("\n", plain).splitlines()):
        line = " ".join(html.unescape(_TAG.sub(" ", part)).split())
        if _says_something(line):
            yield line


def _said(text: str) -> Iterator[str]:
    """The lines that say something, without those of tracebacks that show code."""
    in_traceback = False
    for line in text.splitlines():
        if _TRACEBACK in line:
            in_traceback = True
        # Below a traceback's first line, code is indented and its exception is not.
        elif in_traceback and line[:1].isspace():
            continue
        elif _says_something(line) and line.strip() not in _AROUND:
            if not _LOOK_ELSEWHERE.match(line.strip()):
                yield line.strip()
            in_traceback = False


def _says_something(line: str) -> bool:
    return any(char.isalnum() for char in line)
