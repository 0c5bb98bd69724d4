"""Python packages that a spec may ask for, written as PEP 440 has them, without spaces."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from adbray_ctl.core.spec.strings import Unfit

# PEP 440 versions, without epochs and the spellings that it only normalises.
_PLAIN = r"[0-9]+(\.[0-9]+)*((a|b|rc)[0-9]+)?(\.post[0-9]+)?(\.dev[0-9]+)?"
_CLAUSE = (
    rf"((==|!=)({_PLAIN}(\+[a-z0-9]+([.-][a-z0-9]+)*)?|[0-9]+(\.[0-9]+)*\.\*)"
    rf"|~=[0-9]+\.{_PLAIN}|(<=|>=|<|>){_PLAIN})"
)
_EXTRA = r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?"
_REQUIREMENT = re.compile(
    rf"(?P<name>[A-Za-z0-9]([A-Za-z0-9._-]{{0,98}}[A-Za-z0-9])?)"
    rf"(\[{_EXTRA}(,{_EXTRA})*\])?({_CLAUSE}(,{_CLAUSE})*)?"
)


def requirement_name(requirement: str) -> str:
    """The normalised project name of a checked requirement (PEP 503)."""
    match = _REQUIREMENT.fullmatch(requirement)
    name = match["name"] if match else requirement
    return re.sub(r"[-_.]+", "-", name).lower()


def _requirement(text: str) -> str:
    allowed = "a package name with extras and versions, for example numpy>=2,<3"
    if any(mark in text for mark in ("/", "@", ";", "\\")) or text.startswith("-"):
        raise Unfit(f"{text!r} is a URL, path, marker or option", allowed)
    if not _REQUIREMENT.fullmatch(text):
        raise Unfit(f"{text!r} is not a package requirement without spaces", allowed)
    if requirement_name(text) == "ray":
        raise Unfit(f"{text!r} would replace Ray itself", "ray.version sets Ray's version")
    return text


Requirement = Annotated[str, Field(max_length=200), AfterValidator(_requirement)]
