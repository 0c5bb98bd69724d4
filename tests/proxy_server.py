"""A proxy as companies have one: it refuses what it is asked, and logs it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Asked:
    """One request that came to the proxy: its method, the host it is for, and all its headers."""

    method: str
    host: str
    headers: str


@dataclass
class Proxy:
    """``fleet`` are the prefixes of the fleet's addresses."""

    port: int
    fleet: tuple[str, ...]
    asked: list[Asked] = field(default_factory=list)

    def variables(self, address: str = "127.0.0.1") -> dict[str, str]:
        """All that programs read, in both spellings."""
        url = f"http://{address}:{self.port}"
        names = ("http_proxy", "https_proxy", "all_proxy")
        return {name: url for lower in names for name in (lower, lower.upper())}

    def for_fleet(self) -> list[Asked]:
        """What it was asked for the fleet, which no client may do."""
        return [one for one in self.asked if one.host.startswith(self.fleet)]


@contextmanager
def proxy(*fleet: str, bind: str = "127.0.0.1", port: int = 0) -> Iterator[Proxy]:
    """A running proxy. Without ``fleet`` every host is one of the fleet."""
    with ThreadingHTTPServer((bind, port), _Handler) as server:
        server.daemon_threads = True
        served = Proxy(server.server_port, fleet or ("",))
        server.proxy = served  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield served
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    def do_CONNECT(self) -> None:  # as http.server names it
        self._refuse(self.path.rpartition(":")[0].strip("[]"))

    def do_GET(self) -> None:
        self._refuse(urlsplit(self.path).hostname or self.headers["Host"] or "")

    do_HEAD = do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815

    def _refuse(self, host: str) -> None:
        served: Proxy = self.server.proxy  # type: ignore[attr-defined]
        served.asked.append(Asked(self.command, host, str(self.headers)))
        self.send_response(403)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *words: object) -> None:  # noqa: A002
        pass
