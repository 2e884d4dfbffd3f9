"""Finding all that is a person's, and removing it. What is whose is decided by `erasure.sql` and `store/erasing.py`; knows no pools.

Looking takes a scan of calls and touches, so it is done in a transaction that only reads. What is found goes by its key, in short
transactions, and the copy of the store is told by the outbox as of any other change.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ctiroute.model import ErasureMarker
from ctiroute.store.erasing import BEFORE, NEAR, OTHER, SHARED, Findings, Person, from_marker, telling_digits, to_marker
from ctiroute.store.identity_rows import identifiers_of
from ctiroute.store.postgres import identities, rows
from ctiroute.store.postgres.schema import CUSTOMERS_LOCK, ERASURES_LOCK, TOUCHES_LOCK
from ctiroute.store.postgres.writing import mark

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import asyncpg

    from ctiroute.model import Identifier, Subject
    from ctiroute.store.postgres.link import Link

BITE = 200  # records a transaction
_EVER = datetime.min.replace(tzinfo=UTC)


class Search:
    """One look for everything that is a subject's. For a transaction that only reads."""

    def __init__(self, link: Link, subject: Subject) -> None:
        self._link = link
        self._subject = subject
        self._person = Person(customers=dict.fromkeys(subject.customer_ids))
        self._keys: dict[Identifier, int] = {}  # of the subject's identifiers, as far as they have one
        self._neighbours: list[str] = []

    async def run(self) -> tuple[Findings, list[int]]:
        """Return what is to go, and the keys of the subject's identifiers."""
        await self._link.run("allow_scans", "on", "0", "0")
        findings = Findings(self._person, self._subject.call_ids)
        if not await self._resolve():
            return findings, []
        customers, keys, shared = self._customers(), list(self._keys.values()), self._shared()
        if self._subject.erased_at is not None:  # nodes write no more than calls, and what belongs to them
            await self._find_calls(findings, self._subject.erased_at - BEFORE)
            await self._find_deliveries(findings, of_now=False)
            return findings, keys
        findings.customers = [rows.from_text(row[0]) for row in await self._link.run("search_customers", customers)]
        for kind in ("touches", "interactions"):
            found = await self._link.run(f"search_{kind}_of_keys", customers, keys, shared)
            if customers:
                found += await self._link.run(f"search_{kind}_of_customers", customers)
            for key, whose in found:
                findings.sort(kind, rows.from_text(key), whose)
        await self._find_callbacks(findings)
        findings.proposals = len(await self._link.run("proposal_fates", _texts(self._person.subjects)))
        for change_id, customer_id, other_id, pairs, plan in await self._link.run("search_identity_changes"):
            if findings.names(rows.from_text(customer_id), rows.from_text(other_id), identifiers_of(pairs), plan):
                findings.identity_changes.append(change_id)
        await self._find_calls(findings, _EVER)
        await self._find_deliveries(findings, of_now=True)
        return findings, keys

    async def _find_calls(self, findings: Findings, since: datetime) -> None:
        run, person = self._link.run, self._person
        neighbours = _texts(self._neighbours)
        near = [row[1] for row in await run("keys_of_customers", neighbours)]
        dialed = [rows.to_text(one.value) for one in person.own if one.kind == "phone"]
        keys, others = list(self._keys.values()), set[str]()
        for call_id, whose, has_snapshot, was_dialed in await run(
            "search_calls", self._customers(), keys, self._shared(), dialed, neighbours, near, since
        ):
            findings.sort_call(rows.from_text(call_id), whose, has_snapshot=has_snapshot, dialed=was_dialed)
            if whose in {OTHER, SHARED, NEAR}:
                others.add(rows.from_text(call_id))
        for (call_id,) in await run("search_named_calls", _texts(findings.call_ids)):
            findings.calls.setdefault(rows.from_text(call_id), False)
        for call_id, raw in await run("search_raw_callers", since):
            if telling_digits(raw) in person.phones:
                findings.calls.setdefault(rows.from_text(call_id), False)
        theirs = {*findings.calls, *findings.call_ids}
        for pop_id, call_id, number in await run("search_missed"):
            if rows.from_text(call_id) in theirs or (rows.from_text(call_id) not in others and telling_digits(number) in person.phones):
                findings.missed_calls.append(rows.from_text(pop_id))
        notes = await run("search_notes", _texts(theirs))
        findings.wrap_ups = [(rows.from_text(call_id), rows.from_text(operator_id)) for call_id, operator_id in notes]

    async def _find_deliveries(self, findings: Findings, *, of_now: bool) -> None:
        tells = findings.told(of_now=of_now)
        found = await self._link.run("search_deliveries")
        findings.deliveries = [key for key, about, body in found if tells(rows.from_text(about), body)]

    async def _find_callbacks(self, findings: Findings) -> None:
        names = [(*rows.identifier_values(one), one in self._person.shared) for one in (*self._person.own, *self._person.shared)]
        kinds, values, shared = ([each[place] for each in names] for place in range(3))
        for key, whose in await self._link.run("search_callbacks", self._customers(), kinds, values, shared):
            findings.sort("callbacks", rows.from_text(key), whose)

    async def _resolve(self) -> bool:
        """Find out who the subject is; False: it could be one of several."""
        person, subject = self._person, self._subject
        person.customers |= await self._one_with(subject.customer_ids)
        await self._add_keys(subject.identifiers)
        if subject.erased_at is None:
            owners = await self._owners(subject.identifiers)
            for identifier in subject.identifiers:
                his = owners[identifier]
                if len(his) > 1 and not his & person.customers.keys():
                    person.candidates = tuple(sorted(his))
                    return False
                if not his & person.customers.keys():
                    person.customers |= await self._one_with(his)
        more = await self._named([row[1] for row in await self._link.run("keys_of_customers", self._customers())])
        identifiers = list(dict.fromkeys((*subject.identifiers, *more)))
        for identifier, owners_of_it in (await self._owners(identifiers)).items():
            strangers = sorted(owners_of_it - person.customers.keys())
            if strangers:
                person.shared[identifier] = tuple(strangers)
                self._neighbours += [one for one in strangers if one not in self._neighbours]
            else:
                person.own[identifier] = None
        return True

    async def _one_with(self, customer_ids: Iterable[str]) -> dict[str, None]:
        """Return customers with all who are one with any of them: they are the same person."""
        return dict.fromkeys((*customer_ids, *await identities.load(self._link, customer_ids)))

    async def _owners(self, identifiers: Sequence[Identifier]) -> dict[Identifier, set[str]]:
        by_key = {self._keys[one]: one for one in identifiers if one in self._keys}
        owners: dict[Identifier, set[str]] = {one: set() for one in identifiers}
        for key, customer_id in await self._link.run("owners_of_keys", list(by_key)):
            owners[by_key[key]].add(rows.from_text(customer_id))
        return owners

    async def _add_keys(self, identifiers: Iterable[Identifier]) -> None:
        others: dict[tuple[str, str], Identifier] = {}
        for identifier in identifiers:
            key = rows.key_of(identifier)
            if key is not None:
                self._keys[identifier] = key
            else:
                others[rows.identifier_values(identifier)] = identifier
        kinds, values = [kind for kind, _ in others], [value for _, value in others]
        for kind, value, key in await self._link.run("get_identifiers", kinds, values):
            self._keys[others[kind, value]] = key

    async def _named(self, keys: Sequence[int]) -> list[Identifier]:
        names = {key: rows.phone_of(key) for key in keys if key > 0}
        for key, kind, value in await self._link.run("names_of_keys", [key for key in keys if key < 0]):
            names[key] = rows.identifier_of(kind, value)
        self._keys |= {names[key]: key for key in keys if key in names}
        return [names[key] for key in keys if key in names]

    def _customers(self) -> list[str]:
        return _texts(self._person.customers)

    def _shared(self) -> list[int]:
        return [self._keys[one] for one in self._person.shared]


def steps(findings: Findings) -> Iterator[tuple[str, Sequence[object]]]:
    """Yield what to run in one transaction after another. What leads to others goes after them: it may be broken off and repeated."""
    for kind, keys in (
        ("touches", list(findings.touches)),
        ("interactions", list(findings.interactions)),
        ("missed_calls", findings.missed_calls),
        ("callbacks", list(findings.callbacks)),
    ):
        for start in range(0, len(keys), BITE):
            yield f"erase_{kind}", (_texts(keys[start : start + BITE]),)
    for start in range(0, len(findings.wrap_ups), BITE):
        bite = findings.wrap_ups[start : start + BITE]
        yield "erase_wrap_ups", (_texts(call_id for call_id, _ in bite), _texts(operator_id for _, operator_id in bite))
    for start in range(0, len(findings.snapshots), BITE):
        yield "erase_snapshots", (_texts(findings.snapshots[start : start + BITE]),)
    yield "erase_proposal_fates", (_texts(findings.person.subjects),)
    for start in range(0, len(findings.identity_changes), BITE):
        yield "erase_identity_changes", (findings.identity_changes[start : start + BITE],)
    for start in range(0, len(findings.deliveries), BITE):
        yield "erase_deliveries", (findings.deliveries[start : start + BITE],)
    yield "erase_attributions_of_customers", (_texts(findings.person.customers),)
    for start in range(0, len(findings.every_call), BITE):
        yield "erase_attributions", (_texts(findings.every_call[start : start + BITE]),)
    calls = list(findings.calls)
    for start in range(0, len(calls), BITE):
        some = calls[start : start + BITE]
        yield "erase_confirmed_reasons", (_texts(some),)
        yield "erase_attributions", (_texts(some),)
        yield "erase_calls", (_texts(some), _texts(call_id for call_id in some if findings.calls[call_id]))


async def take_step(link: Link, name: str, values: Sequence[object]) -> None:
    """Remove a few records, and have the copy read afresh whose answers held them. For a transaction of its own."""
    changed: list[asyncpg.Record] = []
    if name == "erase_touches":
        await link.run("lock", TOUCHES_LOCK)  # whoever imports touches just then may be writing one of these anew
    elif name == "erase_interactions":
        changed = await link.run("keys_of_interactions", values[0])
    elif name == "erase_calls":
        changed = await link.run("keys_of_calls", values[0])
    gone = await link.run(name, *values)
    await mark(link, [row[0] for row in (*changed, *gone)])


async def finish(link: Link, findings: Findings, keys: Sequence[int], mark_at: datetime | None) -> None:
    """Remove the customers, have the copy read afresh whoever had their identifiers, and leave the marker."""
    await link.run("lock", CUSTOMERS_LOCK)
    own = [rows.identifier_values(one) for one in findings.person.own]
    await link.run("erase_denied_links", _texts(findings.customers), [kind for kind, _ in own], [value for _, value in own])
    await link.run("erase_customer_identifiers", _texts(findings.customers), list(keys))
    await link.run("erase_customers", _texts(findings.customers))
    await mark(link, keys)
    if mark_at is not None:
        await link.run("lock", ERASURES_LOCK)  # numbers are seen in the order they were given in
        await link.run("add_erasure", mark_at, to_marker(findings.marked(mark_at)))


async def forget_identifiers(link: Link, keys: Sequence[int]) -> None:
    """Remove identifiers that nothing refers to any more. For a transaction of its own: nobody who waits for us may be waited for."""
    others = [key for key in keys if key < 0]
    if others:
        await link.run("lock_identifiers")
        await link.run("purge_identifiers", others)


def marker_of(row: asyncpg.Record) -> ErasureMarker:
    """Return a marker from a row of `erasures_after`."""
    return ErasureMarker(row[0], from_marker(row[1]))


def _texts(values: Iterable[str]) -> list[str]:
    return [rows.to_text(value) for value in values]
