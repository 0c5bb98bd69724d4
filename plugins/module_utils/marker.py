"""What an environment is, in a file that is written last: a half-made one never counts."""

from __future__ import annotations

import json
import os
from typing import Any

from ansible_collections.adbray.ray.plugins.module_utils.environment import whole

MARKER = ".adbray.json"
BOOT_ID = "/proc/sys/kernel/random/boot_id"


def installed(path: str) -> dict[str, Any]:
    """What the marker says; nothing if there is none, or the disk lost files as power went.

    An install does not wait until the disk has them; it does when that boot ends well.
    """
    try:
        with open(os.path.join(path, MARKER), encoding="utf-8") as file:
            found = dict(json.load(file))
    except (OSError, ValueError, TypeError):
        return {}
    return found if found.get("boot") in (None, boot()) or whole(path) else {}


def boot() -> str:
    """Which boot of the host this is."""
    with open(BOOT_ID, encoding="utf-8") as file:
        return file.read().strip()


def write_marker(path: str, content: dict[str, Any]) -> None:
    content = {**content, "boot": boot()}
    target = os.path.join(path, MARKER)
    with open(f"{target}.new", "w", encoding="utf-8") as file:
        file.write(json.dumps(content, sort_keys=True) + "\n")
    os.rename(f"{target}.new", target)
