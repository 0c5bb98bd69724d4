"""What all models of the spec share."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field

# YAML knows its types: "5" is no number and true is not 1, so nothing is converted silently.
Bool = Annotated[bool, Field(strict=True)]
Port = Annotated[int, Field(strict=True, ge=1, le=65535)]
UserPort = Annotated[int, Field(strict=True, ge=1024, le=65535)]


SPEC_CONFIG = ConfigDict(
    defer_build=True,
    frozen=True,
    extra="forbid",
    hide_input_in_errors=True,
)
