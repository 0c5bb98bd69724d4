"""A headless Chromium, driven by its DevTools protocol, that trusts one certificate alone."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

SCREENSHOTS = "ADBRAY_SCREENSHOTS"


class Browser:
    """One page. Every call takes a connection of its own: a page outlives them."""

    def __init__(self, port: int) -> None:
        self._http = f"http://127.0.0.1:{port}"

    def visit(self, url: str) -> None:
        self._call("Page.navigate", url=url)

    def text(self) -> str:
        """What a person can read there now."""
        return str(self.run("document.body ? document.body.innerText : ''"))

    def run(self, expression: str) -> Any:
        """What JavaScript gives in the page, once it is there."""
        told = self._call(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in told, told
        return told["result"]["value"]

    def await_text(self, *parts: str, reload: bool = False) -> str:
        """The page's text once it has all ``parts``; it may need to be loaded again for that."""
        end = time.monotonic() + 120
        while any(part not in (found := self.text()) for part in parts):
            assert time.monotonic() < end, f"{parts} are not all in:\n{found}"
            if reload:
                self._call("Page.reload")
            time.sleep(4 if reload else 0.5)
        return found

    def keep_screenshot(self, name: str) -> None:
        """As NAME.png in the directory that the environment names, if it does."""
        if folder := os.environ.get(SCREENSHOTS):
            shot = base64.b64decode(self._call("Page.captureScreenshot")["data"])
            (Path(folder) / f"{name}.png").write_bytes(shot)

    def _call(self, method: str, **parameters: Any) -> Any:
        return asyncio.run(self._ask(method, parameters))

    async def _ask(self, method: str, parameters: dict[str, Any]) -> Any:
        async with aiohttp.ClientSession() as session:
            async with session.get(f"{self._http}/json/list") as listed:
                pages = [one for one in await listed.json() if one["type"] == "page"]
            socket = pages[0]["webSocketDebuggerUrl"]
            async with session.ws_connect(socket, max_msg_size=0) as connection:
                await connection.send_json({"id": 1, "method": method, "params": parameters})
                while True:
                    told = json.loads(await connection.receive_str(timeout=60))
                    if told.get("id") == 1:
                        assert "error" not in told, told
                        return told["result"]


@contextmanager
def browser(folder: Path, certificate: Path) -> Iterator[Browser]:
    """It runs until the block ends; ``folder`` is for its files."""
    program = shutil.which("chromium")
    if program is None:
        pytest.fail("chromium is not installed: run `make soak-tools` as root")
    options = [
        "--headless",
        "--no-sandbox",
        "--no-proxy-server",
        "--disable-gpu",
        "--window-size=1400,1000",
        "--remote-debugging-port=0",
        f"--user-data-dir={folder}",
        f"--ignore-certificate-errors-spki-list={_key_of(certificate)}",
        "about:blank",
    ]
    with subprocess.Popen(
        [program, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            yield Browser(_port(folder / "DevToolsActivePort"))
        finally:
            process.terminate()


def _port(told: Path) -> int:
    end = time.monotonic() + 60
    while not (told.exists() and told.read_text()):
        assert time.monotonic() < end, "chromium does not start"
        time.sleep(0.2)
    return int(told.read_text().splitlines()[0])


def _key_of(certificate: Path) -> str:
    key = x509.load_pem_x509_certificate(certificate.read_bytes()).public_key()
    encoded = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(encoded).digest()).decode()
