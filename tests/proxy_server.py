"""A proxy as companies have one: it passes on what is outside, refuses the fleet, and logs both."""

from __future__ import annotations

import http.client
import select
import socket
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
    """``refused`` are the prefixes of the hosts that it refuses; "" refuses all."""

    port: int
    refused: tuple[str, ...]
    asked: list[Asked] = field(default_factory=list)

    def variables(self, address: str = "127.0.0.1") -> dict[str, str]:
        """All that programs read, in both spellings."""
        url = f"http://{address}:{self.port}"
        names = ("http_proxy", "https_proxy", "all_proxy")
        return {name: url for lower in names for name in (lower, lower.upper())}

    def for_fleet(self) -> list[Asked]:
        """What it was asked and refused."""
        return [one for one in self.asked if one.host.startswith(self.refused)]


@contextmanager
def proxy(*refused: str, bind: str = "127.0.0.1", port: int = 0) -> Iterator[Proxy]:
    """A running proxy; hosts that begin with one of ``refused`` get 403, all without any."""
    with ThreadingHTTPServer((bind, port), _Handler) as server:
        server.daemon_threads = True
        served = Proxy(server.server_port, refused or ("",))
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
        host, _, port = self.path.rpartition(":")
        if self._is_refused(host.strip("[]")):
            return
        with socket.create_connection((host.strip("[]"), int(port)), timeout=30) as outside:
            self.send_response(200)
            self.end_headers()
            _join(self.connection, outside)
        self.close_connection = True

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if self._is_refused(url.hostname or self.headers["Host"] or ""):
            return
        outside = http.client.HTTPConnection(url.hostname or "", url.port or 80, timeout=30)
        path = url.path + (f"?{url.query}" if url.query else "")
        outside.request(self.command, path, headers=dict(self.headers))
        answer = outside.getresponse()
        body = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_HEAD = do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815

    def _is_refused(self, host: str) -> bool:
        served: Proxy = self.server.proxy  # type: ignore[attr-defined]
        served.asked.append(Asked(self.command, host, str(self.headers)))
        if not host.startswith(served.refused):
            return False
        self.send_response(403)
        self.send_header("Content-Length", "0")
        self.end_headers()
        return True

    def log_message(self, format: str, *words: object) -> None:  # noqa: A002
        pass


def _join(inside: socket.socket, outside: socket.socket) -> None:
    """Pass bytes both ways until either side closes."""
    other = {inside: outside, outside: inside}
    while True:
        ready, _, _ = select.select([inside, outside], [], [], 60)
        for one in ready:
            chunk = one.recv(65536)
            if not chunk:
                return
            other[one].sendall(chunk)
        if not ready:
            return
