"""A group in one file: what it is, its secrets, and what its head knows."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict


class Entry(BaseModel):
    """One key of the head's state without its namespace; values are base64.

    A hash has its fields and values in turn, a string one value.
    """

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    key: str
    kind: Literal["hash", "string"]
    values: tuple[str, ...]


class Secrets(BaseModel):
    """A group's secrets as they are in their files; one that is empty is not known.

    ``redis_cert`` and ``redis_key`` are PEM.
    """

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    token: str
    redis_password: str = ""
    redis_admin_password: str = ""
    redis_exporter_password: str = ""
    redis_cert: str = ""
    redis_key: str = ""
    slot_key: str


class Backup(BaseModel):
    """``made_at`` in seconds since the epoch; ``spec`` is the text of the group's file."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    format: Literal[1] = 1
    made_at: float
    group: str
    namespace: str
    ray: str
    spec: str
    secrets: Secrets
    entries: tuple[Entry, ...]

    @property
    def text(self) -> str:
        """A few words on what it holds."""
        fields = sum(len(entry.values) // 2 or 1 for entry in self.entries)
        return f"group {self.group}, namespace {self.namespace}, {fields} entries of its state"
