"""The way to one Asterisk's manager interface: connect, with or without TLS, and log in. Every refusal says what to do about it."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, Protocol

from ctiroute.errors import LinkError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ctiroute.connectors.asterisk.ami_connection import AmiConnection
    from ctiroute.protocol.ami import AmiResponse

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class Account(Protocol):
    """Where a manager interface is, and as whom to come."""

    @property
    def host(self) -> str:
        """Name or address."""

    @property
    def port(self) -> int:
        """TCP port."""

    @property
    def username(self) -> str:
        """Of manager.conf."""

    @property
    def secret(self) -> str:
        """Of manager.conf."""

    @property
    def tls(self) -> bool:
        """Whether to speak TLS."""

    @property
    def tls_ca(self) -> Path | None:
        """Whom to trust; None: the system's store."""


class RefusedByAsterisk(LinkError):  # noqa: N818 - reads as what it is
    """Asterisk answered and said no; trying again soon would not help."""


async def knock(account: Account, make: Callable[[], AmiConnection], connect_s: float) -> AmiConnection:
    """Return an open connection that nobody has logged in on yet. Raises LinkError."""
    where = f"{account.host}:{account.port}"
    context = _tls(account) if account.tls else None
    try:
        async with asyncio.timeout(connect_s):
            _, connection = await asyncio.get_running_loop().create_connection(make, account.host, account.port, ssl=context)
    except TimeoutError as error:
        raise LinkError(f"{where} does not answer: is it the right host, and does a firewall let us through?") from error
    except ssl.SSLError as error:
        raise RefusedByAsterisk(
            f"{where}: no trusted TLS with this peer ({error.reason or error}): "
            "check tls_ca here, tlsenable and tlscertfile in manager.conf"
        ) from error
    except (OSError, ValueError) as error:  # ValueError: a host that cannot be a name
        raise LinkError(f"{where} cannot be reached ({error}): is Asterisk running, with enabled = yes in manager.conf?") from error
    return connection


async def log_in(connection: AmiConnection, account: Account, event_classes: str) -> None:
    """Log in, asking for events of these classes alone. Raises LinkError."""
    plain_allowed = account.tls or account.host in _LOOPBACK
    answer = await connection.log_in(account.username, account.secret, event_classes, plain_allowed=plain_allowed)
    if not answer.ok:
        raise _refusal(answer.headers.get("Message", ""), account.username)


def message_of(answer: AmiResponse) -> str:
    """Return why an action was refused, in Asterisk's words."""
    return answer.headers.get("Message", "refused")


def _tls(account: Account) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=account.tls_ca)
    except (OSError, ValueError) as error:
        raise RefusedByAsterisk(f"tls_ca {account.tls_ca} cannot be used ({error})") from error


def _refusal(message: str, username: str) -> LinkError:
    """Return Asterisk's refusal of a login as an error that says what to do (main/manager.c: authenticate, process_message)."""
    folded = message.lower()
    if "shutting down" in folded:
        return LinkError("Asterisk is shutting down; waiting for it to come back")
    if "already in use" in folded:
        return RefusedByAsterisk(
            f"the manager user {username} is logged in elsewhere and allowmultiplelogin is off: give ctiroute a user of its own"
        )
    if "permission" in folded:
        return RefusedByAsterisk(f"the manager user {username} may not log in ({message}): check its entry in manager.conf")
    return RefusedByAsterisk(
        f"Asterisk refused the login of {username} ({message or 'no reason given'}): check the user name, the secret "
        "and permit/deny in manager.conf"
    )
