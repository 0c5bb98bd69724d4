"""The disks of slots: which a group has, how they change, what host scripts make of mounts."""

from __future__ import annotations

import errno
import os
import runpy
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

MIB = 2**20
ROOT = Path(__file__).parents[2]


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """The module's names, with what it shares found where Ansible would put it."""
    monkeypatch.syspath_prepend(ROOT)
    yield runpy.run_path(str(ROOT / "plugins" / "modules" / "slot_disks.py"))
    for name in [name for name in sys.modules if "module_utils.adbray_host" in name]:
        del sys.modules[name]


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str, str], Path]:
    """Puts a shell script before a program of the system, which e2fsprogs has in sbin."""
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}:/usr/sbin:/sbin")
    (tmp_path / "bin").mkdir()

    def put(name: str, text: str) -> Path:
        path = tmp_path / "bin" / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        return path

    return put


@pytest.fixture
def head(
    module: dict[str, Any], tool: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., Any]:
    """A head's disk of 16 MiB below ``old`` that is not mounted; nothing can be."""
    tool("systemctl", "exit 1")
    units = sys.modules[module["slots_with_units"].__module__]
    monkeypatch.setattr(units, "UNIT_DIR", str(tmp_path))

    def disk(*, check: bool = False) -> Any:
        where = str(tmp_path / "here")
        return module["Disk"](module["Host"](check), "g", "head", where, spill=False)

    store = module["store_of"]("loop", str(tmp_path / "old"))
    store.make("g.head", 16 * MIB)
    disk().unit.write("g", "head", store.source("g.head"), store.kind, store.options)
    return disk


def test_an_image_that_was_never_finished_counts(module: dict[str, Any], tmp_path: Path) -> None:
    images = tmp_path / ".images"
    images.mkdir()
    for name in ("g.w-0.img", "g.w-1.img.new", "g-2.w-5.img", "other.w-3.img.new", "g.txt"):
        (images / name).write_text("")
    disks = module["GroupDisks"](module["Host"](True), str(tmp_path), "g", [])
    assert disks.present() == {"w-0", "w-1"}


def test_disks_kept_elsewhere_count_and_a_spill_is_its_slot_s(
    module: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "data" / ".images").mkdir(parents=True)
    (tmp_path / "nvme" / ".slots" / "g.w-2.spill").mkdir(parents=True)
    (tmp_path / "nvme" / ".slots" / "g-2.w-3").mkdir()
    (tmp_path / "data" / ".images" / "g.w-1.spill.img").write_text("")
    slot = {"path": str(tmp_path / "data"), "spill_path": str(tmp_path / "nvme")}
    disks = module["GroupDisks"](module["Host"](True), str(tmp_path), "g", [slot])
    assert disks.present() == {"w-1", "w-2"}


def test_a_loop_image_s_room_is_what_it_lacks(module: dict[str, Any], tmp_path: Path) -> None:
    store = module["store_of"]("loop", str(tmp_path))
    (tmp_path / ".images").mkdir()
    (tmp_path / ".images" / "g.w-0.img").write_bytes(b"x" * 4096)
    assert store.needed({"g.w-0": 10_000, "g.w-1": 5_000}) == 10_000 - 4096 + 5_000


@pytest.mark.parametrize(("path", "size"), [("new", 16), ("old", 8)])
def test_a_disk_that_cannot_be_mounted_is_not_taken_for_empty(
    module: dict[str, Any], head: Any, tmp_path: Path, path: str, size: int
) -> None:
    store = module["store_of"]("loop", str(tmp_path / path))
    with pytest.raises(module["DiskError"], match=r"remove .*/old/.images/g\.head\.img if"):
        head().require(store, size * MIB)


@pytest.mark.parametrize(("path", "size"), [("new", 16), ("old", 8)])
def test_a_disk_is_mounted_to_see_what_it_holds(
    module: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    tool: Any,
    head: Any,
    tmp_path: Path,
    path: str,
    size: int,
) -> None:
    where = tmp_path / "here"
    tool(
        "systemctl",
        f'test "$*" = "start {head().unit.name}" && mkdir -p {where}/gcs &&'
        f" head -c 9M /dev/zero > {where}/gcs/log",
    )
    units = sys.modules[module["slots_with_units"].__module__]
    monkeypatch.setattr(units, "mounted", lambda path: "loop9" if Path(path).is_dir() else None)
    store = module["store_of"]("loop", str(tmp_path / path))
    head(check=True).require(store, size * MIB)
    assert not where.exists()
    with pytest.raises(module["DiskError"], match=r"holds (gcs|0\.0 GB besides)"):
        head().require(store, size * MIB)


@pytest.mark.parametrize(("path", "size"), [("new", 16), ("old", 8)])
def test_the_room_kept_for_a_start_holds_no_disk_where_it_is(
    module: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    head: Any,
    tmp_path: Path,
    path: str,
    size: int,
) -> None:
    reserve = tmp_path / "here" / ".reserve"
    reserve.mkdir(parents=True)
    (reserve / "room").write_bytes(bytes(9 * MIB))
    units = sys.modules[module["slots_with_units"].__module__]
    monkeypatch.setattr(units, "mounted", lambda _: "loop9")
    head().require(module["store_of"]("loop", str(tmp_path / path)), size * MIB)


def test_what_is_gone_with_its_path_keeps_nobody_from_moving(
    module: dict[str, Any], head: Any, tmp_path: Path
) -> None:
    (tmp_path / "old" / ".images" / "g.head.img").unlink()
    head().require(module["store_of"]("loop", str(tmp_path / "new")), 16 * MIB)


def test_growing_that_broke_off_is_finished_by_the_next_run(
    module: dict[str, Any], tool: Any, head: Any, tmp_path: Path
) -> None:
    store = module["store_of"]("loop", str(tmp_path / "old"))
    image = Path(store.source("g.head"))
    broken = tool("resize2fs", "exit 1")
    with pytest.raises(module["DiskError"], match="resize2fs"):
        head().ensure(store, 64 * MIB)
    assert (image.stat().st_size, store.size("g.head")) == (64 * MIB, 16 * MIB)
    broken.unlink()
    assert store.needed({"g.head": 64 * MIB}) == 0
    head().ensure(store, 32 * MIB)
    assert (image.stat().st_size, store.size("g.head")) == (32 * MIB, 32 * MIB)
    again = head()
    again.ensure(store, 32 * MIB)
    assert again._host.actions == []


def test_a_full_file_system_leaves_an_image_as_it_was(
    module: dict[str, Any], monkeypatch: pytest.MonkeyPatch, head: Any, tmp_path: Path
) -> None:
    store = module["store_of"]("loop", str(tmp_path / "old"))

    def give_a_part(handle: int, _: int, size: int) -> None:
        os.ftruncate(handle, size // 2)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", give_a_part)
    with pytest.raises(module["DiskError"], match="No space left"):
        head().ensure(store, 64 * MIB)
    assert Path(store.source("g.head")).stat().st_size == 16 * MIB


def test_an_image_without_a_file_system_is_told(module: dict[str, Any], tmp_path: Path) -> None:
    store = module["store_of"]("loop", str(tmp_path))
    (tmp_path / ".images").mkdir()
    (tmp_path / ".images" / "g.w-0.img").write_bytes(b"cut")
    with pytest.raises(module["DiskError"], match=r"g\.w-0\.img holds no ext4"):
        store.size("g.w-0")
