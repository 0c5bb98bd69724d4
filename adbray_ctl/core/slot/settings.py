"""The settings a slot is made of: names that no field of the spec has, and what differs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import BaseModel, ConfigDict, JsonValue, SkipValidation

# The setting of a worker that tells where its head is.
HEAD_ADDRESS = "head address"
# The setting of a worker that tells which cards it has, and how much of them.
GPU_SHARE = "GPU share"
# The setting of a host that tells how much of its memory slots cannot have.
HOST_RESERVE = "system_reserved.memory_gb"
# The setting of a head that tells where the panels of its dashboard come from.
PANELS = "monitoring.grafana.panels_in_ray"


class FieldChange(BaseModel):
    """One setting of a node that differs; None where there was or will be none."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    field: str
    old: SkipValidation[JsonValue]
    new: SkipValidation[JsonValue]


def differences(
    old: Mapping[str, JsonValue], new: Mapping[str, JsonValue]
) -> Iterator[FieldChange]:
    """The settings that differ; mappings are compared key by key."""
    for field in [*new, *(key for key in old if key not in new)]:
        before, after = old.get(field), new.get(field)
        if before == after:
            continue
        if isinstance(before, dict) and isinstance(after, dict):
            for inner in differences(before, after):
                yield inner.model_copy(update={"field": f"{field}.{inner.field}"})
        else:
            yield FieldChange(field=field, old=before, new=after)


def without_sizes(settings: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """``settings`` but for the sizes of disks, which may change in use."""
    return {name: value for name, value in settings.items() if not is_size(name)}


def is_size(field: str) -> bool:
    """Whether ``field`` is the size of a disk."""
    return field.endswith(".disk_gb")


def grows(field: FieldChange) -> bool:
    """Whether all that changes is that a disk gets larger."""
    old, new = field.old, field.new
    return is_size(field.field) and isinstance(old, int) and isinstance(new, int) and new > old


def in_words(field: FieldChange) -> str:
    return f"{field.field}: {_word(field.old)} -> {_word(field.new)}"


def _word(value: JsonValue) -> str:
    if value is None:
        return "none"
    if isinstance(value, list):
        return "[" + ", ".join(_word(item) for item in value) + "]"
    return str(value)
