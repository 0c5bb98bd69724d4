"""Python packages that a spec may ask for: requirements of PEP 508, without spaces."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from adbray_ctl.core.spec.strings import Unfit


def requirement_name(requirement: str) -> str:
    """The normalised project name of a checked requirement (PEP 503)."""
    from packaging import requirements
    from packaging.utils import canonicalize_name

    return canonicalize_name(requirements.Requirement(requirement).name)


def _requirement(text: str) -> str:
    allowed = "a package name with extras and versions, for example numpy>=2,<3"
    if any(mark in text for mark in ("/", "@", ";", "\\")) or text.startswith("-"):
        raise Unfit(f"{text!r} is a URL, path, marker or option", allowed)
    if not _is_plain(text):
        raise Unfit(f"{text!r} is not a package requirement without spaces", allowed)
    if requirement_name(text) == "ray":
        raise Unfit(f"{text!r} would replace Ray itself", "ray.version sets Ray's version")
    return text


def _is_plain(text: str) -> bool:
    """Whether it is one line without spaces, brackets around versions, epochs and ``===``."""
    if not text.isascii() or any(mark.isspace() or mark in "()" for mark in text):
        return False
    from packaging import requirements
    from packaging.version import Version

    try:
        clauses = requirements.Requirement(text).specifier
    except requirements.InvalidRequirement:
        return False
    return all(
        clause.operator != "===" and not Version(clause.version.removesuffix(".*")).epoch
        for clause in clauses
    )


Requirement = Annotated[str, Field(max_length=200), AfterValidator(_requirement)]
