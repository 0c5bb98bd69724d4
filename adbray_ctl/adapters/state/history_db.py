"""The history in SQLite; every call is a transaction of its own, so a killed run loses nothing."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from adbray_ctl.core.errors import AdbrayError, UsageError
from adbray_ctl.core.history import NodeResult, NodeState, Run, RunDetail, RunOutcome, RunStart
from adbray_ctl.core.slot.record import NodeAt

_VERSION = 1
# SQLite's integers have 64 bits.
_LARGEST = 2**63 - 1
# What the time of a process's start may be off by.
_CLOCK_S = 1.0
# SQLite calls a full disk an I/O error as often as not.
_LEAST_FREE = 2**20
_SCHEMA = """
CREATE TABLE IF NOT EXISTS runs (
    number INTEGER PRIMARY KEY AUTOINCREMENT, grp TEXT NOT NULL, command TEXT NOT NULL,
    who TEXT NOT NULL, pid INTEGER NOT NULL, started_at REAL NOT NULL, ended_at REAL,
    outcome TEXT NOT NULL, error TEXT NOT NULL, plan TEXT NOT NULL, spec TEXT NOT NULL,
    fleet TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS nodes (
    run INTEGER NOT NULL REFERENCES runs, position INTEGER NOT NULL, node TEXT NOT NULL,
    host TEXT NOT NULL, action TEXT NOT NULL, reason TEXT NOT NULL, state TEXT NOT NULL,
    started_at REAL, ended_at REAL, PRIMARY KEY (run, position)
);
CREATE TABLE IF NOT EXISTS logs (run INTEGER NOT NULL REFERENCES runs, path TEXT NOT NULL);
"""
_RUN = "number, grp, command, who, started_at, ended_at, outcome, error"


class HistoryDb:
    """History. The file is made when first written to, readable by its owner alone."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def begin(self, start: RunStart) -> int:
        with self._open(make=True) as db:
            cursor = db.execute(
                "INSERT INTO runs (grp, command, who, pid, started_at, outcome, error, plan, spec,"
                " fleet) VALUES (?, ?, ?, ?, ?, ?, '', ?, ?, ?)",
                (
                    *(start.group, start.command, _who(), os.getpid(), start.started_at),
                    *(RunOutcome.RUNNING, start.plan, start.spec, start.fleet),
                ),
            )
            number = int(cursor.lastrowid or 0)
            db.executemany(
                "INSERT INTO nodes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (number, position, *_node_values(node))
                    for position, node in enumerate(start.nodes)
                ],
            )
        return number

    def mark(self, number: int, nodes: tuple[NodeAt, ...], state: NodeState, at: float) -> None:
        column = "started_at" if state is NodeState.RUNNING else "ended_at"
        with self._open() as db:
            db.executemany(
                f"UPDATE nodes SET state = ?, {column} = ? WHERE run = ? AND node = ?"  # noqa: S608 - two fixed names
                " AND host = ?",
                [(state, at, number, node, host) for node, host in nodes],
            )

    def log(self, number: int, path: str) -> None:
        with self._open() as db:
            db.execute("INSERT INTO logs VALUES (?, ?)", (number, path))

    def end(self, number: int, outcome: RunOutcome, at: float, error: str = "") -> None:
        with self._open() as db:
            db.execute(
                "UPDATE runs SET outcome = ?, ended_at = ?, error = ? WHERE number = ?",
                (outcome, at, error, number),
            )

    def runs(self, group: str | None, limit: int) -> tuple[Run, ...]:
        with self._open() as db:
            rows = db.execute(
                f"SELECT {_RUN}, pid FROM runs WHERE ? IS NULL OR grp = ?"  # noqa: S608 - fixed names
                " ORDER BY number DESC LIMIT ?",
                (group, group, min(limit, _LARGEST)),
            ).fetchall()
        return tuple(Run(**_run_fields(row)) for row in rows)

    def run(self, number: int) -> RunDetail:
        if not 0 < number <= _LARGEST:
            raise _no_run(number, 0)
        with self._open() as db:
            last = db.execute("SELECT max(number) FROM runs").fetchone()[0] or 0
            row = db.execute(
                f"SELECT {_RUN}, pid, plan, spec, fleet FROM runs WHERE number = ?",  # noqa: S608 - fixed names
                (number,),
            ).fetchone()
            nodes = db.execute(
                "SELECT node, host, action, reason, state, started_at, ended_at FROM nodes"
                " WHERE run = ? ORDER BY position",
                (number,),
            ).fetchall()
            logs = db.execute("SELECT path FROM logs WHERE run = ?", (number,)).fetchall()
        if row is None:
            raise _no_run(number, last)
        return RunDetail(
            **_run_fields(row[:9]),
            plan=row[9],
            spec=row[10],
            fleet=row[11],
            nodes=tuple(
                NodeResult(**dict(zip(NodeResult.model_fields, node, strict=True)))
                for node in nodes
            ),
            logs=tuple(path for (path,) in logs),
        )

    @contextmanager
    def _open(self, *, make: bool = False) -> Iterator[sqlite3.Connection]:
        """A connection with a transaction around the block; an empty history if there is none."""
        if make:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
        target = str(self._path) if self._path.exists() else ":memory:"
        try:
            # Fifteen seconds: another run may write at the same moment, but never for long.
            connection = sqlite3.connect(target, timeout=15)
            try:
                _migrate(connection)
                with connection:
                    yield connection
            finally:
                connection.close()
        except sqlite3.DatabaseError as error:
            hint = "move the file away to begin a new one; no cluster depends on it"
            if shutil.disk_usage(self._path.parent).free < _LEAST_FREE:
                hint = "the disk is full: free some space on it"
            raise AdbrayError(
                f"the history cannot be read or written: {error}",
                where=str(self._path),
                hint=hint,
            ) from error


def _no_run(number: int, last: int) -> UsageError:
    hint = f"runs: 1 to {last}; `adbray history` lists them" if last else "`adbray history`"
    return UsageError(f"there is no run {number}", hint=hint)


def _who() -> str:
    return f"{getpass.getuser()}@{socket.gethostname()}"


def _migrate(connection: sqlite3.Connection) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > _VERSION:
        raise sqlite3.DatabaseError(f"it was written by a newer adbray (version {version})")
    if version < _VERSION:
        connection.execute("PRAGMA journal_mode = WAL")
        with connection:
            connection.executescript(
                f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version = {_VERSION}; COMMIT;"
            )


def _node_values(node: NodeResult) -> tuple[object, ...]:
    times = (node.started_at, node.ended_at)
    return (node.node, node.host, node.action, node.reason, node.state, *times)


def _run_fields(row: tuple[object, ...]) -> dict[str, Any]:
    """A run's fields by name; one whose process is no more was interrupted."""
    fields = dict(zip(Run.model_fields, row[:8], strict=True))
    pid, began = int(str(row[8])), float(str(fields["started_at"]))
    if fields["outcome"] == RunOutcome.RUNNING and not _lives_since(pid, began):
        fields["outcome"] = RunOutcome.INTERRUPTED
    return fields


def _lives_since(pid: int, began: float) -> bool:
    """Whether process ``pid`` lives and is no later one, which was given the same number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    try:
        # proc(5): the 22nd field, in ticks since boot; the second may have blanks and brackets.
        ticks = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
        up = float(Path("/proc/uptime").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return True
    born = time.time() - up + ticks / os.sysconf("SC_CLK_TCK")
    return born < began + _CLOCK_S
