"""Which disks a group is seen to have, by what lies in the images' folder."""

from __future__ import annotations

import runpy
from pathlib import Path

LIBRARY = Path(__file__).parents[2] / "playbooks" / "library"


def test_an_image_that_was_never_finished_counts(tmp_path: Path) -> None:
    module = runpy.run_path(str(LIBRARY / "slot_disks.py"))
    images = tmp_path / ".images"
    images.mkdir()
    for name in ("g.w-0.img", "g.w-1.img.new", "g-2.w-5.img", "other.w-3.img.new", "g.txt"):
        (images / name).write_text("")
    disks = module["LoopDisks"](module["Host"](True), str(tmp_path), "g")
    assert disks.present() == {"w-0", "w-1"}
