"""Why a host that was logged in to does not run a command, and what to do about it."""

from __future__ import annotations

from adbray_ctl.adapters.ssh.marks import Stage
from adbray_ctl.core.errors import HostError, SudoError


def slowness(stage: Stage, begin_s: float, said: str) -> str:
    """What has not come within ``begin_s`` seconds; ``said`` is what the shell printed."""
    if stage is Stage.SUDO:
        return f"sudo gave no answer within {begin_s:g} s"
    what = f"its login shell did not start the command within {begin_s:g} s"
    return f"{what}; it printed: {said}" if said else what


def silence(what: str, stage: Stage, *, user: str, host: str, begin_s: float) -> HostError:
    """The error for a host of which nothing comes any more at ``stage``."""
    if stage is Stage.SUDO:
        return SudoError(what, where=host, hint="see on the host what sudo waits for")
    hint = "look at the host's load and disks"
    if stage is Stage.SHELL:
        hint = (
            f"see on the host what the login of {user} waits for (.bashrc, PAM), or"
            f" set ssh.connect_timeout_s in fleet.yml to more than {begin_s:g}"
        )
    return HostError(what, where=host, hint=hint)


def no_shell(status: int, said: str, *, user: str, host: str) -> HostError:
    """The login shell ended, or is something else, such as a menu or a forced command."""
    if status == -1:
        ended = "it was killed, or the connection broke,"
    else:
        ended = f"it ended with exit status {status}"
    return HostError(
        f"the login shell of {user} runs no command: {ended}"
        + (f" and printed: {said}" if said else " and printed nothing"),
        where=host,
        hint=f"give {user} a shell that runs commands (see /etc/passwd, its start-up files, and"
        " `command=` in authorized_keys), or set another ssh.user in fleet.yml",
    )


def no_sudo(complaint: str, *, user: str, host: str, on_terminal: bool) -> SudoError:
    """``on_terminal`` says whether it works on one."""
    if on_terminal:
        what = f"sudo wants a terminal (requiretty): {complaint}"
        hint = f"write `Defaults:{user} !requiretty` to a file in /etc/sudoers.d there"
    else:
        what = f"{user} may not use sudo: {complaint}"
        hint = (
            f"give {user} passwordless sudo (NOPASSWD) there, or log in as root; try it with"
            f" `sudo -n true` as {user}"
        )
    return SudoError(what, where=host, hint=hint)


def sudo_missing(host: str) -> SudoError:
    hint = "install sudo, or log in as root (ssh.user in fleet.yml)"
    return SudoError("sudo is not installed", where=host, hint=hint)
