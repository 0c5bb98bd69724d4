"""Why a task failed, in a few lines: Ansible spreads it over its result and what it prints."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

_MOST_LINES = 12
_MOST_ITEMS = 3
_LONGEST_LINE = 500
_HIDDEN = "the task failed; its output is hidden because it handles a secret"
_UNHEARD = (
    "the connection failed; what ssh said is hidden because the task handles a secret."
    " `adbray status` connects again and shows it"
)
# ansible-core 2.19 puts the error behind a message only there: "Error executing command." is all
# that the result has of "Error executing command: [Errno 2] No such file or directory".
_PRINTED = re.compile(r"\[ERROR\]: (.*?)(?:\n\n|\nOrigin: |\nfatal: |\Z)", re.DOTALL)
_PREFIX = re.compile(r"(?:Task failed|Module failed|Action failed)(?:: |\.\Z)")
_KILLED = {137, -9}


def is_hidden(result: object) -> bool:
    """Whether this is the result of a task with `no_log`."""
    return isinstance(result, Mapping) and bool(result.get("censored"))


def cause(result: Mapping[str, Any], printed: str, items: Sequence[str] = ()) -> str:
    """The reason of a failure; ``printed`` is what Ansible's callback wrote of it.

    Of a loop, ``items`` are the reasons of those that failed. Nothing of a hidden result is in it.
    """
    if is_hidden(result):
        return _HIDDEN
    if items:
        more = [f"and {len(items) - _MOST_ITEMS} more items"] if items[_MOST_ITEMS:] else []
        return _short("\n".join([*items[:_MOST_ITEMS], *more]))
    return _short(_reason(result, printed)) or "Ansible gave no reason"


def item_cause(result: Mapping[str, Any], printed: str) -> str:
    """The reason of one item of a loop, behind its name."""
    if is_hidden(result):
        return _HIDDEN
    label = result.get("_ansible_item_label", result.get("item"))
    return f"item {label}: {_reason(result, printed) or 'Ansible gave no reason'}"


def cause_of_silence(result: Mapping[str, Any]) -> str:
    """Why a host could not be reached."""
    return _UNHEARD if is_hidden(result) else _short(_reason(result, ""))


def _reason(result: Mapping[str, Any], printed: str) -> str:
    message = _unprefixed(_text(result, "msg"))
    error = _printed_error(printed)
    if len(error) > len(message) and error.startswith(message.rstrip(".")):
        message = error
    if result.get("assertion") and str(result["assertion"]) not in message:
        message += f" ({result['assertion']})"
    status = result.get("rc")
    if message == "non-zero return code" and status is not None:
        message = f"exit status {status}"
    complaints = [_text(result, "stderr"), _text(result, "module_stderr")]
    if status in _KILLED:
        complaints.append("it was killed: look for out of memory in the host's kernel log")
    if result.get("failed_when_result") and not message:
        message = "what it printed counts as a failure"
    if not any(complaints):
        complaints = [_text(result, "stdout") if "rc" in result else ""]
    parts = [message, *(text for text in complaints if text and text not in message)]
    return "\n".join(part for part in parts if part)


def _printed_error(printed: str) -> str:
    found = _PRINTED.search(printed.replace("\r\n", "\n"))
    return _unprefixed(found[1]) if found else ""


def _unprefixed(text: str) -> str:
    while prefix := _PREFIX.match(text):
        text = text[prefix.end() :]
    return text.strip()


def _text(result: Mapping[str, Any], key: str) -> str:
    return str(result.get(key) or "").strip()


def _short(text: str) -> str:
    """The last lines, where the reason of a traceback is, and no line without end."""
    lines = text.splitlines()[-_MOST_LINES:]
    return "\n".join(
        line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]}..." for line in lines
    )
