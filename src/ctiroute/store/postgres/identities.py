"""Who is who in the database. What to change is planned by `identity_plan` and `linking`; here it is loaded and carried out.

Everything that changes a customer's identity holds the lock of customers: two that came at once would otherwise plan on what the other
is about to change.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING

import msgspec

from ctiroute.errors import StoreConflict
from ctiroute.model import IMPORTED, ChangeKind, CustomerCard, Denial, Identifier, IdentityChange, Split, Undo
from ctiroute.store import identity_plan, linking
from ctiroute.store.identities import MAX_WHY, MOST_CHANGES, KeptChange, KeptIdentity, made_up_id
from ctiroute.store.identity_plan import MAX_MOVED, Moved, Plan
from ctiroute.store.identity_rows import card_of, change_of, identifiers_of, pairs_of
from ctiroute.store.linking import Held, Links
from ctiroute.store.postgres import rows, writing
from ctiroute.store.postgres.faults import readable
from ctiroute.store.postgres.schema import CUSTOMERS_LOCK
from ctiroute.store.postgres.ways import PostgresWays

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from ctiroute.model import Claim, Customer, IdentityOrder
    from ctiroute.store.postgres.link import Link

_NEWEST = 2**63 - 1
_encode = msgspec.json.Encoder().encode


class Identities(PostgresWays):
    """The part of a `Store` that is about who is who."""

    async def link_identifiers(
        self, identifiers: Sequence[Identifier], customer_id: str | None, claim: Claim, *, name: str = ""
    ) -> tuple[str, ...]:
        """Keep that a source told these together; return whose they are now."""
        return await self._write("link identifiers", lambda link: link_identifiers(link, identifiers, customer_id, claim, name))

    async def change_identity(self, order: IdentityOrder, at: datetime, by: str, why: str = "") -> IdentityChange:
        """Carry out a person's order of who is who, and keep it in the audit."""
        return await self._write("change who is who", lambda link: _change(link, order, at, by, why))

    async def identity_changes(self, customer_id: str | None, before: int | None, limit: int) -> list[IdentityChange]:
        """Return what was changed, the latest first."""
        values = (_NEWEST if before is None else before, min(limit, MOST_CHANGES))
        one = () if customer_id is None else (rows.to_text(customer_id),)
        found = await self._read("changes_of" if one else "changes", *values, *one)
        with readable():
            return [change_of_row(tuple(row)) for row in found]

    async def get_card(self, customer_id: str) -> CustomerCard | None:
        """Return who a customer is, and why we think so."""
        with readable():
            return await self._write("read a customer", lambda link: _card(link, customer_id))

    async def restore_identities(self, kept: Sequence[KeptIdentity]) -> None:
        """Keep identities as another store had them."""
        await self._write("keep who is who", lambda link: _restore(link, kept))

    async def restore_identity_changes(self, kept: Sequence[KeptChange]) -> None:
        """Keep lines of the audit as another store had them."""
        await self._write("keep changes", lambda link: _restore_changes(link, kept))


async def put_customers(link: Link, customers: Sequence[Customer], claim: Claim = IMPORTED) -> int:
    """Insert or replace customers and what `claim`'s source says of their identifiers; return how many were new."""
    latest = {customer.customer_id: customer for customer in customers}  # named twice in one batch: the last one counts
    keys = await writing.keys_of(link, (identifier for customer in latest.values() for identifier in customer.identifiers))
    values = [
        rows.customer_values(customer, [keys[identifier] for identifier in dict.fromkeys(customer.identifiers)])
        for customer in latest.values()
    ]
    ids = [each[0] for each in values]
    await link.run("lock", CUSTOMERS_LOCK)
    held = await (load(link, latest) if claim != IMPORTED else with_claims(link, list(latest)))
    before = await link.run("drop_customer_identifiers", ids)
    made = await link.run("put_customers", *writing.columns(values, 6))
    after = await link.run("add_customer_identifiers", ids)
    if claim != IMPORTED:
        await link.run("set_claims", ids, linking.from_claims((claim,)))
    for customer_id in held.keys() & latest.keys():
        await put_links(link, customer_id, linking.imported(held[customer_id], latest[customer_id].identifiers, claim))
    await writing.mark(link, [row[0] for row in before] + [row[0] for row in after])
    return sum(row[0] for row in made)


async def link_identifiers(
    link: Link, identifiers: Sequence[Identifier], customer_id: str | None, claim: Claim, name: str = ""
) -> tuple[str, ...]:
    """Keep, in the transaction that runs, that a source told these together; return whose they are now (see `IdentityStore`)."""
    given = list(dict.fromkeys(identifiers))[: linking.MAX_TOGETHER]
    known = await writing.keys_of(link, given)
    keys = {each: known[each] for each in given}  # in their order, which becomes the customer's
    told = await _told(link, keys, customer_id, claim)
    if told.edits or told.new:  # mostly it was told before, and nobody has to wait for anybody
        await link.run("lock", CUSTOMERS_LOCK)
        told = await _told(link, keys, customer_id, claim)
        for each in told.new:
            await link.run("make_customer", rows.to_text(each), rows.to_text(name))
        await _edit_links(link, told.held, Plan(links=tuple(told.edits)))
    return told.theirs


async def _told(link: Link, keys: Mapping[Identifier, int], customer_id: str | None, claim: Claim) -> linking.Told:
    owners: dict[Identifier, list[str]] = {each: [] for each in keys}
    named = {key: each for each, key in keys.items()}
    for key, owner in await link.run("owners_by_key", list(named)):
        owners[named[key]].append(rows.from_text(owner))
    targets = linking.targets(owners, customer_id, made_up_id())
    return linking.plan_told(await load(link, targets), owners, customer_id, targets, claim)


async def load(link: Link, customer_ids: Iterable[str]) -> dict[str, Held]:
    """Return what is held of customers, and of all who are one with them."""
    wanted = [rows.to_text(each) for each in customer_ids]
    if not wanted:
        return {}
    held: dict[str, Held] = {}
    places: dict[tuple[str, int], tuple[Held, Identifier]] = {}
    for customer_id, into, merged, keys, others in await link.run("held_customers", wanted):
        parts = tuple(map(rows.from_text, merged or ()))
        one = held[rows.from_text(customer_id)] = Held(rows.from_text(customer_id), rows.from_optional(into), parts)
        for key, identifier in rows.named_keys(keys, others).items():
            one.links[identifier] = linking.to_claims(None)
            places[customer_id, key] = one, identifier
    ids = [rows.to_text(each) for each in held]
    for customer_id, key, claims in await link.run("held_claims", ids):
        one, identifier = places[customer_id, key]
        one.links[identifier] = linking.to_claims(claims)
    for customer_id, kind, value, at, by in await link.run("held_denials", ids):
        held[rows.from_text(customer_id)].denied[rows.identifier_of(kind, value)] = Denial(at, rows.from_text(by))
    return held


async def with_claims(link: Link, customer_ids: Sequence[str]) -> dict[str, Held]:
    """Return what is held of those customers of whose links more is known than that the company's file has them. Mostly nobody."""
    found = await link.run("customers_with_claims", [rows.to_text(each) for each in customer_ids])
    return await load(link, [rows.from_text(row[0]) for row in found])


async def put_links(link: Link, customer_id: str, links: Links) -> None:
    """Replace the links of a customer, and have the copy read afresh whom that concerns."""
    keys = await writing.keys_of(link, links)
    others = [rows.identifier_values(each) for each in links if keys[each] < 0]
    before = await link.run("drop_customer_identifiers", [rows.to_text(customer_id)])
    await link.run("set_links", rows.to_text(customer_id), [keys[each] for each in links], _encode(others).decode())
    claims = [linking.from_claims(each) for each in links.values()]
    await link.run("add_links", rows.to_text(customer_id), [keys[each] for each in links], claims)
    await writing.mark(link, [row[0] for row in before] + list(keys.values()))


async def _change(link: Link, order: IdentityOrder, at: datetime, by: str, why: str) -> IdentityChange:
    if isinstance(order, Undo):
        return await _undo(link, order, at, by)
    if isinstance(order, Split):
        await writing.keys_of(link, order.identifiers)  # before the lock: it may have to wait for an import
    await link.run("lock", CUSTOMERS_LOCK)
    held = await load(link, identity_plan.wanted(order))
    planned = identity_plan.plan(order, held, at, by, made_up_id())
    plan = planned.plan
    if isinstance(order, Split):
        members = [each.customer_id for each in linking.group_of(held, order.customer_id)]
        plan = replace(plan, moved=await _moving(link, members, order.identifiers, planned.other_id))
    await _carry_out(link, held, plan)
    made = change_of(0, planned, at, by, why)
    number = await link.run("add_change", *_change_values(made, identity_plan.to_json(plan)))
    return replace(made, change_id=number[0][0])


async def _undo(link: Link, order: Undo, at: datetime, by: str) -> IdentityChange:
    await link.run("lock", CUSTOMERS_LOCK)
    found = await link.run("get_change", order.change_id)
    if not found:
        raise StoreConflict(f"there is no change {order.change_id}")
    if found[0]["undone_at"] is not None:
        raise StoreConflict(f"change {order.change_id} was undone already")
    done = identity_plan.from_json(found[0]["plan"])
    held = await load(link, done.customer_ids)
    await _carry_out(link, held, identity_plan.undo(done, held))
    await link.run("undo_change", order.change_id, rows.to_time(at), rows.to_text(by))
    return change_of_row(tuple((await link.run("get_change", order.change_id))[0]))


async def export_identities(link: Link, after: str, limit: int) -> list[KeptIdentity]:
    """Return what is kept of the next customers beyond the company's file, beginning with `after` itself."""
    ids = [rows.from_text(row[0]) for row in await link.run("export_identities", rows.to_text(after), limit)]
    held = await load(link, ids)
    return [linking.kept_of(held[each]) for each in ids]


async def _carry_out(link: Link, held: Mapping[str, Held], plan: Plan) -> None:
    for customer_id, name in plan.made:
        await link.run("make_customer", rows.to_text(customer_id), rows.to_text(name))
    await _edit_links(link, held, plan)
    for edit in plan.merged:
        await link.run("set_merged_into", rows.to_text(edit.customer_id), rows.to_optional(edit.after))
    for customer_id in dict.fromkeys(one for edit in plan.merged for one in (edit.before, edit.after) if one is not None):
        await link.run("set_merged", rows.to_text(customer_id))
    for denial in plan.denials:
        key = rows.to_text(denial.customer_id), *rows.identifier_values(denial.identifier)
        if denial.after is None:
            await link.run("drop_denial", *key)
        else:
            await link.run("put_denial", *key, rows.to_time(denial.after.at), rows.to_text(denial.after.by))
    for moved in plan.moved:
        ids = [rows.to_text(each) for each in moved.ids]
        await link.run(f"move_{moved.kind}", ids, rows.to_text(moved.after), rows.to_text(moved.before))
    await _mark_all(link, held, plan)
    for customer_id in plan.dropped:
        await link.run("drop_customer", rows.to_text(customer_id))


async def _mark_all(link: Link, held: Mapping[str, Held], plan: Plan) -> None:
    """Have the copy read afresh everything that leads to those whose identity changed: also what leads to them no more."""
    theirs = [one for each in plan.customer_ids if each in held for one in held[each].links]
    theirs += [edit.identifier for edit in plan.links]
    await writing.mark(link, list((await writing.keys_of(link, theirs)).values()))


async def _edit_links(link: Link, held: Mapping[str, Held], plan: Plan) -> None:
    for customer_id, edits in groupby(sorted(plan.links, key=lambda each: each.customer_id), key=lambda each: each.customer_id):
        before = held[customer_id].links if customer_id in held else {}
        await put_links(link, customer_id, linking.edited(before, edits))


async def _moving(link: Link, members: Sequence[str], identifiers: Sequence[Identifier], to: str) -> tuple[Moved, ...]:
    keys = list((await writing.keys_of(link, identifiers)).values())
    moved: list[Moved] = []
    for customer_id in members:
        for kind in ("touches", "interactions", "calls"):
            found = await link.run(f"moving_{kind}", keys, rows.to_text(customer_id), MAX_MOVED + 1)
            if len(found) > MAX_MOVED:
                raise StoreConflict(f"more than {MAX_MOVED:,} {kind} would go with the new customer")
            if found:
                moved.append(Moved(kind, tuple(rows.from_text(row[0]) for row in found), customer_id, to))
    return tuple(moved)


async def _restore(link: Link, kept: Sequence[KeptIdentity]) -> None:
    await writing.keys_of(link, [one for each in kept for one, _ in each.links])
    await link.run("lock", CUSTOMERS_LOCK)
    for each in kept:
        if each.links:
            await put_links(link, each.customer_id, dict(each.links))
        await link.run("set_merged_into", rows.to_text(each.customer_id), rows.to_optional(each.merged_into))
        for identifier, denial in each.denied:
            values = rows.to_text(each.customer_id), *rows.identifier_values(identifier), rows.to_time(denial.at), rows.to_text(denial.by)
            await link.run("put_denial", *values)
    for customer_id in dict.fromkeys(each.merged_into for each in kept if each.merged_into is not None):
        await link.run("set_merged", rows.to_text(customer_id))


async def _restore_changes(link: Link, kept: Sequence[KeptChange]) -> None:
    await link.run_many("put_change", [(each.change.change_id, *_change_values(each.change, each.plan)) for each in kept])
    await link.run("number_changes_on")


async def _card(link: Link, customer_id: str) -> CustomerCard | None:
    group = linking.group_of(await load(link, (customer_id,)), customer_id)
    if not group:
        return None
    name, language, attributes = (await link.run("get_customer", rows.to_text(group[0].customer_id)))[0]
    customer: Customer = rows.customer_of(rows.to_text(group[0].customer_id), name, language, attributes, (), "[]")[0]
    return card_of(replace(customer, identifiers=tuple(dict.fromkeys(one for each in group for one in each.links))), group)


def _change_values(change: IdentityChange, plan: str) -> rows.Row:
    names = change.kind.value, rows.to_text(change.customer_id), rows.to_text(change.other_id), pairs_of(change.identifiers)
    said = rows.to_time(change.at), rows.to_text(change.by), rows.to_text(change.why[:MAX_WHY])
    return *names, *said, rows.optional_time(change.undone_at), rows.to_text(change.undone_by), plan


def change_of_row(row: rows.Row) -> IdentityChange:
    """Return a line of the audit."""
    change_id, kind, customer_id, other_id, pairs, at, by, why, undone_at, undone_by, _ = row
    names = ChangeKind(kind), rows.from_text(customer_id), rows.from_text(other_id), identifiers_of(pairs)
    return IdentityChange(change_id, *names, at, rows.from_text(by), rows.from_text(why), undone_at, rows.from_text(undone_by))
