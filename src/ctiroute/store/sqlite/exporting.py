"""Reads the whole file page by page, on a connection of its own that only reads. For `db copy`."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, cast

from ctiroute.model import Campaign, Identifier, Medium, ReasonTally, WrapUp
from ctiroute.store.attribution_rows import attribution_of
from ctiroute.store.callback_rows import from_json
from ctiroute.store.copying import NUMBERED, PAIRED, Kind, key_of
from ctiroute.store.delivery_rows import delivery_of
from ctiroute.store.identities import KeptChange
from ctiroute.store.sqlite import identities, interactions, rows
from ctiroute.store.sqlite.faults import mapped, readable
from ctiroute.store.sqlite.proposals import fate_of
from ctiroute.store.sqlite.reasons import confirmed_of
from ctiroute.store.sqlite.statements import SQL
from ctiroute.store.touch_rows import to_microseconds

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from ctiroute.model import CallRecord, RulesVersion
    from ctiroute.store.copying import Item, Key
    from ctiroute.store.places import CallPlace
    from ctiroute.store.sqlite.rows import Row
    from ctiroute.store.touch_rows import TouchRow


def export(path: Path, kind: Kind, after: Key, limit: int) -> list[Item]:
    """Return the next items of a kind after a key."""
    if kind is Kind.TELLINGS:
        return _after(after, interactions.export_tellings(path, after[0] if after else "", limit + 1), limit)
    if kind is Kind.IDENTITIES:
        return _after(after, identities.export_identities(path, after[0] if after else "", limit + 1), limit)
    start: tuple[object, ...] = after or (("", "") if kind in PAIRED else ("",))
    if kind in NUMBERED:
        start = (int(after[0]) if after else 0,)
    with mapped(f"read {kind}"), readable(), closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        found = connection.execute(SQL[f"export_{kind}"], (*start, limit + 1)).fetchall()
        items = _customers(connection, found) if kind is Kind.CUSTOMERS else [_item(kind, row) for row in found]
    return _after(after, items, limit)


def _after(after: Key, items: Sequence[Item], limit: int) -> list[Item]:
    first = 1 if after and items and key_of(items[0]) == after else 0
    return list(items[first : first + limit])


def calls_between(path: Path, since: datetime, until: datetime, after: CallPlace | None, limit: int) -> list[CallRecord]:
    """Return the next calls of a stretch of time, oldest first."""
    start, call_id = (since, None) if after is None else after
    values = to_microseconds(start), to_microseconds(until), call_id, limit
    with mapped("read calls"), readable(), closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        return [rows.call_of(row) for row in connection.execute(SQL["calls_between"], values)]


def rules_version(path: Path, version: str) -> RulesVersion | None:
    """Return the latest use of one version, with its files: too large to be unpacked in the loop's thread."""
    with mapped("read a version"), readable(), closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        row = connection.execute(SQL["get_rules_version"], (version,)).fetchone()
        return None if row is None else rows.rules_version_of(row)


def count(path: Path, kind: Kind) -> int:
    """Return how many items of a kind there are."""
    with mapped(f"count {kind}"), closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        return int(connection.execute(SQL[f"count_all_{kind}"]).fetchone()[0])


def _item(kind: Kind, row: Row) -> Item:  # noqa: C901, PLR0911, PLR0912 - one for each kind
    match kind:
        case Kind.CAMPAIGNS:
            return Campaign(row[0], row[1], Medium(row[2]))
        case Kind.TOUCHES:
            return cast("TouchRow", row)
        case Kind.INTERACTIONS:
            return rows.interaction_of(row)
        case Kind.IDENTITY_CHANGES:
            return KeptChange(identities.change_of_row(row), row[-1])
        case Kind.CALLS:
            return rows.call_of(row)
        case Kind.MISSED_CALLS:
            return rows.missed_of(row)
        case Kind.WRAP_UPS:
            return WrapUp(row[0], row[1], row[2], rows.from_microseconds(row[3]), row[4])
        case Kind.ATTRIBUTIONS:
            return attribution_of(row)
        case Kind.DELIVERIES:
            return delivery_of(row)
        case Kind.CALLBACKS:
            return from_json(row[0])
        case Kind.CONFIRMED_REASONS:
            return confirmed_of(row)
        case Kind.REASON_TALLIES:
            return ReasonTally(*row)
        case Kind.PROPOSAL_FATES:
            return fate_of(row)
        case Kind.OPERATORS:
            return rows.operator_of(row[:-1]), row[-1]
        case Kind.API_KEYS:
            return rows.api_key_of(row), row[-1]
        case Kind.RULES_VERSIONS:
            return rows.rules_version_of(row)
        case _:
            raise AssertionError(kind)


def _customers(connection: sqlite3.Connection, found: Sequence[Row]) -> list[Item]:
    if not found:
        return []
    identifiers: dict[str, list[Identifier]] = {row[0]: [] for row in found}
    for customer_id, kind, value in connection.execute(SQL["export_customer_identifiers"], (found[0][0], found[-1][0])):
        identifiers[customer_id].append(rows.identifier_of(kind, value))
    return [rows.customer_of(row[0], row[1], row[2], row[3], identifiers[row[0]]) for row in found]
