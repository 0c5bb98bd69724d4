"""What a change to a spec field does to what runs: metadata that stands on the field itself.

The rules are AnalyticDB Ray's: changing only the number of workers restarts nothing, except that a
lower maximum deletes workers; any other change of a worker group restarts that group's workers,
and any change of the head restarts the head.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from adbray_ctl.core.slot.record import SlotKind

if TYPE_CHECKING:
    from pydantic import GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import CoreSchema


class Impact(StrEnum):
    """What happens to a node, the least first."""

    KEEP = "keep"
    """Nothing is touched."""
    UPDATE = "update"
    """Files change; no process does."""
    START = "start"
    """The node is made, or a stopped one is started."""
    RESTART = "restart"
    """The node's processes end and start again."""
    STOP = "stop"
    """The node's processes end."""
    DELETE = "delete"
    """The node and its disk go."""

    @property
    def rank(self) -> int:
        """Position in the order of impact, from 0."""
        return _RANKS[self]

    @property
    def interrupts(self) -> bool:
        """Whether what runs on the node is lost."""
        return self.rank >= Impact.RESTART.rank


class Reach(StrEnum):
    """What a field's change reaches beside a node's own files; steps choose their roles by it."""

    SOFTWARE = "software"
    """The environment that Ray runs from, on every host of the group."""
    VERSION = "version"
    """The version of Ray or Python: a node joins no head of another one
    (ray._private.utils.check_version_info)."""
    USER = "user"
    """Whose files a group's are: nodes of two users cannot share a host's token."""
    HOST = "host"
    """What all slots of a host share."""
    DRIVER = "driver"
    """The GPU driver of a host, and what goes with it."""
    CARDS = "cards"
    """Which cards a worker has, how much of them, and what holds it to that."""
    HEAD_ADDRESS = "head address"
    """Where workers find their head."""
    DISK_SIZE = "disk size"
    """The size of a disk, which may grow in use."""


_RANKS = {impact: position for position, impact in enumerate(Impact)}


@dataclass(frozen=True)
class Effect:
    """The impact of a field's change, on which kinds of nodes, and what is special about it.

    ``reach`` is what it reaches beside the nodes themselves.
    """

    impact: Impact
    on: tuple[SlotKind, ...] = ()
    note: str = ""
    reach: frozenset[Reach] = frozenset()

    @property
    def text(self) -> str:
        """A few words for a table."""
        words = {SlotKind.HEAD: "the head", SlotKind.REDIS: "Redis", SlotKind.WORKER: "workers"}
        if self.impact is Impact.KEEP:
            return self.note or "nothing"
        targets = " and ".join(words[kind] for kind in self.on)
        return f"{self.impact} {targets}" + (f"; {self.note}" if self.note else "")

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        found = handler(schema)
        found["x-impact"] = self.text
        return found


KEEPS = Effect(Impact.KEEP)
RESTARTS_HEAD = Effect(Impact.RESTART, (SlotKind.HEAD,))
RESTARTS_REDIS = Effect(Impact.RESTART, (SlotKind.REDIS,))
RESTARTS_WORKERS = Effect(Impact.RESTART, (SlotKind.WORKER,))
RESTARTS_RAY = Effect(Impact.RESTART, (SlotKind.HEAD, SlotKind.WORKER))
RESTARTS_ALL = Effect(Impact.RESTART, (SlotKind.HEAD, SlotKind.REDIS, SlotKind.WORKER))
INSTALLS = replace(RESTARTS_RAY, reach=frozenset({Reach.SOFTWARE}))
CHANGES_VERSION = replace(RESTARTS_RAY, reach=frozenset({Reach.SOFTWARE, Reach.VERSION}))
CHANGES_USER = replace(RESTARTS_ALL, reach=frozenset({Reach.USER, Reach.HOST, Reach.SOFTWARE}))
GROWS_HEAD = replace(
    RESTARTS_HEAD,
    note="a higher value restarts nothing: the disk grows in use",
    reach=frozenset({Reach.DISK_SIZE}),
)
GROWS_WORKERS = replace(GROWS_HEAD, on=RESTARTS_WORKERS.on)
RECUTS = replace(RESTARTS_WORKERS, reach=frozenset({Reach.CARDS}))
MOVES_HEAD = replace(RESTARTS_WORKERS, reach=frozenset({Reach.HEAD_ADDRESS}))
REMAKES_DISKS = Effect(
    Impact.RESTART, (SlotKind.HEAD, SlotKind.WORKER), "whose disks are made again there"
)
DELETES_WORKERS = Effect(Impact.DELETE, (SlotKind.WORKER,), "and makes those of the new name")
MOVES = Effect(Impact.KEEP, note="nothing, but nodes on hosts no longer admitted move")
TELLS_HEAD = Effect(Impact.UPDATE, (SlotKind.HEAD,), "which reads it without a restart")
TELLS_HOSTS = Effect(
    Impact.UPDATE,
    (SlotKind.HEAD, SlotKind.REDIS, SlotKind.WORKER),
    "none of which restarts; what no longer fits moves",
    frozenset({Reach.HOST}),
)
RESIZES = Effect(Impact.RESTART, (SlotKind.WORKER,), "those on slices of its cards")
DRIVES = Effect(
    Impact.UPDATE,
    (SlotKind.HEAD, SlotKind.REDIS, SlotKind.WORKER),
    "and drains and boots the host where another driver is loaded",
    frozenset({Reach.HOST, Reach.DRIVER}),
)
MEASURES = Effect(Impact.KEEP, note="nothing; Prometheus and its exporters are brought to it")
SHOWS = Effect(Impact.RESTART, (SlotKind.HEAD,), "of every group")
RETIRES = Effect(Impact.KEEP, note="nothing, but all nodes of a retired host move")
SCALES_UP = Effect(Impact.START, (SlotKind.WORKER,), "a lower value touches nothing")
SCALES_DOWN = Effect(Impact.UPDATE, (SlotKind.WORKER,), "a lower value deletes the surplus")


def fields(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Every field that holds a value by its dotted path, ``[]`` for any element, ``.*`` any key."""
    for name, info in model.model_fields.items():
        inner = model_in(info.annotation)
        if inner is None:
            yield prefix + name, info
        else:
            yield from fields(inner, f"{prefix}{name}{_mark(info.annotation)}.")


def effect_of(info: FieldInfo) -> Effect | None:
    """The effect that stands on a field, or None when its author forgot it."""
    return next((item for item in info.metadata if isinstance(item, Effect)), None)


def settings_of(model: BaseModel, kind: SlotKind, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The fields below ``model`` whose change restarts nodes of ``kind``, as (path, value)."""
    for name, info in type(model).model_fields.items():
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            yield from settings_of(value, kind, f"{prefix}{name}.")
            continue
        effect = effect_of(info)
        if effect is not None and effect.impact is Impact.RESTART and kind in effect.on:
            yield prefix + name, value


def _mark(annotation: Any) -> str:
    return {tuple: "[]", dict: ".*"}.get(get_origin(annotation), "")


def model_in(annotation: Any) -> type[BaseModel] | None:
    """The model that a field holds, also in a tuple, a mapping or an optional."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (model_in(argument) for argument in get_args(annotation))
    return next((model for model in found if model is not None), None)
