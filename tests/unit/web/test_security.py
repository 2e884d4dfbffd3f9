"""Whose address it is, seen through proxies that are trusted and clients that lie; and which pages are our own."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp.test_utils import make_mocked_request

from ctiroute.settings.model import WebSettings
from ctiroute.web.problems import Problem
from ctiroute.web.security import Gate

PROXIES = ("10.0.0.0/8", "2001:db8::/32")


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("203.0.113.9", "", "203.0.113.9"),
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "198.51.100.1, 203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "198.51.100.1, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
        ("10.0.0.1", "198.51.100.1, rubbish", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.1, 203.0.113.9:8080", "10.0.0.1"),
        ("2001:db8::1", " 2A00:1450::5 ", "2a00:1450::5"),
    ],
)
def test_the_address_is_the_first_that_no_trusted_proxy_vouches_for(peer: str, forwarded: str, address: str) -> None:
    """Read from the right: what stands left of the first stranger was written by the stranger."""
    transport = asyncio.Transport({"peername": (peer, 50000)})
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    request = make_mocked_request("GET", "/", headers=headers, transport=transport)
    assert Gate(WebSettings(trusted_proxies=PROXIES)).address(request) == address


LISTED = ("https://crm.example.com",)


@pytest.mark.parametrize(
    ("bound", "host", "own"),
    [
        ("127.0.0.1", "127.0.0.1:8080", True),
        ("127.0.0.1", "localhost:8080", True),
        ("127.0.0.1", "[::1]:8080", True),
        ("::1", "[::1]:8080", True),
        ("127.0.0.1", "rebound.example:8080", False),
        ("127.0.0.1", "127.0.0.1.rebound.example:8080", False),
        ("127.0.0.1", "localhost.rebound.example:8080", False),
        ("127.0.0.1", "10.0.0.5:8080", False),
        ("127.0.0.1", "crm.example.com:8080", False),
        ("127.0.0.1", "", False),
        ("127.0.0.1", "[::1", False),
        ("10.0.0.5", "10.0.0.5:8080", True),
        ("10.0.0.5", "10.0.0.6:8080", False),
        ("10.0.0.5", "localhost:8080", True),
        ("10.0.0.5", "crm.example.com:8080", True),
        ("10.0.0.5", "rebound.example:8080", False),
        ("pbx.example.com", "pbx.example.com:8080", True),
        ("0.0.0.0", "10.0.0.5:8080", True),
        ("::", "[2001:db8::1]:8080", True),
        ("0.0.0.0", "rebound.example:8080", False),
        ("0.0.0.0", "", False),
    ],
)
def test_the_pages_own_origin_is_believed_of_our_own_hosts_only(bound: str, host: str, own: bool) -> None:
    """A stranger's name that points at our address comes with a Host and an Origin that agree; agreeing is not enough."""
    gate = Gate(WebSettings(host=bound, origins=LISTED))
    request = make_mocked_request("POST", "/", headers={"Host": host, "Origin": f"http://{host}"})
    if own:
        gate.check_origin(request)
        return
    with pytest.raises(Problem):
        gate.check_origin(request)


def test_a_listed_origin_is_believed_whatever_the_host() -> None:
    """A proxy may pass its own name or ours."""
    for host in ("127.0.0.1:8080", "crm.example.com", "rebound.example"):
        Gate(WebSettings(origins=LISTED)).check_origin(make_mocked_request("POST", "/", headers={"Host": host, "Origin": LISTED[0]}))
