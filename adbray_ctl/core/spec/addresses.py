"""Addresses that a spec may hold: of hosts, and of a Redis."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from adbray_ctl.core.spec.strings import Unfit

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9-]{1,63})*")


def _ipv4(text: str) -> str:
    try:
        found = ipaddress.IPv4Address(text)
    except ValueError:
        raise Unfit(f"{text!r} is no IPv4 address", "one such as 10.0.0.100") from None
    if found.is_unspecified or found.is_loopback or found.is_multicast:
        raise Unfit(f"{text!r} cannot be the address of a host", "one such as 10.0.0.100")
    return text


def _address(text: str) -> str:
    allowed = "an IPv4 address or a DNS name"
    if ":" in text:
        raise Unfit(f"{text!r} has a port or is IPv6", f"{allowed} (a port goes to ssh.port)")
    if len(text) > 253 or not _HOST.fullmatch(text):
        raise Unfit(f"{text!r} is not an address", allowed)
    if not text.strip("0123456789."):
        try:
            ipaddress.IPv4Address(text)
        except ValueError:
            raise Unfit(f"{text!r} is not an IPv4 address", allowed) from None
    return text


def _redis_url(text: str) -> str:
    allowed = "redis://HOST:PORT or rediss://HOST:PORT"
    try:
        url = urlsplit(text)
        host, port = url.hostname, url.port
    except ValueError as error:
        raise Unfit("this is not a URL", allowed) from error
    if url.password is not None or url.username is not None:
        # The value itself is not repeated: it holds a secret.
        raise Unfit(
            "the URL has a user or password in it",
            f"{allowed}, with username and password_file as keys of their own",
        )
    plain = f"{url.scheme}://{host}:{port}"
    if url.scheme not in {"redis", "rediss"} or not host or not port or plain != text:
        raise Unfit(f"{text!r} is not a Redis address", allowed)
    _address(host)
    return text


Address = Annotated[str, AfterValidator(_address)]
Ipv4 = Annotated[str, AfterValidator(_ipv4)]
RedisUrl = Annotated[str, Field(max_length=300), AfterValidator(_redis_url)]
