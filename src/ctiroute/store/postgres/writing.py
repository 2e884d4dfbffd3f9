"""What is written in one transaction, for each kind of value. Runs on a link in a transaction; knows nothing of pools.

Whatever changes an answer of `find_caller` is noted in the outbox in the same transaction. Writers of touches take turns, and so do writers
of customers: a partitioned table cannot see to it that a touch_id is there once (its unique index has to hold the time too), and
two batches that meet in different order would wait for each other.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain
from typing import TYPE_CHECKING

from ctiroute.errors import StoreUnavailable
from ctiroute.store import rules_rows
from ctiroute.store.places import SHADOW_KEPT
from ctiroute.store.postgres import records, rows, touch_copy
from ctiroute.store.postgres.columns import as_one, known_keys, to_texts
from ctiroute.store.postgres.line import Written
from ctiroute.store.postgres.schema import RULES_LOCK, TOUCHES_LOCK
from ctiroute.store.touch_columns import TouchColumns

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
    from datetime import datetime

    from ctiroute.model import (
        CallRecord,
        Campaign,
        Identifier,
        Interaction,
        NodeRules,
        Operator,
        Receipt,
        RulesVersion,
        ShadowReport,
    )
    from ctiroute.store.postgres.line import Place
    from ctiroute.store.postgres.link import Link

_SESSION_KEPT = timedelta(days=90)  # longer than any session lives: one that ends so much before a new one is dead, whatever the clock says
_LARGE = 1000  # touches; for fewer a second transaction would cost more than it saves
_KEYS_AT_ONCE = 50  # in one row of the outbox: a row for each key would make it grow and shrink with every import


async def put_campaigns(link: Link, campaigns: Sequence[Campaign]) -> None:
    """Insert or replace campaigns."""
    latest = {campaign.key: (campaign.key, campaign.title, campaign.medium.value) for campaign in campaigns}
    await link.run("put_campaigns", *columns([tuple(map(rows.to_text, each)) for each in latest.values()], 3))


@dataclass(frozen=True, slots=True)
class TouchBatch:
    """Touches of one transaction, as far as they can be made ready before it."""

    touches: TouchColumns  # each id once
    id_set: frozenset[str]
    ids: tuple[str, str]  # as one text, and what stands between them
    keys: list[int | None]  # of their identifiers; None: it is in the database
    tails: list[str]  # of their lines

    def may_be_new(self, before: Written | None) -> bool:
        """Whether to look for it before its turn: it is worth that, and the batch before it, if there was one, has none of it."""
        return self.is_large and before is not None and self.id_set.isdisjoint(before.touch_ids)

    @property
    def is_large(self) -> bool:
        """Whether its commit takes so long that the next batch should not wait for it: a disk writes at the pace of a COPY."""
        return len(self.touches) >= _LARGE

    @classmethod
    async def of(cls, touches: TouchColumns) -> TouchBatch:
        """Make ready some at a time: the loop has another batch to attend to. Of an id named twice the last one counts."""
        id_set = frozenset(touches.columns[0])
        if len(id_set) < len(touches):
            touches = TouchColumns.of({touch[0]: touch for touch in touches.rows()}.values())
        tails: list[str] = []
        for some in touch_copy.tails(touches):
            tails += some
            await asyncio.sleep(0)
        return cls(touches, id_set, as_one(to_texts(touches.columns[0])), known_keys(*touches.columns[1:3]), tails)


async def put_touches(link: Link, batch: TouchBatch, place: Place, *, is_new: bool) -> int:
    """Insert or replace touches, making identifiers and campaigns on the way; return how many were new.

    Those that are known are taken out first and all are copied in: a COPY cannot replace, and costs a third of an INSERT that can.
    `is_new`: none was known when the one before us wrote. After a large batch has to come `make_durable`, in a transaction of its own.
    Before our turn no touches are locked, not even for reading: who has it, or makes room for a month, never waits for us. In it little
    is asked, because between two answers the server has nothing to do.
    """
    touches, tails = batch.touches, batch.tails
    campaigns = await _known_campaigns(link, touches)
    await place.take_turn()
    keys = await _keys_of_batch(link, batch)
    number = (await link.run("lock_touches_and_commit_early" if batch.is_large else "lock_touches", TOUCHES_LOCK))[0][0]
    place.let_next(Written(number, batch.id_set) if batch.is_large else None)
    campaigns = campaigns or await _make_campaigns(link, touches)
    known = [] if is_new and place.follows_directly(number) else await link.run("drop_touches", *batch.ids)
    if known:
        tails = _grown(batch, {rows.from_text(row[0]): row for row in known})
    copy = touch_copy.lines(keys, map(campaigns.__getitem__, touches.columns[3]), tails)
    await link.connection.copy_to_table("touches", source=_each(copy), columns=touch_copy.COLUMNS)
    await mark(link, [row[1] for row in known] + keys)
    return len(touches) - len(known)


def _grown(batch: TouchBatch, known: Mapping[str, rows.Row]) -> list[str]:
    """Return the tails of a batch, some of which touches take the place of known ones."""
    places = {touch_id: place for place, touch_id in enumerate(batch.touches.columns[0]) if touch_id in known}
    touches = batch.touches.rows()
    grown = TouchColumns.of([rows.grown(touches[place], known[touch_id]) for touch_id, place in places.items()])
    tails = [*batch.tails]
    for place, tail in zip(places.values(), chain.from_iterable(touch_copy.tails(grown)), strict=True):
        tails[place] = tail
    return tails


async def _each(parts: Iterable[bytes]) -> AsyncIterator[bytes]:
    """Give parts one by one: while the driver sends one the next is made."""
    for part in parts:
        yield part


async def add_receipts(link: Link, receipts: Sequence[Receipt]) -> frozenset[str]:
    """Note how far touches got; return the ids that are not known."""
    told = rows.receipt_values(receipts)
    await link.run("lock", TOUCHES_LOCK)
    found = await link.run("add_receipts", *columns(told, 5))
    await mark(link, [row[1] for row in found])
    known = {row[0] for row in found}
    return frozenset(rows.from_text(row[0]) for row in told if row[0] not in known)


async def put_interactions(link: Link, interactions: Sequence[Interaction]) -> None:
    """Insert or replace interactions, their events whole."""
    keys = await keys_of(link, (each.identifier for each in interactions if each.identifier is not None))
    values = [rows.interaction_values(each, None if each.identifier is None else keys[each.identifier]) for each in interactions]
    values.sort(key=_first)
    ids = [each[0] for each in values]
    before = await link.run("keys_of_interactions", ids)
    await link.run_many("put_interaction", values)
    after = await link.run("keys_of_interactions", ids)
    await mark(link, [row[0] for row in before] + [row[0] for row in after])


async def record_calls(link: Link, calls: Sequence[CallRecord]) -> None:
    """Merge call records, in the order of their ids: two nodes that tell of the same calls cannot wait for each other."""
    phones = {record.caller_phone: rows.phone(record.caller_phone) for record in calls if record.caller_phone is not None}
    keys = await keys_of(link, phones.values())
    values = [records.call_values(record, None if record.caller_phone is None else keys[phones[record.caller_phone]]) for record in calls]
    values.sort(key=_first)
    before = await link.run("keys_of_calls", [each[0] for each in values])
    await link.run_many("put_call", values)
    await mark(link, [row[0] for row in before] + [each[2] for each in values if each[2] is not None])


async def put_operator(link: Link, operator: Operator, password_hash: str | None) -> None:
    """Insert or replace an operator."""
    await link.run("put_operator", *records.operator_values(operator, password_hash))


async def put_session(link: Link, token_hash: bytes, operator_id: str, expires_at: datetime) -> None:
    """Keep a session, and forget those long dead."""
    await link.run("purge_sessions", rows.to_time(expires_at) - _SESSION_KEPT)
    await link.run("put_session", token_hash, rows.to_text(operator_id), expires_at)


async def drop_sessions(link: Link, token_hash: bytes | None, operator_id: str | None) -> None:
    """End one session, or all of an operator."""
    if token_hash is not None:
        await link.run("drop_session", token_hash)
    if operator_id is not None:
        await link.run("drop_sessions_of_operator", rows.to_text(operator_id))


async def put_shadow_report(link: Link, report: ShadowReport) -> None:
    """Keep one run's report, and forget runs that are long over."""
    await link.run("put_shadow_report", rows.to_text(report.run), rows.to_time(report.told_at), report.report)
    await link.run("drop_shadow_reports", rows.to_time(report.told_at - SHADOW_KEPT))


async def put_rules_version(link: Link, used: RulesVersion) -> None:
    """Keep that rules came into use, unless that is known, and forget the oldest such times."""
    await link.run("lock", RULES_LOCK)  # nodes that take the same rules at once make one row
    await link.run("put_rules_version", *records.rules_version_values(used))
    await link.run("drop_rules_versions", rules_rows.KEPT)


async def put_node_rules(link: Link, node: NodeRules) -> None:
    """Keep which rules a node uses, and forget nodes that are long gone."""
    seen = rows.to_time(node.seen_at)
    await link.run("put_node_rules", rows.to_text(node.node), rows.to_text(node.version), rows.to_time(node.since), seen)
    await link.run("drop_node_rules", rows.to_time(node.seen_at - rules_rows.NODE_KEPT))


async def key_of(link: Link, identifier: Identifier | None) -> int | None:
    """Return the key of an identifier, making it when it is none by itself."""
    return None if identifier is None else (await keys_of(link, (identifier,)))[identifier]


async def keys_of(link: Link, identifiers: Iterable[Identifier]) -> dict[Identifier, int]:
    """Return the keys of identifiers, making those that are none by themselves."""
    keys: dict[Identifier, int] = {}
    others: dict[tuple[str, str], Identifier] = {}
    for identifier in identifiers:
        key = rows.key_of(identifier)
        if key is None:
            others[rows.identifier_values(identifier)] = identifier
        else:
            keys[identifier] = key
    if others:
        keys |= {others[name]: number for name, number in (await _numbers_of(link, list(others))).items()}
    return keys


async def _keys_of_batch(link: Link, batch: TouchBatch) -> list[int]:
    """Return the key of each touch's identifier, in order."""
    known = [key for key in batch.keys if key is not None]
    if len(known) == len(batch.keys):
        return known
    names = [*zip(batch.touches.columns[1], to_texts(batch.touches.columns[2]), strict=True)]
    numbers = await _numbers_of(link, [*{name for name, key in zip(names, batch.keys, strict=True) if key is None}])
    return [numbers[name] if key is None else key for name, key in zip(names, batch.keys, strict=True)]


async def _numbers_of(link: Link, others: Sequence[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """Return the numbers of identifiers that are none by themselves, giving them one where they have none yet."""
    names = columns(others, 2)
    await link.run("add_identifiers", *names)
    return {(kind, value): key for kind, value, key in await link.run("get_identifiers", *names)}


async def _known_campaigns(link: Link, touches: TouchColumns) -> dict[str, int] | None:
    """Return the numbers of campaigns; None: we do not know all of them."""
    known = {rows.to_text(key): key for key in set(touches.columns[3])}
    found = await link.run("get_campaigns", list(known))
    return {known[key]: campaign_id for key, campaign_id in found} if len(found) == len(known) else None


async def _make_campaigns(link: Link, touches: TouchColumns) -> dict[str, int]:
    """Return the numbers of campaigns, making those that are new."""
    keys, media, titles = touches.columns[3], touches.columns[4], touches.columns[15]
    places = [keys.index(key) for key in set(keys)]  # the first one of the batch gives a new campaign its title
    new = [(rows.to_text(keys[place]), rows.to_text(titles[place]), media[place]) for place in places]
    await link.run("add_campaigns", *columns(new, 3))
    found = await _known_campaigns(link, touches)
    if found is None:
        raise StoreUnavailable("a campaign was removed while its touches were written")
    return found


async def mark(link: Link, keys: Sequence[int]) -> None:
    """Note in the outbox whose answers may have changed, when somebody follows it."""
    if not keys or not (await link.run("is_followed"))[0][0]:
        return
    distinct = list(dict.fromkeys(keys))
    await link.run_many("mark", [(distinct[start : start + _KEYS_AT_ONCE],) for start in range(0, len(distinct), _KEYS_AT_ONCE)])


def columns(values: Sequence[Sequence[object]], count: int) -> list[list[object]]:
    """Return rows as one list for each column, which is how an array of each goes into `unnest`."""
    return [list(column) for column in zip(*values, strict=True)] if values else [[] for _ in range(count)]


def _first(row: rows.Row) -> str:
    return str(row[0])
