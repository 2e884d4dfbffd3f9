"""Whose address it is, seen through proxies that are trusted and clients that lie."""

from __future__ import annotations

from unittest.mock import Mock

import pytest
from aiohttp.test_utils import make_mocked_request

from ctiroute.settings.model import WebSettings
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
    transport = Mock()
    transport.get_extra_info.side_effect = lambda name, default=None: (peer, 50000) if name == "peername" else default
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    request = make_mocked_request("GET", "/", headers=headers, transport=transport)
    assert Gate(WebSettings(trusted_proxies=PROXIES)).address(request) == address
