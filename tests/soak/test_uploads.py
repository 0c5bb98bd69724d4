"""Hundreds of uploads within an hour: the head lives, the store is bounded, refusals say why.

ADBRAY_UPLOADS is how many each way makes (500), ADBRAY_UPLOADS_S in how many seconds (3600),
ADBRAY_UPLOADS_WAYS which ways go side by side (adbray,ray,ray.init), and ADBRAY_UPLOADS_CSV a file
for the curve of Redis' memory.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import Project, lab_of
from tests.soak.uploading import GROUP, SPEC, Tally, Uploads, Watch, lives

COUNT = int(os.environ.get("ADBRAY_UPLOADS", "500"))
SECONDS = float(os.environ.get("ADBRAY_UPLOADS_S", "3600"))
WAYS = os.environ.get("ADBRAY_UPLOADS_WAYS", "adbray,ray,ray.init").split(",")
CSV = os.environ.get("ADBRAY_UPLOADS_CSV", "")
SIZE = 20_000_000
LIMIT_MIB = 128


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A lab of two hosts with the group applied."""
    with lab_of(tmp_path_factory.mktemp("uploads"), "--hosts", "2") as project:
        project.ok("init", "--lab")
        project.write_group(GROUP, SPEC)
        project.ok("apply", GROUP, "--yes")
        yield project


@pytest.mark.timeout(SECONDS + 1800)
def test_uploads_side_by_side(applied: Project, tmp_path: Path) -> None:
    uploads = Uploads(applied, tmp_path, SIZE)
    before = lives(applied)
    ways = {"adbray": uploads.by_adbray, "ray": uploads.by_ray, "ray.init": uploads.by_client}
    tallies = [Tally(name) for name in WAYS]
    curve = Path(CSV) if CSV else tmp_path / "curve.csv"
    with Watch(applied, 2 if SECONDS > 600 else 0.5, curve) as watch:
        threads = [
            threading.Thread(target=uploads.paced, args=(ways[tally.way], tally, COUNT, SECONDS))
            for tally in tallies
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():
                thread.join(60)
                print("; ".join(tally.text for tally in tallies), flush=True)  # noqa: T201  # progress
        for tally in tallies:
            uploads.settle(tally, within_s=300)
            print(tally.text)  # noqa: T201  # the soak's figures
    peak = max(sample.used for sample in watch.samples)
    print(f"Redis: {peak:.1f} MiB at most, of {LIMIT_MIB}")  # noqa: T201  # as above
    wrong = [text for tally in tallies for text in tally.wrong]
    assert not wrong, wrong[:5]
    assert all(tally.right and tally.right + tally.refused == COUNT for tally in tallies), tallies
    assert lives(applied) == before, "the head ended"
    assert max(sample.data for sample in watch.samples) < LIMIT_MIB
    # What Redis sends and writes down passes through its memory too, for a moment.
    assert peak < LIMIT_MIB + 2 * SIZE / 2**20
