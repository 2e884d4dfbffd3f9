"""What has changed, for whoever keeps a copy: `DirtyIdentifiers` on PostgreSQL.

Writers note keys (see `writing.mark`); here they are widened to all identifiers whose answers hold what is known of them, when they are
taken: what a customer change cuts off is noted by its writer. While nobody follows, nothing is noted.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from ctiroute.errors import StoreUnavailable
from ctiroute.store.outbox import Reading
from ctiroute.store.postgres import rows
from ctiroute.store.postgres.faults import mapped, readable
from ctiroute.store.postgres.finding import facts_of, question_of_any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from datetime import datetime

    from ctiroute.model import CallerQuery, Identifier
    from ctiroute.store.postgres.link import Link
    from ctiroute.store.postgres.pool import Pool

log = logging.getLogger(__name__)

FOLLOW_EVERY_S = 60.0  # a small part of the hour after which nobody is taken to follow
_OTHERS_S = 30.0  # to wait for transactions that may not have seen that somebody follows; the longest of ours take some seconds
_LOOK_S = 0.05

# A number that stands for nobody (a company's own, say) may be in the records of thousands of customers, whose answers all change with it.
WIDEST = 20_000

_MIN_KEY = -(2**63)  # below every key


class Outbox:
    """Marks and bulk reading, over the store's links."""

    def __init__(self, pool: Callable[[], Pool | None]) -> None:
        self._pool = pool
        self._followed_at = float("-inf")  # the event loop's clock

    async def follow(self) -> bool:
        """Say that somebody follows; False: marks were lost before that, so everything has to be read over."""
        now = asyncio.get_running_loop().time()
        if now - self._followed_at < FOLLOW_EVERY_S:
            return True
        async with self._link("follow the outbox") as link:
            unbroken = (await link.run("follow"))[0][0]
            if not unbroken:
                await self._wait_for_others(link)
        self._followed_at = now
        return bool(unbroken)

    @asynccontextmanager
    async def take(self, limit: int) -> AsyncIterator[Sequence[Identifier]]:
        """Give marked identifiers; leaving the block normally removes their marks.

        At most `limit`, but for a single mark that stands for more: then at most `WIDEST`.
        """
        async with self._link("take marks") as link, link.connection.transaction():
            marks = [(row[0], row[1]) for row in await link.run("take_marks", limit)]
            wide = await self._widened(link, [key for _, keys in marks for key in keys])
            taken: dict[int, None] = {}
            done: list[int] = []
            partly: tuple[int, list[int]] | None = None
            for outbox_id, keys in marks:
                for place, key in enumerate(keys):
                    more = dict.fromkeys(each for each in wide[key] if each not in taken)
                    if taken and len(taken) + len(more) > limit:
                        partly = outbox_id, keys[place:]
                        break
                    taken |= more
                if partly is not None:
                    break
                done.append(outbox_id)
            if len(taken) > WIDEST:
                log.warning(
                    "An identifier is in the records of so many customers that %d answers with it are not read again", len(taken) - WIDEST
                )
            yield await self._named(link, list(taken)[:WIDEST])
            await link.run("drop_marks", done)
            if partly is not None and len(partly[1]) < len(dict(marks)[partly[0]]):
                await link.run("keep_marks", *partly)

    async def lag_s(self) -> float:
        """Return the age in seconds of the oldest mark; 0.0 when there is none."""
        async with self._link("look at the outbox") as link:
            found = await link.run("oldest_mark")
        return max(0.0, found[0][0]) if found else 0.0

    async def read_facts(self, queries: Sequence[CallerQuery]) -> Reading:
        """Answer many queries, each as `find_caller` would, in one trip after the clock was read."""
        values = [(*question_of_any(query), place) for place, query in enumerate(queries)]
        found: list[list[tuple[object, ...]]] = [[] for _ in queries]
        async with self._link("read facts in bulk") as link:
            as_of: datetime = (await link.run("now"))[0][0]
            for place, *row in await link.run_all("find_callers", values):
                found[place].append(tuple(row))
        with readable():
            return Reading(as_of, tuple(facts_of(each, query.identifier, query.limit) for each, query in zip(found, queries, strict=True)))

    async def known_identifiers(
        self, after: Identifier | None, touches_since: datetime, calls_since: datetime, interactions_since: datetime, limit: int
    ) -> Sequence[Identifier]:
        """Return the next identifiers of which a query with these windows finds anything, by key."""
        async with self._link("list identifiers") as link:
            start = _MIN_KEY if after is None else await self._key_of(link, after)
            found = await link.run("known_keys", start, touches_since, calls_since, interactions_since, limit)
            return await self._named(link, [row[0] for row in found])

    async def _widened(self, link: Link, keys: Sequence[int]) -> dict[int, list[int]]:
        wide: dict[int, list[int]] = {key: [] for key in keys}
        for key, his in await link.run("widen", list(wide)):
            wide[key].append(his)
        return wide

    async def _named(self, link: Link, keys: Sequence[int]) -> list[Identifier]:
        """Return what keys stand for, in order, without those that are forgotten by now."""
        named = {}
        others = [key for key in keys if key < 0]
        if others:
            with readable():
                named = {key: rows.identifier_of(kind, value) for key, kind, value in await link.run("names_of_keys", others)}
        return [rows.phone_of(key) if key > 0 else named[key] for key in keys if key > 0 or key in named]

    async def _key_of(self, link: Link, identifier: Identifier) -> int:
        key = rows.key_of(identifier)
        if key is not None:
            return key
        kind, value = rows.identifier_values(identifier)
        found = await link.run("get_identifiers", [kind], [value])
        if not found:
            raise StoreUnavailable("the identifier to go on from is gone: begin anew")
        return int(found[0][2])

    async def _wait_for_others(self, link: Link) -> None:
        """Wait for all transactions that go on: they may have seen that nobody follows, and left no marks."""
        ours = (await link.run("next_number"))[0][0]
        async with asyncio.timeout(_OTHERS_S):
            while (await link.run("oldest_running"))[0][0] <= ours:  # noqa: ASYNC110 - in another process, nothing tells us
                await asyncio.sleep(_LOOK_S)

    @asynccontextmanager
    async def _link(self, doing: str) -> AsyncIterator[Link]:
        pool = self._pool()
        if pool is None:
            raise StoreUnavailable("the store is not open")
        with mapped(doing):
            async with pool.link() as link:
                yield link
