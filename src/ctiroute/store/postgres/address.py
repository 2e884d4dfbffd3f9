"""Where the database is: the URL, read once. Opens nothing."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from ctiroute.errors import StoreError

SCHEMES = ("postgresql://", "postgres://")
DEFAULT_PORT = 5432
_FORM = "write postgresql://USER:PASSWORD@HOST:5432/DATABASE, or several HOST:PORT with commas between"
_PREPARED = {"auto": None, "yes": True, "no": False}


@dataclass(frozen=True, slots=True)
class Address:
    """One database, on one or several hosts of which one is the primary."""

    dsn: str  # for the driver, without what only we know; holds the password
    hosts: tuple[tuple[str, int], ...]  # in the order to be asked; empty: as the driver finds it (a socket's folder in `?host=`)
    prepared: bool | None  # whether named statements may be kept on a connection; None: unless a pooler is seen in between

    def __str__(self) -> str:
        """Return what may be logged: where it is, not how to get in."""
        place = ",".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in self.hosts) or "the local socket"
        return f"PostgreSQL at {place}"


def parse_address(url: str) -> Address:
    """Return the address in a URL; raises `StoreError`, which never repeats the URL, for one that cannot be used."""
    try:
        parts = urlsplit(url)
        login, _, places = parts.netloc.rpartition("@")
        hosts = tuple(_place(place) for place in places.split(",")) if places else ()
        asked = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
    except ValueError as error:
        raise StoreError(f"the address of PostgreSQL cannot be read ({error}): {_FORM}") from None
    if not parts.path.strip("/"):
        raise StoreError(f"the address of PostgreSQL names no database: {_FORM}")
    prepared = asked.pop("prepared_statements", "auto")
    if prepared not in _PREPARED:
        raise StoreError("prepared_statements is auto, yes or no")
    if asked.pop("target_session_attrs", "read-write") not in {"read-write", "primary"}:
        raise StoreError("ctiroute writes, so target_session_attrs can only be read-write")
    if "host" in asked and not hosts and not asked["host"].startswith("/"):
        raise StoreError(f"`host` after the question mark is for the folder of a socket: {_FORM}")
    query = urlencode(asked, quote_via=quote)
    dsn = f"postgresql://{login}@{places}{parts.path}" if login else f"postgresql://{places}{parts.path}"
    return Address(f"{dsn}?{query}" if query else dsn, hosts, _PREPARED[prepared])


def _place(place: str) -> tuple[str, int]:
    if place.startswith("["):  # IPv6, RFC 3986, 3.2.2
        host, closed, port = place[1:].partition("]")
        if not closed:
            raise ValueError("an IPv6 address has no closing bracket")
        port = port.removeprefix(":")
    else:
        host, _, port = place.partition(":")
    if not host:
        raise ValueError("a host has no name")
    if not port:
        return host, DEFAULT_PORT
    if not port.isdecimal() or not 0 < int(port) < 1 << 16:
        raise ValueError("a port is no number from 1 to 65535")
    return host, int(port)
