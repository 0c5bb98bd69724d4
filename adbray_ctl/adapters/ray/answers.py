"""What Ray's job client raises, as one error of ours: who answered, and with which reason.

The client puts an answer that it does not like into a text, with its status and its body. A status
alone does not show who answered: proxies and other web servers use the same ones. So each class of
fault is recognized by the words that Ray's dashboard itself uses for it.
"""

from __future__ import annotations

import errno
import re
from dataclasses import dataclass

from adbray_ctl.core.errors import ClusterError
from adbray_ctl.core.foreign import is_page, reason_in

# By ray/dashboard/modules/dashboard_sdk.py, ray/_private/authentication (2.60).
_REFUSED = re.compile(r"Request failed with status code (\d{3}): (.*?)\.?\s*$", re.DOTALL)
_TOKEN = re.compile(r"Authentication (failed|required): (.*?)(\n\nToken auth.*)?$", re.DOTALL)
_TOKEN_STATUS = {"failed": 403, "required": 401}
_WRONG_TOKEN = "Forbidden: Invalid authentication token"  # noqa: S105 - the dashboard's words
_NO_TOKEN = "Unauthorized: Missing authentication token"  # noqa: S105
_NO_VERSION = "Version check returned 404"
_NO_JOB = re.compile(r"Job .* does not exist", re.DOTALL)
_STREAM = "websocket"
# Raised before anything is sent: a file of the working directory, or no room to pack it.
_LOCAL = (errno.ENOSPC, errno.EDQUOT, errno.EMFILE)
# What Ray's client raises for an answer that is JSON of another shape, or none.
UNREADABLE = (TypeError, LookupError, AttributeError)
# ValueErrors, of which requests makes the first one an OSError as well.
_UNREADABLE_VALUES = ("JSONDecodeError", "ValidationError")


class AwayError(ClusterError):
    """No dashboard answers, or one that has just started."""


class NoJobError(ClusterError):
    """The dashboard does not know the job."""


@dataclass(frozen=True)
class _Answer:
    status: int
    body: str
    raised: bool = False
    """Whether only the status is known, since the client did not keep the body."""


def explain(error: Exception, address: str) -> ClusterError:
    """The error to raise for ``error`` of Ray's client, which asked at ``address``."""
    answer = _answer(error)
    if answer is not None:
        return _refusal(answer, address)
    text = str(error)
    if isinstance(error, OSError) and (error.filename or error.errno in _LOCAL):
        return ClusterError(f"nothing was sent: {error.strerror}", where=str(error.filename or ""))
    if isinstance(error, UNREADABLE) or type(error).__name__ in _UNREADABLE_VALUES:
        first = text.partition("\n")[0] or "no more is known"
        return _stranger(f"{type(error).__name__}: {first}", address)
    if isinstance(error, OSError):
        return AwayError("no Ray dashboard answers", where=address, hint="look at `adbray status`")
    what = reason_in(text, f"Ray's client failed with {type(error).__name__}, and says no more")
    return (AwayError if text.lower().startswith(_STREAM) else ClusterError)(what, where=address)


def _answer(error: Exception) -> _Answer | None:
    """What was answered, where ``error`` is about an answer."""
    text = str(error)
    if match := _REFUSED.match(text):
        return _Answer(int(match[1]), match[2])
    if match := _TOKEN.match(text):
        return _Answer(_TOKEN_STATUS[match[1]], match[2])
    if text.startswith(_NO_VERSION):
        return _Answer(404, text)
    # requests.HTTPError has the whole answer, aiohttp's handshake error the status alone.
    response = getattr(error, "response", None)
    if response is not None and getattr(response, "status_code", 0) >= 400:
        return _Answer(response.status_code, response.text)
    status = getattr(error, "status", None)
    return _Answer(status, "", raised=True) if isinstance(status, int) else None


def _refusal(answer: _Answer, address: str) -> ClusterError:
    body, status = answer.body, answer.status
    if body.startswith(_WRONG_TOKEN):
        return ClusterError(
            "the cluster refused the token",
            where=address,
            hint="run `adbray apply` to put this project's token on the hosts",
        )
    if body.startswith(_NO_TOKEN):
        return ClusterError(
            "the cluster got no token",
            where=address,
            hint="see that the token's file is not empty, and that nothing on the way removes the"
            " header Authorization",
        )
    # Of a stream's refusal, only the status is known; the dashboard answered the call before it.
    if _NO_JOB.match(body) or (answer.raised and status == 404):
        return NoJobError("there is no such job", where=address)
    if _is_of_ray(answer):
        what = reason_in(body, f"it answered with status code {status}, and says no more")
        return (AwayError if status >= 500 else ClusterError)(what, where=address)
    what = f"status code {status}: {reason_in(body, 'no more is known')}"
    return _stranger(what, address, status)


def _is_of_ray(answer: _Answer) -> bool:
    """Whether Ray's dashboard may have answered so: it serves no pages, and keeps its version."""
    if answer.raised:
        return True
    if answer.status in (401, 403, 407) or answer.body.startswith(_NO_VERSION):
        return False
    return not is_page(answer.body)


def _stranger(what: str, address: str, status: int = 0) -> ClusterError:
    # A proxy or a load balancer answers 502 to 504 while the head behind it is away.
    return (AwayError if status >= 500 else ClusterError)(
        f"the server at this address does not answer like a Ray dashboard of this version: {what}",
        where=address,
        hint="see with `adbray status` that the head runs, and what else answers at this address:"
        " a proxy, a firewall's page, another service",
    )
