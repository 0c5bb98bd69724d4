"""The one door for packages: Ray's dashboard, which judges each upload before it reads it."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from adbray_ctl.in_ray.uploads import pins
from adbray_ctl.in_ray.uploads.asking import memory
from adbray_ctl.in_ray.uploads.room import MIB, Store, refusal

logger = logging.getLogger(__name__)

# The keeper's configuration, which says where the store is; on heads alone.
CONFIG_VARIABLE = "ADBRAY_STORE_CONFIG"
PACKAGES = "/api/packages/"
# Asked instead of a package: how much room there is.
ROOM = PACKAGES + "adbray/room"
JOBS = "/api/jobs/"
# A job's own description, environment included, is kept in the store for as long as its group.
LARGEST_JOB = MIB
# The dashboard holds each body twice, in the head's memory.
AT_ONCE = 2

Proxy = Callable[[Any, Any], Awaitable[Any]]


class Door:
    """Judges requests to the dashboard. ``ask`` gives Redis' INFO of its memory, as text."""

    def __init__(self, ask: Callable[[], str]) -> None:
        self._ask = ask
        self._asking = asyncio.Lock()
        self._reading = asyncio.Semaphore(AT_ONCE)
        self._coming = 0
        self._repinned = False

    async def pass_on(self, proxy: Proxy, handle: Any, request: Any) -> Any:
        """Answer ``request``, or have ``proxy`` do so."""
        from aiohttp.web import Response

        if not self._repinned:
            self._repinned = True
            # Beside the requests: a GCS that is slow holds none of them up.
            asyncio.get_running_loop().run_in_executor(None, pins.renew_all)
        if request.path == ROOM:
            return Response(text=json.dumps(self._figures(await self.store())))
        upload = request.method == "PUT" and request.path.startswith(PACKAGES)
        job = request.method == "POST" and request.path == JOBS
        size = request.content_length
        if (upload or job) and size is None:
            return Response(status=411, text="the request must state its size (Content-Length)")
        if upload:
            async with self._reading:
                return await self._take(proxy, handle, request, size)
        if job and size > LARGEST_JOB:
            text = f"the job description is {size} bytes long; the limit is {LARGEST_JOB}"
            return Response(status=413, text=f"{text}. Put large data into the working directory")
        return await proxy(handle, request)

    async def _take(self, proxy: Proxy, handle: Any, request: Any, size: int) -> Any:
        from aiohttp.web import Response

        refused = refusal(await self.store(), size, pins.kept_s())
        if refused:
            return Response(status=507, text=refused)
        self._coming += size
        try:
            answer = await proxy(handle, request)
        finally:
            self._coming -= size
        if answer.status == 200:
            # Ray's own pin is from before the upload, which may have taken long.
            protocol, _, name = request.path.removeprefix(PACKAGES).partition("/")
            await asyncio.to_thread(pins.pin, f"{protocol}://{name}")
        return answer

    async def store(self) -> Store:
        """As Redis says now; without bounds where it does not answer: Ray finds that out itself."""
        async with self._asking:
            try:
                text = await asyncio.to_thread(self._ask)
            except OSError as error:
                logger.warning("the store did not answer: %s", error)
                return Store(limit=0, used=0)
        return store_of(text, self._coming)

    def _figures(self, store: Store) -> dict[str, int]:
        return {
            "limit": store.limit,
            "share": store.share,
            "used": store.used,
            "room": store.room,
            "largest": store.largest,
            "kept_s": pins.kept_s(),
        }


def store_of(info: str, coming: int = 0) -> Store:
    """The store by Redis' INFO. What connections hold for a moment is not data."""
    facts = dict(line.split(":", 1) for line in info.splitlines() if ":" in line)
    return Store(
        limit=int(facts.get("maxmemory", 0)),
        used=int(facts.get("used_memory_dataset", 0)),
        coming=coming,
    )


def door() -> Door | None:
    """The door of this head; None where the state is not in a Redis."""
    path = os.environ.get(CONFIG_VARIABLE, "")
    if not path or not json.loads(Path(path).read_text()).get("store"):
        return None
    return Door(lambda: memory(Path(path)))
