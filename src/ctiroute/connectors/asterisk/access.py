"""Who may ask over FastAGI: the peers we listen to, and the script path they must name.

AGI has no sign-in, so the address is checked before a byte is read; the secret in the script path is a second lock for networks that
others share. Knows nothing of calls.
"""

from __future__ import annotations

import hmac
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING, Final

from ctiroute.errors import Fault, SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ctiroute.protocol.agi_environment import AgiEnvironment
    from ctiroute.settings.model import AsteriskSettings, FastAgiSettings

DEFAULT_PBX: Final = "asterisk"  # the name of the Asterisk when none is configured
SCRIPT: Final = "route"
MAX_REMEMBERED: Final = 4096  # addresses; a scan over a network must not grow the memory

_FILE: Final = "ctiroute.yml"


class AllowList:
    """Says whether an address may connect. Loopback always may."""

    def __init__(self, settings: FastAgiSettings) -> None:
        """Raise `SettingsError` when the bind is open to others and nobody is named, or a network is not one."""
        faults: list[Fault] = []
        self._networks: list[IPv4Network | IPv6Network] = []
        for text in settings.allow_from:
            try:
                self._networks.append(ip_network(text))
            except ValueError as error:
                message = f"fastagi.allow_from: {error}"
                faults.append(Fault(_FILE, 0, 0, message, found=text, hint="write networks in CIDR form, such as 10.0.5.0/24"))
        if not settings.allow_from and not _is_loopback(settings.host):
            message = f"fastagi.host {settings.host!r} is open to other machines, and fastagi.allow_from names none that may ask"
            hint = "name your Asterisk's network (allow_from: [10.0.5.0/24]) or bind to 127.0.0.1"
            faults.append(Fault(_FILE, 0, 0, message, hint=hint))
        if faults:
            raise SettingsError(faults)
        self._verdicts: dict[str, bool] = {}

    def admits(self, address: str) -> bool:
        """Say whether this IP address may connect."""
        verdict = self._verdicts.get(address)
        if verdict is None:
            if len(self._verdicts) >= MAX_REMEMBERED:
                self._verdicts.clear()
            verdict = self._verdicts[address] = self._judge(address)
        return verdict

    def _judge(self, address: str) -> bool:
        try:
            peer = ip_address(address)
        except ValueError:
            return False
        if isinstance(peer, IPv6Address) and peer.ipv4_mapped is not None:
            peer = peer.ipv4_mapped
        return peer.is_loopback or any(peer in network for network in self._networks)


class ScriptPath:
    """Reads `agi://host/route[/SECRET][?pbx=NAME]` and says which Asterisk asks."""

    def __init__(self, secret: str, asterisks: Sequence[AsteriskSettings]) -> None:
        self._secret = secret.encode()
        self._names = frozenset(asterisk.name for asterisk in asterisks)
        self._first = asterisks[0].name if asterisks else DEFAULT_PBX
        self._by_address = {
            address: asterisk.name for asterisk in reversed(asterisks) for address in (_address(asterisk.host), *asterisk.addresses)
        }

    def pbx(self, env: AgiEnvironment, address: str) -> str | None:
        """Return the name of the Asterisk that asks; None when the script is not ours or its secret is wrong.

        The name comes from `?pbx=` when that is a configured one, else from the peer's address, else it is the first one's.
        """
        script = env.values.get("agi_network_script")
        if script is None:
            script = env.values["agi_request"].partition("://")[2].partition("/")[2]
        if script != SCRIPT or self._secret:
            path, _, query = script.partition("?")
            name, _, secret = path.strip("/").partition("/")
            if name != SCRIPT or not hmac.compare_digest(secret.encode(), self._secret):
                return None
            for field in query.split("&"):
                key, _, named = field.partition("=")
                if key == "pbx" and named in self._names:
                    return named
        return self.by_address(address)

    def by_address(self, address: str) -> str:
        """Return the name of the Asterisk at this address, or of the first one."""
        return self._by_address.get(address, self._first)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _address(host: str) -> str:
    return "127.0.0.1" if host == "localhost" else host
