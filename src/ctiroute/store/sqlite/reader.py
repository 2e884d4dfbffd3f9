"""Reading, in the event loop's own thread.

An indexed SELECT on a local file in WAL takes 3-7 µs; a hop to a thread and back takes 85 and more. So the loop reads by
itself, and nothing may hold it up: the connection is read-only, never waits for a lock (in WAL a reader needs none), every
statement is bounded by an index and a LIMIT, and a progress handler ends whatever takes more than `BUDGET_S` in spite of that.
(What a handler cannot end is one page read from a dead disk: a store on a network file system is not supported.)
"""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from math import inf
from time import monotonic, thread_time
from typing import TYPE_CHECKING

import msgspec

from ctiroute.errors import StoreError
from ctiroute.model import CallerFacts, IdentifierKind
from ctiroute.store.identity_rows import Parts, united
from ctiroute.store.linking import to_claims
from ctiroute.store.sqlite import rows
from ctiroute.store.sqlite.faults import mapped, translate
from ctiroute.store.sqlite.statements import SQL
from ctiroute.store.touch_rows import to_microseconds

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from ctiroute.model import CallerQuery, Customer, Identifier, Interaction, PastCall, Touch
    from ctiroute.store.sqlite.rows import Row

BUDGET_S = 0.02  # of the thread's processor time for one method; some hundred times what it takes, and still less than a pop may be late
# of time on the wall: a disk that crawls. Longer, because a busy machine may take the processor away for as long as this and bring it back,
# which is no reason to send a caller off unknown; and well within a call's deadline.
BUDGET_WALL_S = 0.25
_PROGRESS_STEPS = 2000  # virtual machine instructions between looks at the clocks: some 50 µs
# After every commit of the writer SQLite drops the reader's page cache, and each of some fifteen pages of a look-up is a read again:
# 255 µs a look-up measured between writes, 130 with the file mapped, where a page is only a pointer. (It drops the mapping as well,
# and the page faults that follow take some 2 ms a commit: one more reason for few large writes.) The price: a disk error in
# a mapped page ends the process instead of one statement; on such a disk the callers take the default way either way.
_MAPPED_BYTES = 1 << 30
_CACHE_KIB = 16_384  # for pages that are in the write-ahead log still

_FIND_IDENTIFIER = SQL["find_identifier"]
_FIND_PART = SQL["find_part"]
_PART = ""  # in place of what is said for the asked identifier: it is not this customer's, but of one who is part of the same
_FIND_TOUCHES = SQL["find_touches"]
_FIND_OF_CUSTOMER = SQL["find_interactions_of_customer"]
_FIND_OF_IDENTIFIER = SQL["find_interactions_of_identifier"]
_RANK_OF_CUSTOMER = SQL["rank_interactions_of_customer"]
_RANK_OF_IDENTIFIER = SQL["rank_interactions_of_identifier"]
_FIND_INTERACTIONS = SQL["find_interactions"]
_FIND_CALLS = SQL["find_calls"]

_decode_texts = msgspec.json.Decoder(tuple[str, ...]).decode


class Reader:
    """One read-only connection. Made, used and closed in one thread."""

    def __init__(self, path: Path) -> None:
        self._until = 0.0  # on the wall's clock
        self._cpu_until: float | None = None  # on the thread's, from when the work turns out to be long enough to look
        with mapped(f"open {path} for reading"):
            self._connection = sqlite3.connect(path.as_uri() + "?mode=ro", uri=True, timeout=0, isolation_level=None)
            self._connection.execute("PRAGMA query_only = 1")
            self._connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB:d}")
            self._connection.execute(f"PRAGMA mmap_size = {_MAPPED_BYTES:d}")
            self._connection.set_progress_handler(self._is_over_budget, _PROGRESS_STEPS)
        # One cursor for all: making one for each statement costs as much as a short statement. So fetch before the next execute.
        self._execute: Callable[[str, Row], sqlite3.Cursor] = self._connection.cursor().execute

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def fetch(self, name: str, *values: object) -> list[Row]:
        """Return the rows of a named statement, within the budget."""
        self._start()
        with mapped(f"read ({name})"):
            return self._execute(SQL[name], values).fetchall()

    def find_caller(self, query: CallerQuery) -> CallerFacts:
        """Return what is known about one identifier. A stranger costs one statement.

        Raises `StoreUnavailable` when reading fails or takes more than its budget: decide without the store.
        """
        self._start()
        try:
            try:
                # By itself each statement would take and drop a lock (3 µs); and all that is read is of one moment.
                self._execute("BEGIN", ())
                return self._find_caller(query)
            finally:
                if self._connection.in_transaction:
                    self._until = self._cpu_until = inf  # it must not stop this one: a transaction left open would see the past for ever
                    self._execute("ROLLBACK", ())  # there is nothing to commit
        except sqlite3.Error as error:
            raise translate(error, "look the caller up") from error
        except UnicodeEncodeError:
            return CallerFacts()  # lone surrogates are in no stored key
        except (KeyError, msgspec.DecodeError) as error:
            raise StoreError(f"a stored row cannot be read: {error!r}") from error

    def _find_caller(self, query: CallerQuery) -> CallerFacts:
        asked, limit = query.identifier, query.limit
        since, calls_since = to_microseconds(query.touches_since), to_microseconds(query.calls_since)
        found = self._execute(_FIND_IDENTIFIER, (asked.kind, asked.value, since, calls_since)).fetchall()
        first = found[0]
        has_called = first[9] and asked.kind == IdentifierKind.PHONE
        call_rows = self._execute(_FIND_CALLS, (asked.value, calls_since, limit)).fetchall() if has_called else []
        calls = tuple([rows.past_call_of(row) for row in call_rows])
        if first[4] is None:
            return CallerFacts(calls=calls)

        if len(found) > 1:
            found.sort(key=_position)
        if any(row[12] or row[13] for row in found):
            found = self._with_parts(found, since)
        customers, reached, wrote = _read_identities(found, asked)
        if len(found) > 1:
            calls = self._with_other_phones(calls, customers, asked, calls_since, limit)
        touches: list[Touch] = []
        for identifier_id, identifier in reached.items():
            touches += [rows.touch_of(row, identifier) for row in self._execute(_FIND_TOUCHES, (identifier_id, since, limit))]
        interactions = self._find_interactions(customers, wrote, query) if customers or wrote else []
        if len(reached) > 1:
            touches.sort(key=_sent_at, reverse=True)
            del touches[limit:]
        claims = {row[0]: to_claims(row[11]) for row in found if row[11]}
        if len(customers) > 1:
            into = {row[0]: row[12] for row in found if row[12] is not None}
            if into:
                parts = Parts(into)
                customers = list(united({each.customer_id: each for each in customers}, into).values())
                touches, interactions, calls = parts.renamed(touches), parts.renamed(interactions), tuple(parts.renamed(calls))
                claims = parts.claims({row[0]: to_claims(row[11]) for row in found if row[11] != _PART})
        facts = CallerFacts(tuple(customers), tuple(touches), tuple(interactions), calls, claims)
        return facts if len(customers) < 2 else replace(facts, customers=facts.by_last_contact()[:limit])  # noqa: PLR2004 - one is one

    def _with_other_phones(
        self, calls: tuple[PastCall, ...], customers: list[Customer], asked: Identifier, since: int, limit: int
    ) -> tuple[PastCall, ...]:
        """Add the calls from the other phones of the customers that were found, newest first."""
        phones = {one.value for each in customers for one in each.identifiers if one.kind == IdentifierKind.PHONE and one != asked}
        if not phones:
            return calls
        found = {call.call_id: call for call in calls}
        for phone in phones:
            for row in self._execute(_FIND_CALLS, (phone, since, limit)).fetchall():
                found[row[0]] = rows.past_call_of(row)
        return tuple(sorted(found.values(), key=_received_at, reverse=True)[:limit])

    def _with_parts(self, found: list[Row], since: int) -> list[Row]:
        """Add the rows of those who are one with a customer that was found, though the asked identifier is not theirs."""
        there = {row[0] for row in found}
        for first in dict.fromkeys([row[12] or row[0] for row in found if row[12] or row[13]]):
            his = [row for row in found if row[0] == first] or self._execute(_FIND_PART, (first, since)).fetchall()
            if first not in there:
                found += his
            for part in _decode_texts(his[0][13] or "[]") if his else ():
                if part not in there:
                    found += self._execute(_FIND_PART, (part, since)).fetchall()
        return found

    def _find_interactions(self, customers: list[Customer], wrote: list[int], query: CallerQuery) -> list[Interaction]:
        """Return interactions newest first; when there are more than the limit, open ones stay and old closed ones go."""
        since, limit = to_microseconds(query.interactions_since), query.limit
        if len(customers) + len(wrote) > 1:
            found = self._rank_interactions(customers, wrote, since, limit)
        elif customers:
            found = self._execute(_FIND_OF_CUSTOMER, (customers[0].customer_id, since, limit)).fetchall()
        else:
            found = self._execute(_FIND_OF_IDENTIFIER, (wrote[0], since, limit)).fetchall()
        interactions = [rows.interaction_of(row) for row in found]
        if len(interactions) > 1:
            interactions.sort(key=_updated_at, reverse=True)
        return interactions

    def _rank_interactions(self, customers: list[Customer], wrote: list[int], since: int, limit: int) -> list[Row]:
        """Return the rows of those that stay. They are known by an index; a whole row costs what six of its entries do."""
        ranked: list[Row] = []
        for customer in customers:
            ranked += self._execute(_RANK_OF_CUSTOMER, (customer.customer_id, since, limit)).fetchall()
        for identifier_id in wrote:
            ranked += self._execute(_RANK_OF_IDENTIFIER, (identifier_id, since, limit)).fetchall()
        ranked.sort()
        return self._execute(_FIND_INTERACTIONS, (str([key for _, _, key in ranked[:limit]]), limit)).fetchall()

    def _start(self) -> None:
        self._until = monotonic() + BUDGET_WALL_S
        self._cpu_until = None

    def _is_over_budget(self) -> bool:
        spent = thread_time()  # a system call, so not made for a look-up that is over before SQLite asks for the first time
        if self._cpu_until is None:
            self._cpu_until = spent + BUDGET_S
        return spent > self._cpu_until or monotonic() > self._until


def _read_identities(found: list[Row], asked: Identifier) -> tuple[list[Customer], dict[int, Identifier], list[int]]:
    """Return customers, the identifiers (by number) that may have touches, and the numbers of those with interactions of their own."""
    people: dict[str, tuple[Row, list[Identifier]]] = {}
    reached: dict[int, Identifier] = {}
    wrote: dict[int, None] = {}
    for row in found:
        customer_id, _, _, _, identifier_id, kind, value, has_touches, has_interactions, _, _, _, _, _ = row
        identifier = asked if kind is None else rows.identifier_of(kind, value)
        if customer_id is not None:
            person = people.get(customer_id)
            if person is None:
                people[customer_id] = row, [identifier] if identifier_id is not None else []
            else:
                person[1].append(identifier)
        if has_touches:
            reached[identifier_id] = identifier
        if has_interactions:
            wrote[identifier_id] = None
    customers = [rows.customer_of(row[0], row[1], row[2], row[3], identifiers) for row, identifiers in people.values()]
    return customers, reached, list(wrote)


def _position(row: Row) -> int:
    return int(row[10])


def _sent_at(touch: Touch) -> datetime:
    return touch.sent_at


def _received_at(call: PastCall) -> datetime:
    return call.received_at


def _updated_at(interaction: Interaction) -> datetime:
    return interaction.updated_at
