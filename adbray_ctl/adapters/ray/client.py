"""Ray's own job client, for one address, whatever the caller's environment says.

Ray's client asks through ``requests``, which takes proxies from the environment and replaces the
Authorization header by what ``~/.netrc`` has for the host. Ray itself takes its address from two
variables first. Each of the three would carry a group's token to a place that may not see it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ray.job_submission import JobSubmissionClient
    from requests import PreparedRequest, Response

# Ray's client prefers these to the address that it is given (ray.dashboard.utils, 2.60).
_ADDRESSES = ("RAY_API_SERVER_ADDRESS", "RAY_ADDRESS")


def connect(address: str, headers: Mapping[str, str]) -> JobSubmissionClient:
    """Raises what Ray's client raises: ConnectionError, RuntimeError, ValueError, OSError."""
    from ray.exceptions import AuthenticationError
    from ray.job_submission import JobSubmissionClient

    class Client(JobSubmissionClient):
        def _do_request(self, method: str, endpoint: str, **options: Any) -> Response:
            within_s = _TAKEN_WITHIN_S if method == "PUT" else _WITHIN_S
            try:
                answer: Response = super()._do_request(
                    method, endpoint, timeout=within_s, **_ALONE, **options
                )
            except AuthenticationError as error:  # no RuntimeError, as Ray's others are
                raise RuntimeError(str(error)) from error
            if answer.is_redirect:
                target = answer.headers["location"]
                raise RuntimeError(f"it redirects to {target}, which Ray's dashboard never does")
            return answer

    with _without(_ADDRESSES):
        return Client(address, headers=dict(headers))


def _keep(request: PreparedRequest) -> PreparedRequest:
    """Leave the headers as they are. With no ``auth`` at all, requests would ask netrc."""
    return request


# A head that went away gives no answer at all. An upload takes longer: a head takes two at once.
_WITHIN_S, _TAKEN_WITHIN_S = 30.0, 300.0
# For requests: no proxy for any host, the headers as they are, and no other address than this one.
_ALONE: dict[str, Any] = {
    "proxies": {"no_proxy": "*"},
    "auth": _keep,
    "allow_redirects": False,
}


@contextmanager
def _without(names: tuple[str, ...]) -> Iterator[None]:
    """The environment without these variables, for as long as this lasts."""
    kept = {name: os.environ.pop(name) for name in names if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(kept)
