"""What any Ray on a slot starts with: its environment, by the size of the slot's disk."""

from __future__ import annotations

import contextlib
import glob
import os
import shutil
from collections.abc import Iterable, Mapping

from adbray_host import layout

MIB = 2**20
# What Ray caches for environments, each kind on its own.
KINDS = ("WORKING_DIR", "PY_MODULES", "PIP", "UV", "CONDA")
_LABELS = "--labels="
# Of which start of its unit a node is: one of before a loss of power is alive to GCS for a while.
_START = "adbray.io/start"
# How soon a process sees that GCS is back: by Ray's defaults it may wait 2 s before it connects
# again, and looks once a second (src/ray/common/ray_config_def.h). While GCS answers, none asks.
RECONNECT = {
    "RAY_gcs_grpc_max_reconnect_backoff_ms": "500",
    "RAY_grpc_client_check_connection_status_interval_milliseconds": "200",
}


def environment(
    given: Mapping[str, str], *, node: str, spill: str, store_mb: int, direct: Iterable[str]
) -> dict[str, str]:
    """``given``, with what depends on the disk and on this start.

    Disks are asked for their size: one that has grown is no other unit. ``direct`` is what is
    reached without a proxy.
    """
    found = {**RECONNECT, **given}
    # The id of this one start, never used again: Ray must not take this node for one that ended.
    found["RAY_CLOUD_INSTANCE_ID"] = node + "." + given["INVOCATION_ID"]
    # Logs are cut so that sixteen of them, with two older ones each, take a tenth of the disk.
    size = shutil.disk_usage(layout.TMP).total
    found["RAY_ROTATION_MAX_BYTES"] = str(size // 480)
    # Of packages and environments that no job uses, each kind may keep a tenth of the disk.
    for kind in KINDS:
        found.setdefault(f"RAY_RUNTIME_ENV_{kind}_CACHE_SIZE_GB", f"{size / 10 / 2**30:.4f}")
    # Above this share of the disk Ray makes no object that would have to be spilled: what its store
    # holds must still find room, or what is spilled cannot be read back, for want of memory to read
    # it into.
    share = 1 - (store_mb + 64) * MIB / shutil.disk_usage(spill).total
    found["RAY_local_fs_capacity_threshold"] = f"{min(max(share, 0.5), 0.95):.3f}"
    # A proxy that systemd or the spec names is for the way out. What asks the head through it would
    # hand it the token; who excepts every host (*) has said so already.
    past = given.get("no_proxy") or given.get("NO_PROXY") or ""
    if past != "*":
        own = ",".join(("localhost", "127.0.0.1", "::1", *direct))
        past = f"{past},{own}" if past else own
    found["no_proxy"] = found["NO_PROXY"] = past
    return found


def labelled(words: Iterable[str], start: str) -> list[str]:
    """The words of `ray start`, whose labels name this ``start`` of the unit too."""
    return [f"{word},{_START}={start}" if word.startswith(_LABELS) else word for word in words]


def sessions() -> list[str]:
    """What calls itself a session of Ray's, the last one last; jobs may make others."""
    found = glob.glob(os.path.join(layout.TMP, "ray", "session_2*"))
    return sorted(found, key=lambda path: (os.path.isdir(path), os.lstat(path).st_mtime, path))


def remove(path: str) -> None:
    """Jobs can write here too: what they left must not keep Ray from starting."""
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
