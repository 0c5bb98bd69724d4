"""What a Ray client is answered whose package the door refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def answering(original: Callable[..., Any]) -> Callable[..., Any]:
    """Ray's ``KVPut`` of the proxy for clients, which hands the client a refusal to raise.

    By itself the proxy ends such a call with UNKNOWN, at which a client sends the whole package
    again every half a second, for ever (Ray 2.60: ``_call_stub`` in ray/util/client/worker.py). The
    servers behind the proxy answer as this does.
    """

    def put(self: Any, request: Any, context: Any = None) -> Any:
        from ray.core.generated import ray_client_pb2
        from ray.util.client.server import server

        answers: Any = ray_client_pb2
        refuse: Any = server.return_exception_in_context
        try:
            return original(self, request, context)
        except (RuntimeError, ValueError) as error:
            # Refused, and not that a GCS or dashboard is away for now: then the client asks again.
            refuse(error, context)
            return answers.KVPutResponse(already_exists=False)

    return put
