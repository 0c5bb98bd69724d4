"""Writes the dashboards: `python -m dashboards DIRECTORY`, with scripts/ on the path."""

from __future__ import annotations

import sys
from pathlib import Path

from dashboards import gpu, group, state, usage, workers
from dashboards.build import text_of

for board in (group.BOARD, workers.BOARD, state.BOARD, gpu.BOARD, usage.BOARD):
    (Path(sys.argv[1]) / f"{board.name}.json").write_text(text_of(board), encoding="utf-8")
