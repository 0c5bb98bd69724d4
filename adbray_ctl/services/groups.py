"""Groups by name: which names this directory knows, without asking a host."""

from __future__ import annotations

from adbray_ctl.core.errors import UsageError
from adbray_ctl.core.text import no_such
from adbray_ctl.services.tools import Tools


def require_known(tools: Tools, group: str) -> None:
    """Raise UsageError for a name that this directory has no trace of; no host is asked.

    A trace is a file in groups/, secrets, or a run in the history: a group whose file was deleted
    may still stand on hosts. A directory without any group cannot tell a typo: the hosts decide.
    """
    names = tools.specs.names()
    if group in names or tools.secrets.has(group) or tools.history.runs(group, 1):
        return
    if names or tools.history.runs(None, 1):
        raise UsageError(
            no_such("group", group, names),
            hint="`adbray orphans` lists groups that stand on hosts without a file here",
        )
