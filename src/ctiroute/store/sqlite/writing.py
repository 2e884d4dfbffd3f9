"""What is written in one transaction, for each kind of value. Runs on the writer's thread; knows nothing of threads or loops."""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING

from ctiroute.store import rules_rows
from ctiroute.store.places import SHADOW_KEPT
from ctiroute.store.sqlite import rows
from ctiroute.store.sqlite.statements import SQL, for_rows
from ctiroute.store.touch_rows import to_microseconds

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence
    from datetime import datetime

    from ctiroute.model import CallRecord, Campaign, Interaction, NodeRules, Receipt, RulesVersion, ShadowReport
    from ctiroute.store.touch_rows import TouchRow

_SESSION_KEPT = timedelta(days=90)  # longer than any session lives: one that ends so much before a new one is dead, whatever the clock says

# `executemany` steps row by row, and every step gives the interpreter's lock away and takes it back: the event loop, which reads in
# between, then waits for the writer at every statement. A statement of many rows is one step.
_ROWS_AT_ONCE = 64  # more gains nothing, and every row more is in the statement SQLite keeps compiled


def put_campaigns(connection: sqlite3.Connection, campaigns: Sequence[Campaign]) -> None:
    """Insert or replace campaigns."""
    connection.executemany(SQL["put_campaign"], [(campaign.key, campaign.title, campaign.medium.value) for campaign in campaigns])


def put_touches(connection: sqlite3.Connection, touches: Sequence[TouchRow]) -> int:
    """Insert or replace touches, making identifiers and campaigns on the way; return how many were new."""
    campaigns = {touch[3]: (touch[3], touch[15], touch[4]) for touch in reversed(touches)}
    connection.executemany(SQL["add_campaign"], campaigns.values())
    _insert(connection, "add_identifier", [touch[1:3] for touch in touches])
    values = [touch[:15] for touch in touches]
    new = _insert(connection, "add_touch", values)
    if new < len(values):
        connection.executemany(SQL["put_touch"], values)
    return new


def add_receipts(connection: sqlite3.Connection, receipts: Sequence[Receipt]) -> frozenset[str]:
    """Note how far touches got; return the ids that are not known."""
    return frozenset(
        receipt.touch_id
        for receipt in receipts
        if not connection.execute(SQL["add_receipt"], (receipt.touch_id, receipt.status.value, to_microseconds(receipt.at))).rowcount
    )


def put_interactions(connection: sqlite3.Connection, interactions: Sequence[Interaction]) -> None:
    """Insert or replace interactions, their events whole."""
    connection.executemany(
        SQL["add_identifier"], [rows.identifier_values(interaction.identifier) for interaction in interactions if interaction.identifier]
    )
    connection.executemany(SQL["put_interaction"], [rows.interaction_values(interaction) for interaction in interactions])


def record_calls(connection: sqlite3.Connection, records: Sequence[CallRecord]) -> None:
    """Merge call records."""
    _insert(connection, "put_call", [rows.call_values(record) for record in records])


def put_session(connection: sqlite3.Connection, token_hash: bytes, operator_id: str, expires_at: datetime) -> None:
    """Keep a session, and forget those long dead."""
    connection.execute(SQL["purge_sessions"], (to_microseconds(expires_at - _SESSION_KEPT),))
    connection.execute(SQL["put_session"], (token_hash, operator_id, to_microseconds(expires_at)))


def drop_sessions(connection: sqlite3.Connection, token_hash: bytes | None, operator_id: str | None) -> None:
    """End one session, or all of an operator."""
    if token_hash is not None:
        connection.execute(SQL["drop_session"], (token_hash,))
    if operator_id is not None:
        connection.execute(SQL["drop_sessions_of_operator"], (operator_id,))


def put_shadow_report(connection: sqlite3.Connection, report: ShadowReport) -> None:
    """Keep one run's report, and forget runs that are long over."""
    connection.execute(SQL["put_shadow_report"], (report.run, to_microseconds(report.told_at), report.report))
    connection.execute(SQL["drop_shadow_reports"], (to_microseconds(report.told_at - SHADOW_KEPT),))


def put_rules_version(connection: sqlite3.Connection, used: RulesVersion) -> None:
    """Keep that rules came into use, unless that is known, and forget the oldest such times."""
    connection.execute(SQL["put_rules_version"], rows.rules_version_values(used))
    connection.execute(SQL["drop_rules_versions"], (rules_rows.KEPT,))


def put_node_rules(connection: sqlite3.Connection, node: NodeRules) -> None:
    """Keep which rules a node uses, and forget nodes that are long gone."""
    seen = to_microseconds(node.seen_at)
    connection.execute(SQL["put_node_rules"], (node.node, node.version, to_microseconds(node.since), seen))
    connection.execute(SQL["drop_node_rules"], (to_microseconds(node.seen_at - rules_rows.NODE_KEPT),))


def _insert(connection: sqlite3.Connection, name: str, values: Sequence[rows.Row]) -> int:
    """Run an INSERT of one row for all of `values`, many rows at a time; return how many were made or changed."""
    whole = len(values) - len(values) % _ROWS_AT_ONCE
    changed = 0
    for start in range(0, whole, _ROWS_AT_ONCE):
        changed += connection.execute(_of_many(name), list(chain.from_iterable(values[start : start + _ROWS_AT_ONCE]))).rowcount
    return changed + max(0, connection.executemany(SQL[name], values[whole:]).rowcount)


@lru_cache(maxsize=64)
def _of_many(name: str) -> str:
    return for_rows(SQL[name], _ROWS_AT_ONCE)
