"""Reads the whole database page by page. For `db copy`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctiroute.model import Campaign, Medium, WrapUp
from ctiroute.store.attribution_rows import attribution_of
from ctiroute.store.callback_rows import from_json
from ctiroute.store.copying import NUMBERED, PAIRED, Kind, key_of
from ctiroute.store.delivery_rows import delivery_of
from ctiroute.store.identities import KeptChange
from ctiroute.store.postgres import identities, interactions, records, rows
from ctiroute.store.postgres.faults import readable
from ctiroute.store.postgres.proposals import fate_of
from ctiroute.store.postgres.reasons import confirmed_of, tally_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ctiroute.store.copying import Item, Key
    from ctiroute.store.postgres.link import Link
    from ctiroute.store.postgres.rows import Row


async def export(link: Link, kind: Kind, after: Key, limit: int) -> list[Item]:
    """Return the next items of a kind after a key."""
    items: Sequence[Item]
    if kind is Kind.TELLINGS:
        items = await interactions.export_tellings(link, after[0] if after else "", limit + 1)
    elif kind is Kind.IDENTITIES:
        items = await identities.export_identities(link, after[0] if after else "", limit + 1)
    else:
        start: tuple[object, ...] = tuple(map(rows.to_text, after)) or (("", "") if kind in PAIRED else ("",))
        if kind in NUMBERED:
            start = (int(after[0]) if after else 0,)
        found = await link.run(f"export_{kind}", *start, limit + 1)
        with readable():
            items = [_item(kind, tuple(row)) for row in found]
    first = 1 if after and items and key_of(items[0]) == after else 0
    return list(items[first : first + limit])


async def count(link: Link, kind: Kind) -> int:
    """Return how many items of a kind there are."""
    return int((await link.run(f"count_all_{kind}"))[0][0])


def _item(kind: Kind, row: Row) -> Item:  # noqa: C901, PLR0911, PLR0912 - one for each kind
    match kind:
        case Kind.CAMPAIGNS:
            return Campaign(rows.from_text(row[0]), rows.from_text(row[1]), Medium(row[2]))
        case Kind.CUSTOMERS:
            return rows.customer_of(*row)[0]
        case Kind.TOUCHES:
            return rows.touch_row_of(row)
        case Kind.INTERACTIONS:
            return rows.interaction_of(row)
        case Kind.IDENTITY_CHANGES:
            return KeptChange(identities.change_of_row(row), row[-1])
        case Kind.CALLS:
            return records.call_of(row)
        case Kind.MISSED_CALLS:
            return records.missed_of(row)
        case Kind.WRAP_UPS:
            call_id, operator_id, note = map(rows.from_text, row[:3])
            return WrapUp(call_id, operator_id, note, row[3], rows.from_text(row[4]))
        case Kind.ATTRIBUTIONS:
            return attribution_of(rows.texts_back(row))
        case Kind.DELIVERIES:
            return delivery_of(rows.texts_back(row))
        case Kind.CALLBACKS:
            return from_json(row[0])
        case Kind.CONFIRMED_REASONS:
            return confirmed_of(row)
        case Kind.REASON_TALLIES:
            return tally_of(row)
        case Kind.PROPOSAL_FATES:
            return fate_of(row)
        case Kind.OPERATORS:
            return records.operator_of(row[:-1]), row[-1]
        case Kind.API_KEYS:
            return records.api_key_of(row)
        case Kind.RULES_VERSIONS:
            return records.rules_version_of(row)
        case _:
            raise AssertionError(kind)
