"""Frees what was chosen of a slot's disk; no step of the way there may be a link."""

from __future__ import annotations

import os
import subprocess
from typing import Any

from adbray_host.cleaning.kinds import ENDED_LOGS

_RM = "/bin/rm"
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


def free(disk: str, item: dict[str, Any], held: dict[tuple[int, int], str]) -> str:
    """Remove it; why it could not be, or nothing. No step of the way there may be a link."""
    *folders, last = item["path"].split("/")
    handles = [os.open(disk, _FOLDER)]
    try:
        for folder in folders:
            handles.append(os.open(folder, _FOLDER, dir_fd=handles[-1]))
        if item["what"] == ENDED_LOGS:
            handles.append(os.open(last, _FOLDER, dir_fd=handles[-1]))
            _free_files(handles[-1], held)
            return ""
        if item["path"] == "spill":
            handles.append(os.open(last, _FOLDER, dir_fd=handles[-1]))
            names = os.listdir(handles[-1])
        else:
            names = [last]
        # rm follows no link on its way down, however jobs change what is there.
        command = [_RM, "-rf", "--one-file-system", "--", *("./" + name for name in names)]
        where = "/proc/self/fd/%d" % handles[-1]
        done = subprocess.run(
            command, cwd=where, pass_fds=(handles[-1],), stderr=subprocess.PIPE, check=False
        )
        return done.stderr.decode(errors="replace").strip()[:300]
    except OSError as error:
        return str(error)
    finally:
        for handle in handles:
            os.close(handle)


def _free_files(base: int, held: dict[tuple[int, int], str]) -> None:
    for _, _, names, handle in os.fwalk(".", dir_fd=base):
        for name in names:
            try:
                state = os.stat(name, dir_fd=handle, follow_symlinks=False)
                if (state.st_dev, state.st_ino) not in held:
                    os.unlink(name, dir_fd=handle)
            except OSError:
                continue
