"""Removing what is old, a little at a time. Knows statements and their order; whoever calls paces them.

Each step is one transaction of at most `limit` rows, so that the one writer is never held for long (500 rows: see `BITE` in
`app/retention.py`). Calls go before snapshots: of a call that goes as a whole there is no snapshot left to count.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from ctiroute.model import Purged
from ctiroute.model.privacy import KEPT_KINDS
from ctiroute.store.sqlite.faults import mapped
from ctiroute.store.sqlite.statements import SQL
from ctiroute.store.touch_rows import to_microseconds

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ctiroute.model import Cuts

_NEVER = -(2**63)  # before every time there is


def moments(cuts: Cuts) -> Mapping[str, int]:
    """Return the cut of each kind in microseconds; one that is kept for ever has a cut before all times."""
    given = {kind: getattr(cuts, kind) for kind in KEPT_KINDS}
    return {kind: _NEVER if cut is None else to_microseconds(cut) for kind, cut in given.items()}


def purge_kind(connection: sqlite3.Connection, kind: str, before: int, limit: int) -> int:
    """Remove at most `limit` records of one kind; return how many."""
    return connection.execute(SQL[f"purge_{kind}"], (before, limit)).rowcount


def purge_identifiers(connection: sqlite3.Connection, limit: int) -> tuple[int, bool]:
    """Look at `limit` identifiers that lost a reference; return how many had none left and went, and whether there may be more."""
    removed = connection.execute(SQL["purge_identifiers"], (limit,)).rowcount
    looked_at = connection.execute(SQL["drop_loose"], (limit,)).rowcount
    return removed, looked_at == limit


def count_expired(path: Path, cuts: Cuts) -> Purged:
    """Return what a whole purge would remove, read on a connection of its own. Looks at all identifiers: not for the loop's thread."""
    at = moments(cuts)
    with mapped("count what is old"), closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        found = {kind: _count(connection, kind, at[kind]) for kind in KEPT_KINDS if kind != "snapshots"}
        return Purged(
            **found,
            snapshots=_count(connection, "snapshots", at["snapshots"], at["calls"]),
            identifiers=_count(connection, "identifiers", at["touches"], at["interactions"]),
        )


def _count(connection: sqlite3.Connection, kind: str, *values: int) -> int:
    return int(connection.execute(SQL[f"count_{kind}"], values).fetchone()[0])
