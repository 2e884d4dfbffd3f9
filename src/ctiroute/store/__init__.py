"""Where touches, customers, interactions, calls and operators are kept, behind one Protocol.

`open_store` is the way in: a new back end is a folder here and a scheme there.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ctiroute.errors import StoreError

if TYPE_CHECKING:
    from ctiroute.store.base import Store

_SQLITE = "sqlite://"
_POSTGRES = ("postgresql://", "postgres://")


def open_store(url: str) -> Store:
    """Return the store that a URL names, not yet opened (`await store.open()` does that).

    `sqlite:///var/lib/ctiroute/ctiroute.db`: a local file, always by its absolute path (one slash more or less means the same).
    `postgresql://user:password@host:5432/database`: PostgreSQL, with several hosts for fail-over (`host1:5432,host2:5432`).
    Raises `StoreError` for anything else; the message names the forms that work.
    """
    if url.startswith(_SQLITE):
        path = url.removeprefix(_SQLITE)
        if not path.startswith("/") or not path.strip("/"):
            raise StoreError(f"{url!r} names no file: write sqlite:///absolute/path/ctiroute.db")
        # Imported here: a node on another back end need not load this one.
        from ctiroute.store.sqlite import SqliteStore  # noqa: PLC0415

        return SqliteStore(Path("/" + path.lstrip("/")))
    if url.startswith(_POSTGRES):
        from ctiroute.store.postgres import PostgresStore  # noqa: PLC0415 - as above

        return PostgresStore(url)
    scheme = url.partition(":")[0]  # never the whole URL: it may hold a password
    raise StoreError(f"no store for the scheme {scheme!r}: write sqlite:///absolute/path/ctiroute.db or postgresql://...")
