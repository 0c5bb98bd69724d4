"""When certificates end, as openssl reads them."""

from __future__ import annotations

import functools
import ssl
import subprocess


@functools.lru_cache(maxsize=1000)
def end_of(pem: str) -> float:
    """When it ends, in seconds since the epoch.

    The module ssl reads that of authorities' certificates alone, and a web server's is none.
    """
    command = ("openssl", "x509", "-noout", "-enddate")
    shown = subprocess.run(
        command, input=pem, capture_output=True, timeout=30, check=True, text=True
    )
    return float(ssl.cert_time_to_seconds(shown.stdout.strip().partition("=")[2]))
