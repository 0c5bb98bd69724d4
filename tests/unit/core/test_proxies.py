"""Which addresses are excepted from a proxy, in the forms that people write them."""

from __future__ import annotations

import pytest

from adbray_ctl.core.observed.status import Addresses
from adbray_ctl.core.proxies import excepting, not_excepted, own_addresses, set_in
from adbray_ctl.core.spec.fleet import Fleet

HOSTS = [{"name": "a", "address": "10.0.0.1"}, {"name": "b", "address": "b.corp.example"}]
FLEET = Fleet.model_validate({"kind": "Fleet", "hosts": HOSTS})
OWN = ("10.0.0.1", "b.corp.example")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, "10.0.0.1,b.corp.example"),
        ({"no_proxy": "x.example"}, "x.example,10.0.0.1,b.corp.example"),
        ({"NO_PROXY": "x.example"}, "x.example,10.0.0.1,b.corp.example"),
        ({"no_proxy": "x", "NO_PROXY": "y, x"}, "x,y,10.0.0.1,b.corp.example"),
        ({"no_proxy": "10.0.0.1"}, "10.0.0.1,b.corp.example"),
        ({"no_proxy": " ,x,, "}, "x,10.0.0.1,b.corp.example"),
        ({"no_proxy": "*"}, "*"),
        ({"NO_PROXY": "x,*"}, "*"),
        ({"no_proxy": "10.0.0.0/8"}, "10.0.0.0/8,10.0.0.1,b.corp.example"),
    ],
)
def test_what_the_user_excepts_is_kept_in_both_spellings(
    before: dict[str, str], after: str
) -> None:
    assert excepting(before, OWN) == {"no_proxy": after, "NO_PROXY": after}


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("", OWN),
        ("*", ()),
        ("10.0.0.1,b.corp.example", ()),
        ("10.0.0.1,.corp.example", ()),
        ("10.0.0.1,corp.example", ()),
        ("10.0.0.1,CORP.example", ()),
        ("10.0.0.1,orp.example", ("b.corp.example",)),
        # Python's urllib, aiohttp and older curl do not understand it.
        ("10.0.0.0/8,corp.example", ("10.0.0.1",)),
    ],
)
def test_what_some_program_would_ask_a_proxy_for(text: str, left: tuple[str, ...]) -> None:
    assert not_excepted({"no_proxy": text}, OWN) == left


def test_a_virtual_address_is_the_fleets_too() -> None:
    group = Addresses(
        dashboard="http://10.0.0.9:8265",
        client="ray://10.0.0.9:10001",
        gcs="10.0.0.9:6379",
        web="https://web.example:8443/",
    )
    own = own_addresses(FLEET, group)
    assert {"localhost", "127.0.0.1", "::1", *OWN, "10.0.0.9", "web.example"} == set(own)


def test_only_variables_with_a_value_name_a_proxy() -> None:
    environment = {"HTTP_PROXY": "http://p:3128", "https_proxy": "", "no_proxy": "x", "HOME": "/"}
    assert set_in(environment) == ("HTTP_PROXY",)
