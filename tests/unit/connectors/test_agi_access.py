"""Who may ask over FastAGI."""

from __future__ import annotations

import pytest

from ctiroute.connectors.asterisk.access import MAX_REMEMBERED, AllowList, ScriptPath
from ctiroute.errors import SettingsError
from ctiroute.protocol.agi_environment import AgiEnvironment
from ctiroute.settings.model import AsteriskSettings, FastAgiSettings


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "pbx.example.com", ""])
def test_an_open_bind_without_a_list_is_refused(host: str) -> None:
    """The service does not start open to everybody, and says what to write."""
    with pytest.raises(SettingsError, match=r"fastagi\.allow_from.*allow_from: \[10\.0\.5\.0/24\]"):
        AllowList(FastAgiSettings(host=host))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.5", "::1", "localhost"])
def test_loopback_needs_no_list(host: str) -> None:
    """On loopback only the machine itself can ask."""
    allowed = AllowList(FastAgiSettings(host=host))
    assert allowed.admits("127.0.0.1")
    assert allowed.admits("::1")
    assert allowed.admits("::ffff:127.0.0.1")
    assert not allowed.admits("192.0.2.1")


def test_every_wrong_network_is_named() -> None:
    """A network that is not one stops the start, all of them in one run."""
    with pytest.raises(SettingsError) as error:
        AllowList(FastAgiSettings(allow_from=("10.0.0.1/8", "pbx", "10.0.0.0/8")))
    assert [fault.found for fault in error.value.faults] == ["10.0.0.1/8", "pbx"]


def test_listed_networks_may_ask() -> None:
    """IPv4, IPv4 inside IPv6, and IPv6; what is no address may not."""
    allowed = AllowList(FastAgiSettings(host="::", allow_from=("10.0.5.0/24", "2001:db8::/64")))
    for address in ("10.0.5.7", "::ffff:10.0.5.7", "2001:db8::7", "10.0.5.7"):
        assert allowed.admits(address)
    for address in ("10.0.6.7", "::ffff:10.0.6.7", "2001:db9::7", "", "x"):
        assert not allowed.admits(address)


def test_a_scan_does_not_grow_the_memory() -> None:
    """Verdicts are remembered for a bounded number of addresses."""
    allowed = AllowList(FastAgiSettings(allow_from=("10.0.0.0/8",)))
    for number in range(2 * MAX_REMEMBERED + 10):
        assert allowed.admits(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    assert len(allowed._verdicts) <= MAX_REMEMBERED


def environment(**values: str) -> AgiEnvironment:
    """Return an environment with only what the path needs."""
    return AgiEnvironment({f"agi_{name}": value for name, value in values.items()})


def test_the_request_stands_in_for_the_script() -> None:
    """A peer that sends no agi_network_script is read by its request."""
    path = ScriptPath("s3cret", ())
    assert path.pbx(environment(request="agi://10.0.0.1:4573/route/s3cret"), "10.0.0.1") == "asterisk"
    assert path.pbx(environment(request="agi://10.0.0.1:4573/route"), "10.0.0.1") is None
    assert path.pbx(environment(request="agi://[x"), "10.0.0.1") is None


def test_the_address_tells_the_asterisk() -> None:
    """By the manager's host or the further addresses, the first configured one wins; else the first of all."""
    path = ScriptPath("", (AsteriskSettings("a", host="10.0.0.1"), AsteriskSettings("b", addresses=("10.0.0.1", "10.0.0.2"))))
    assert [path.by_address(address) for address in ("10.0.0.1", "10.0.0.2", "127.0.0.1", "10.9.9.9")] == ["a", "b", "b", "a"]
