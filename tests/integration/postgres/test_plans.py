"""Statements are planned once for each connection, perhaps while a table is still empty: the plan must be good when it has grown."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ctiroute.store.postgres.address import parse_address
from ctiroute.store.postgres.link import Link, connect
from ctiroute.store.postgres.statements import SQL
from tests.integration.postgres.plans import nodes

if TYPE_CHECKING:
    from collections.abc import Iterator

    import asyncpg

    from ctiroute.store.postgres import PostgresStore

# Asked by hand, when somebody is erased or two customers are made one; they look through a table where no index would help otherwise.
BY_HAND = {
    "customers_with_claims",
    "erase_denied_links",
    "moving_interactions",
    "search_callbacks",
    "search_calls",
    "search_interactions_of_keys",
    "search_touches_of_customers",
}
# What is given as an array, whole or one by one, in the words of a plan.
_GIVEN = ("= ANY ($", "= told.", "= asked.", "= changed.")


async def read_through(link: Link, name: str) -> Iterator[str]:
    """Yield what a statement would read row by row to find what is named in an array."""
    number = len((await link.connection.prepare(SQL[name])).get_parameters())
    await link.connection.execute(f"PREPARE explained AS {SQL[name]}")
    values = ", ".join(["NULL"] * number)
    found: list[dict[str, Any]] = json.loads(
        await link.connection.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE explained{f'({values})' if number else ''}")
    )
    await link.connection.execute("DEALLOCATE explained")
    return (
        f"{node.get('Relation Name')} by {node.get('Index Name')}"
        for node in nodes(found[0]["Plan"])
        if any(given in node.get("Filter", "") for given in _GIVEN)
    )


async def test_what_is_named_is_found_by_index_though_the_plan_was_made_on_empty_tables(
    store: PostgresStore, url: str, admin: asyncpg.Connection
) -> None:
    """An empty table that is known to be empty is read whole in no time, and would be ever after."""
    await admin.execute("VACUUM ANALYZE")
    link = await connect(parse_address(url))
    wrong = {name: list(await read_through(link, name)) for name, text in SQL.items() if "[])" in text and name not in BY_HAND}
    await link.close()
    assert {name: places for name, places in wrong.items() if places} == {}
