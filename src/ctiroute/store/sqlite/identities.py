"""Who is who in the embedded store. What to change is planned by `identity_plan` and `linking`; here it is loaded and carried out."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from ctiroute.errors import StoreConflict
from ctiroute.model import IMPORTED, ChangeKind, Customer, Denial, IdentityChange, Split, Undo
from ctiroute.store import identity_plan, linking
from ctiroute.store.identities import MAX_WHY, MOST_CHANGES, KeptChange, KeptIdentity, made_up_id
from ctiroute.store.identity_plan import MAX_MOVED, Moved, Plan
from ctiroute.store.identity_rows import card_of, change_of, identifiers_of, pairs_of
from ctiroute.store.linking import Held, Links
from ctiroute.store.sqlite import rows
from ctiroute.store.sqlite.faults import mapped, readable
from ctiroute.store.sqlite.statements import SQL
from ctiroute.store.sqlite.ways import SqliteWays
from ctiroute.store.touch_rows import to_microseconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from pathlib import Path

    from ctiroute.model import Claim, CustomerCard, Identifier, IdentityOrder

_NEWEST = 2**63 - 1
_decode_texts = msgspec.json.Decoder(tuple[str, ...]).decode
_encode = msgspec.json.Encoder().encode


class Identities(SqliteWays):
    """The part of a `Store` that is about who is who."""

    async def link_identifiers(
        self, identifiers: Sequence[Identifier], customer_id: str | None, claim: Claim, *, name: str = ""
    ) -> tuple[str, ...]:
        """Keep that a source told these together; return whose they are now."""
        return await self._write("link identifiers", lambda connection: link_identifiers(connection, identifiers, customer_id, claim, name))

    async def change_identity(self, order: IdentityOrder, at: datetime, by: str, why: str = "") -> IdentityChange:
        """Carry out a person's order of who is who, and keep it in the audit."""
        return await self._write("change who is who", lambda connection: _change(connection, order, at, by, why))

    async def identity_changes(self, customer_id: str | None, before: int | None, limit: int) -> list[IdentityChange]:
        """Return what was changed, the latest first."""
        last, most = _NEWEST if before is None else before, min(limit, MOST_CHANGES)
        found = self._read("changes", last, most) if customer_id is None else self._read("changes_of", last, most, customer_id)
        with readable():
            return [change_of_row(row) for row in found]

    async def get_card(self, customer_id: str) -> CustomerCard | None:
        """Return who a customer is, and why we think so."""
        return await self._look(lambda: _card(self.path, customer_id))

    async def restore_identities(self, kept: Sequence[KeptIdentity]) -> None:
        """Keep identities as another store had them."""
        await self._write("keep who is who", lambda connection: _restore(connection, kept))

    async def restore_identity_changes(self, kept: Sequence[KeptChange]) -> None:
        """Keep lines of the audit as another store had them."""
        values = [(each.change.change_id, *_change_values(each.change, each.plan)) for each in kept]
        await self._write("keep changes", lambda connection: connection.executemany(SQL["put_change"], values))


def put_customers(connection: sqlite3.Connection, customers: Sequence[Customer], claim: Claim = IMPORTED) -> int:
    """Insert or replace customers and what `claim`'s source says of their identifiers; return how many were new."""
    values = [rows.customer_values(customer) for customer in customers]
    new = connection.executemany(SQL["add_customer"], values).rowcount
    latest = {customer.customer_id: customer for customer in customers}  # named twice in one batch: the last one counts
    if new < len(values):
        connection.executemany(SQL["put_customer"], values)
        held = load(connection, latest) if claim != IMPORTED else with_claims(connection, list(latest))
        for each in held.keys() & latest.keys():
            put_links(connection, each, linking.imported(held[each], latest.pop(each).identifiers, claim))
        connection.executemany(SQL["drop_customer_identifiers"], [(customer_id,) for customer_id in latest])
    if claim != IMPORTED:
        for customer in latest.values():
            add_links(connection, customer.customer_id, dict.fromkeys(customer.identifiers, (claim,)))
        return new
    keys = [
        (customer.customer_id, position, *rows.identifier_values(identifier))
        for customer in latest.values()
        for position, identifier in enumerate(customer.identifiers)
    ]
    connection.executemany(SQL["add_identifier"], [key[2:] for key in keys])
    connection.executemany(SQL["put_customer_identifier"], keys)
    return new


def link_identifiers(
    connection: sqlite3.Connection, identifiers: Sequence[Identifier], customer_id: str | None, claim: Claim, name: str = ""
) -> tuple[str, ...]:
    """Keep, in the transaction that runs, that a source told these together; return whose they are now (see `IdentityStore`)."""
    given = list(dict.fromkeys(identifiers))[: linking.MAX_TOGETHER]
    owners = {each: [row[0] for row in connection.execute(SQL["owners_of_identifier"], rows.identifier_values(each))] for each in given}
    targets = linking.targets(owners, customer_id, made_up_id())
    told = linking.plan_told(load(connection, targets), owners, customer_id, targets, claim)
    for each in told.new:
        connection.execute(SQL["add_customer"], rows.customer_values(Customer(each, name)))
    _edit_links(connection, told.held, Plan(links=tuple(told.edits)))
    return told.theirs


def load(connection: sqlite3.Connection, customer_ids: Iterable[str]) -> dict[str, Held]:
    """Return what is held of customers, and of all who are one with them."""
    held: dict[str, Held] = {}
    wanted = list(dict.fromkeys(customer_ids))
    while wanted:
        customer_id = wanted.pop()
        found = None if customer_id in held else connection.execute(SQL["held_customer"], (customer_id,)).fetchone()
        if found is None:
            continue
        into, merged = found
        one = held[customer_id] = Held(customer_id, into, () if merged is None else _decode_texts(merged))
        for kind, value, claims in connection.execute(SQL["held_links"], (customer_id,)).fetchall():
            one.links[rows.identifier_of(kind, value)] = linking.to_claims(claims)
        for kind, value, at, by in connection.execute(SQL["held_denials"], (customer_id,)).fetchall():
            one.denied[rows.identifier_of(kind, value)] = Denial(rows.from_microseconds(at), by)
        wanted += [*one.merged, *([into] if into is not None else [])]
    return held


def with_claims(connection: sqlite3.Connection, customer_ids: Sequence[str]) -> dict[str, Held]:
    """Return what is held of those customers of whose links more is known than that the company's file has them. Mostly nobody."""
    found = connection.execute(SQL["customers_with_claims"], (_encode(customer_ids).decode(),)).fetchall()
    return load(connection, [row[0] for row in found])


def put_links(connection: sqlite3.Connection, customer_id: str, links: Links) -> None:
    """Replace the links of a customer."""
    connection.execute(SQL["drop_customer_identifiers"], (customer_id,))
    add_links(connection, customer_id, links)


def add_links(connection: sqlite3.Connection, customer_id: str, links: Links) -> None:
    """Make the links of a customer who has none."""
    connection.executemany(SQL["add_identifier"], [rows.identifier_values(each) for each in links])
    values = [
        (customer_id, position, *rows.identifier_values(each), linking.from_claims(claims))
        for position, (each, claims) in enumerate(links.items())
    ]
    connection.executemany(SQL["put_link"], values)


def _change(connection: sqlite3.Connection, order: IdentityOrder, at: datetime, by: str, why: str) -> IdentityChange:
    if isinstance(order, Undo):
        return _undo(connection, order, at, by)
    held = load(connection, identity_plan.wanted(order))
    planned = identity_plan.plan(order, held, at, by, made_up_id())
    plan = planned.plan
    if isinstance(order, Split):
        members = [each.customer_id for each in linking.group_of(held, order.customer_id)]
        plan = replace(plan, moved=_moving(connection, members, order.identifiers, planned.other_id))
    _carry_out(connection, held, plan)
    made = change_of(0, planned, at, by, why)
    number = connection.execute(SQL["add_change"], _change_values(made, identity_plan.to_json(plan))).lastrowid
    return change_of(number or 0, planned, at, by, why)


def _undo(connection: sqlite3.Connection, order: Undo, at: datetime, by: str) -> IdentityChange:
    found = connection.execute(SQL["get_change"], (order.change_id,)).fetchone()
    if found is None:
        raise StoreConflict(f"there is no change {order.change_id}")
    if found[8] is not None:
        raise StoreConflict(f"change {order.change_id} was undone already")
    done = identity_plan.from_json(found[10])
    held = load(connection, done.customer_ids)
    _carry_out(connection, held, identity_plan.undo(done, held))
    connection.execute(SQL["undo_change"], (order.change_id, to_microseconds(at), by))
    return change_of_row(connection.execute(SQL["get_change"], (order.change_id,)).fetchone())


def export_identities(path: Path, after: str, limit: int) -> list[KeptIdentity]:
    """Return what is kept of the next customers beyond the company's file, beginning with `after` itself."""
    with mapped("read identities"), readable(), closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        connection.execute("BEGIN")  # all that is read is of one moment
        ids = [row[0] for row in connection.execute(SQL["export_identities"], (after, limit))]
        held = load(connection, ids)
        return [linking.kept_of(held[each]) for each in ids]


def _carry_out(connection: sqlite3.Connection, held: dict[str, Held], plan: Plan) -> None:
    for customer_id, name in plan.made:
        connection.execute(SQL["add_customer"], rows.customer_values(Customer(customer_id, name)))
    _edit_links(connection, held, plan)
    for edit in plan.merged:
        connection.execute(SQL["set_merged_into"], (edit.customer_id, edit.after))
    for customer_id in dict.fromkeys(one for edit in plan.merged for one in (edit.before, edit.after) if one is not None):
        connection.execute(SQL["set_merged"], (customer_id,))
    for denial in plan.denials:
        key = denial.customer_id, *rows.identifier_values(denial.identifier)
        if denial.after is None:
            connection.execute(SQL["drop_denial"], key)
        else:
            connection.execute(SQL["put_denial"], (*key, to_microseconds(denial.after.at), denial.after.by))
    for moved in plan.moved:
        connection.executemany(SQL[f"move_{moved.kind}"], [(each, moved.after, moved.before) for each in moved.ids])
    connection.executemany(SQL["drop_customer"], [(each,) for each in plan.dropped])


def _edit_links(connection: sqlite3.Connection, held: dict[str, Held], plan: Plan) -> None:
    for customer_id in dict.fromkeys(edit.customer_id for edit in plan.links):
        before = held[customer_id].links if customer_id in held else {}
        put_links(connection, customer_id, linking.edited(before, (each for each in plan.links if each.customer_id == customer_id)))


def _moving(connection: sqlite3.Connection, members: Sequence[str], identifiers: Sequence[Identifier], to: str) -> tuple[Moved, ...]:
    moved: list[Moved] = []
    for customer_id in members:
        for kind in ("touches", "interactions", "calls"):
            ids: dict[str, None] = {}
            for each in identifiers:
                values = (*rows.identifier_values(each), customer_id, MAX_MOVED + 1)
                ids |= dict.fromkeys(row[0] for row in connection.execute(SQL[f"moving_{kind}"], values))
            if len(ids) > MAX_MOVED:
                raise StoreConflict(f"more than {MAX_MOVED:,} {kind} would go with the new customer")
            if ids:
                moved.append(Moved(kind, tuple(ids), customer_id, to))
    return tuple(moved)


def _restore(connection: sqlite3.Connection, kept: Sequence[KeptIdentity]) -> None:
    for each in kept:
        if each.links:
            put_links(connection, each.customer_id, dict(each.links))
        connection.execute(SQL["set_merged_into"], (each.customer_id, each.merged_into))
        for identifier, denial in each.denied:
            values = (each.customer_id, *rows.identifier_values(identifier), to_microseconds(denial.at), denial.by)
            connection.execute(SQL["put_denial"], values)
    for customer_id in dict.fromkeys(each.merged_into for each in kept if each.merged_into is not None):
        connection.execute(SQL["set_merged"], (customer_id,))


def _card(path: Path, customer_id: str) -> CustomerCard | None:
    with mapped("read a customer"), readable(), closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        connection.execute("BEGIN")  # all that is read is of one moment
        group = linking.group_of(load(connection, (customer_id,)), customer_id)
        if not group:
            return None
        name, language, attributes = connection.execute(SQL["get_customer"], (group[0].customer_id,)).fetchone()
        identifiers = dict.fromkeys(one for each in group for one in each.links)
        return card_of(rows.customer_of(group[0].customer_id, name, language, attributes, identifiers), group)


def _change_values(change: IdentityChange, plan: str) -> rows.Row:
    undone_at = None if change.undone_at is None else to_microseconds(change.undone_at)
    names = change.kind.value, change.customer_id, change.other_id, pairs_of(change.identifiers)
    return *names, to_microseconds(change.at), change.by, change.why[:MAX_WHY], undone_at, change.undone_by, plan


def change_of_row(row: rows.Row) -> IdentityChange:
    """Return a line of the audit."""
    change_id, kind, customer_id, other_id, pairs, at, by, why, undone_at, undone_by, _ = row
    undone = None if undone_at is None else rows.from_microseconds(undone_at)
    names = ChangeKind(kind), customer_id, other_id, identifiers_of(pairs)
    return IdentityChange(change_id, *names, rows.from_microseconds(at), by, why, undone, undone_by)
