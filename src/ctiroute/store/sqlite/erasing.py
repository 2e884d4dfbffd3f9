"""Finding all that is a person's in the file, on a connection of its own that only reads: some of it takes a scan of seconds.

What is whose is decided by the statements of `erasure.sql` and by `store/erasing.py`; removing it is left to the writer, by key.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING

from ctiroute.model import ErasureMarker, Identifier
from ctiroute.store.erasing import BEFORE, NEAR, OTHER, SHARED, Findings, Person, from_marker, telling_digits, to_marker
from ctiroute.store.identity_rows import identifiers_of
from ctiroute.store.sqlite import identities
from ctiroute.store.sqlite.faults import mapped, readable
from ctiroute.store.sqlite.rows import Row
from ctiroute.store.sqlite.statements import SQL
from ctiroute.store.touch_rows import to_microseconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime
    from pathlib import Path

    from ctiroute.model import Subject

BITE = 200  # records a transaction
_EVER = -(2**63)
_Step = tuple[str, Sequence[Row]]  # name of a statement, values of each record


def find(path: Path, subject: Subject) -> Findings:
    """Return all that is to go, as it stands now. Takes a scan of calls and touches: not for the event loop's thread."""
    with mapped("look for what is to be erased"), readable(), closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        connection.isolation_level = None
        connection.execute("PRAGMA temp_store = MEMORY")
        for table in ("customers", "identifiers", "neighbours"):
            connection.execute(SQL[f"make_subject_{table}"])
        connection.execute("BEGIN")  # all that is read is of one moment
        return _find(connection, subject)


def steps(findings: Findings) -> Iterator[_Step]:
    """Yield what to run in one transaction after another. What leads to others goes after them: it may be broken off and repeated."""
    yield from _bites("erase_touches", [(key,) for key in findings.touches])
    yield from _bites("erase_interactions", [(key,) for key in findings.interactions])
    yield from _bites("erase_missed_calls", [(key,) for key in findings.missed_calls])
    yield from _bites("erase_wrap_ups", findings.wrap_ups)
    yield from _bites("erase_callbacks", [(key,) for key in findings.callbacks])
    yield from _bites("erase_snapshots", [(key,) for key in findings.snapshots])
    yield from _bites("erase_confirmed_reasons", [(key,) for key in findings.calls])
    yield from _bites("erase_proposal_fates", [(key,) for key in findings.person.subjects])
    yield from _bites("erase_identity_changes", [(key,) for key in findings.identity_changes])
    yield from _bites("erase_deliveries", [(key,) for key in findings.deliveries])
    yield from _bites("erase_attributions_of_customer", [(key,) for key in findings.person.customers])
    yield from _bites("erase_attributions", [(key,) for key in findings.every_call])
    yield from _bites("erase_calls", list(findings.calls.items()))


def finish(connection: sqlite3.Connection, findings: Findings, mark_at: datetime | None) -> None:
    """Remove the customers, the identifiers that nothing refers to any more, and leave the marker."""
    connection.executemany(SQL["erase_denied_links"], findings.denied_links)
    connection.executemany(SQL["erase_customers"], [(one,) for one in findings.customers])
    connection.executemany(SQL["erase_identifiers"], [(one.kind, one.value) for one in findings.person.own])
    if mark_at is not None:
        connection.execute(SQL["add_erasure"], (to_microseconds(mark_at), to_marker(findings.marked(mark_at))))


def marker_of(row: Row) -> ErasureMarker:
    """Return a marker from a row of `erasures_after`."""
    erasure_id, marker = row
    return ErasureMarker(erasure_id, from_marker(marker))


def _bites(name: str, keys: Sequence[Row]) -> Iterator[_Step]:
    for start in range(0, len(keys), BITE):
        yield name, keys[start : start + BITE]


def _find(connection: sqlite3.Connection, subject: Subject) -> Findings:
    person = _resolve(connection, subject)
    findings = Findings(person, subject.call_ids)
    if person.candidates:
        return findings
    if subject.erased_at is not None:  # nodes write no more than calls, and what belongs to them
        _find_calls(connection, findings, to_microseconds(subject.erased_at - BEFORE))
        _find_deliveries(connection, findings, of_now=False)
        return findings
    findings.customers = [row[0] for row in connection.execute(SQL["search_customers_of_subject"])]
    for kind in ("touches", "interactions"):
        for by in ("identifiers", "customers") if person.customers else ("identifiers",):
            for key, whose in connection.execute(SQL[f"search_{kind}_of_{by}"]):
                findings.sort(kind, key, whose)
    for key, whose in connection.execute(SQL["search_callbacks_of_subject"]):
        findings.sort("callbacks", key, whose)
    for subject_key in person.subjects:
        findings.proposals += len(connection.execute(SQL["proposal_fates"], (subject_key,)).fetchall())
    findings.denied_links = connection.execute(SQL["search_denied_links"]).fetchall()
    for change_id, customer_id, other_id, pairs, plan in connection.execute(SQL["search_identity_changes"]):
        if findings.names(customer_id, other_id, identifiers_of(pairs), plan):
            findings.identity_changes.append(change_id)
    _find_calls(connection, findings, _EVER)
    _find_deliveries(connection, findings, of_now=True)
    return findings


def _find_deliveries(connection: sqlite3.Connection, findings: Findings, *, of_now: bool) -> None:
    tells = findings.told(of_now=of_now)
    findings.deliveries = [key for key, about, body in connection.execute(SQL["search_deliveries"]) if tells(about, body)]


def _find_calls(connection: sqlite3.Connection, findings: Findings, since: int) -> None:
    """Add calls since a time, and what is kept beside them."""
    phones = findings.person.phones
    others: set[str] = set()
    for call_id, whose, has_snapshot, dialed in connection.execute(SQL["search_calls_of_subject"], (since,)):
        findings.sort_call(call_id, whose, has_snapshot=bool(has_snapshot), dialed=bool(dialed))
        if whose in {OTHER, SHARED, NEAR}:
            others.add(call_id)
    for call_id in findings.call_ids:
        for _ in connection.execute(SQL["search_named_call"], (call_id,)):
            findings.calls.setdefault(call_id, False)
    for call_id, raw in connection.execute(SQL["search_raw_callers"], (since,)):
        if telling_digits(raw) in phones:
            findings.calls.setdefault(call_id, False)
    theirs = {*findings.calls, *findings.call_ids}
    for pop_id, call_id, number in connection.execute(SQL["search_missed_with_words"]):
        if call_id in theirs or (call_id not in others and telling_digits(number) in phones):
            findings.missed_calls.append(pop_id)
    for call_id in theirs:
        findings.wrap_ups += connection.execute(SQL["search_notes_on_call"], (call_id,)).fetchall()


def _resolve(connection: sqlite3.Connection, subject: Subject) -> Person:
    """Find out who the subject is, and put it into the temporary tables."""
    person = Person(customers=_one_with(connection, subject.customer_ids))
    if subject.erased_at is None:
        for identifier in subject.identifiers:
            _, owners = _owners(connection, identifier)
            if len(owners) > 1 and not owners & person.customers.keys():
                person.candidates = tuple(sorted(owners))
                return person
            if not owners & person.customers.keys():
                person.customers |= _one_with(connection, owners)
    connection.executemany(SQL["add_subject_customer"], [(one,) for one in person.customers])
    neighbours: dict[str, None] = {}
    for identifier in dict.fromkeys((*subject.identifiers, *_identifiers_of(connection, person.customers))):
        number, owners = _owners(connection, identifier)
        strangers = sorted(owners - person.customers.keys())
        connection.execute(SQL["add_subject_identifier"], (identifier.kind, identifier.value, number, bool(strangers)))
        if strangers:
            person.shared[identifier] = tuple(strangers)
            neighbours |= dict.fromkeys(strangers)
        else:
            person.own[identifier] = None
    connection.executemany(SQL["add_subject_neighbour"], [(one,) for one in neighbours])
    return person


def _one_with(connection: sqlite3.Connection, customer_ids: Iterable[str]) -> dict[str, None]:
    """Return customers with all who are one with any of them: they are the same person."""
    return dict.fromkeys((*customer_ids, *identities.load(connection, customer_ids)))


def _owners(connection: sqlite3.Connection, identifier: Identifier) -> tuple[int | None, set[str]]:
    found = connection.execute(SQL["search_owners"], (identifier.kind, identifier.value)).fetchall()
    return (found[0][0] if found else None), {row[1] for row in found if row[1] is not None}


def _identifiers_of(connection: sqlite3.Connection, customers: Iterable[str]) -> Iterator[Identifier]:
    for customer_id in customers:
        for kind, value in connection.execute(SQL["search_identifiers_of"], (customer_id,)).fetchall():
            yield Identifier(kind, value)
