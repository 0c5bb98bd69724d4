"""What differs between the settings of two records, field by field, each with its effect."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import BaseModel, ConfigDict, Field, JsonValue, SkipValidation

from adbray_ctl.core.spec.impact import Effect, Reach
from adbray_ctl.core.spec.settings import effect_of_setting


class FieldChange(BaseModel):
    """One setting of a node that differs; None where there was or will be none."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    field: str
    old: SkipValidation[JsonValue]
    new: SkipValidation[JsonValue]
    # A saved plan has the name alone.
    effect: Effect = Field(
        default_factory=lambda data: effect_of_setting(data["field"]), exclude=True, repr=False
    )

    @property
    def grows(self) -> bool:
        """Whether all that changes is that a disk gets larger."""
        old, new = self.old, self.new
        numbers = isinstance(old, int) and isinstance(new, int) and new > old
        return numbers and Reach.DISK_SIZE in self.effect.reach

    @property
    def text(self) -> str:
        return f"{self.field}: {_word(self.old)} -> {_word(self.new)}"


def differences(
    old: Mapping[str, JsonValue], new: Mapping[str, JsonValue], within: str = ""
) -> Iterator[FieldChange]:
    """The settings that differ; mappings, which are called ``within``, are compared key by key."""
    for key in [*new, *(key for key in old if key not in new)]:
        before, after = old.get(key), new.get(key)
        if before == after:
            continue
        if isinstance(before, dict) and isinstance(after, dict):
            yield from differences(before, after, f"{within}{key}.")
        else:
            yield FieldChange(field=f"{within}{key}", old=before, new=after)


def _word(value: JsonValue) -> str:
    if value is None:
        return "none"
    if isinstance(value, list):
        return "[" + ", ".join(_word(item) for item in value) + "]"
    return str(value)
