"""When certificates end, read from their files."""

from __future__ import annotations

import calendar
import time

# Tags of DER: the version of a certificate, which may be left out, and a time without a century.
DER_VERSION = 0xA0
DER_SHORT_TIME = 0x17


def end_of(certificate: bytes) -> float:
    """When it ends, in seconds since the epoch (RFC 5280, section 4.1).

    The module ssl tells that of authorities' certificates alone, and a web server's is none.
    """
    signed = parts(parts(certificate)[0][1])[0][1]
    fields = [content for kind, content in parts(signed) if kind != DER_VERSION]
    _serial, _algorithm, _issuer, validity = fields[:4]
    kind, text = parts(validity)[1]
    digits = text.decode("ascii")
    if kind == DER_SHORT_TIME:
        digits = ("19" if digits >= "5" else "20") + digits
    return float(calendar.timegm(time.strptime(digits, "%Y%m%d%H%M%SZ")))


def parts(der: bytes) -> list[tuple[int, bytes]]:
    """The values that one is made of, each with its tag."""
    found, at = [], 0
    while at < len(der):
        kind, size, at = der[at], der[at + 1], at + 2
        if size > 127:
            size, at = int.from_bytes(der[at : at + size - 128], "big"), at + size - 128
        found.append((kind, der[at : at + size]))
        at += size
    return found
