"""What the store keeps of the installation itself: operators, sessions, API keys, versions of the rules, shadow reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctiroute.model import ShadowReport
from ctiroute.store.sqlite import exporting, rows, writing
from ctiroute.store.sqlite.faults import readable
from ctiroute.store.sqlite.statements import SQL
from ctiroute.store.sqlite.ways import SqliteWays
from ctiroute.store.touch_rows import to_microseconds

if TYPE_CHECKING:
    from datetime import datetime

    from ctiroute.model import ApiKey, NodeRules, Operator, RulesVersion


class Administration(SqliteWays):
    """The part of a `Store` that is about people and programs who sign in, and about rules."""

    # --- operators

    async def put_operator(self, operator: Operator, password_hash: str | None) -> None:
        """Insert or replace an operator; a `password_hash` of None keeps the stored one."""
        values = rows.operator_values(operator, password_hash)
        await self._write("keep an operator", lambda connection: connection.execute(SQL["put_operator"], values))

    async def get_operators(self) -> list[Operator]:
        """Return all operators by `operator_id`."""
        found = self._read("get_operators")
        with readable():
            return [rows.operator_of(row) for row in found]

    async def password_hash(self, operator_id: str) -> str | None:
        """Return the Argon2id hash of one operator, or None."""
        found = self._read("password_hash", operator_id)
        return found[0][0] if found else None

    # --- sessions

    async def put_session(self, token_hash: bytes, operator_id: str, expires_at: datetime) -> None:
        """Keep a session; raises `StoreConflict` when there is no such operator."""
        await self._write("keep a session", lambda connection: writing.put_session(connection, token_hash, operator_id, expires_at))

    async def get_session(self, token_hash: bytes, now: datetime) -> str | None:
        """Return the operator of a session that has not expired, or None."""
        found = self._read("get_session", token_hash, to_microseconds(now))
        return found[0][0] if found else None

    async def drop_sessions(self, *, token_hash: bytes | None = None, operator_id: str | None = None) -> None:
        """End one session, or all of an operator."""
        await self._write("end sessions", lambda connection: writing.drop_sessions(connection, token_hash, operator_id))

    # --- API keys

    async def put_api_key(self, key: ApiKey, secret_hash: bytes) -> None:
        """Keep a new key under the hash of its secret."""
        values = rows.api_key_values(key, secret_hash)
        await self._write("keep an API key", lambda connection: connection.execute(SQL["put_api_key"], values))

    async def get_api_key(self, key_id: str) -> tuple[ApiKey, bytes] | None:
        """Return a key and the hash of its secret, or None."""
        found = self._read("get_api_key", key_id)
        with readable():
            return (rows.api_key_of(found[0]), found[0][-1]) if found else None

    async def get_api_keys(self) -> list[ApiKey]:
        """Return all keys by `key_id`."""
        found = self._read("get_api_keys")
        with readable():
            return [rows.api_key_of(row) for row in found]

    async def note_api_key_use(self, key_id: str, at: datetime) -> None:
        """Keep when a key was last used."""
        values = key_id, to_microseconds(at)
        await self._write("note the use of a key", lambda connection: connection.execute(SQL["note_api_key_use"], values))

    async def revoke_api_key(self, key_id: str, at: datetime) -> bool:
        """End a key; False when there is none."""
        values = key_id, to_microseconds(at)
        return await self._write("revoke a key", lambda connection: connection.execute(SQL["revoke_api_key"], values).rowcount > 0)

    # --- versions of the rules

    async def put_rules_version(self, used: RulesVersion) -> None:
        """Keep that rules came into use, unless that is known."""
        await self._write("keep a version of the rules", lambda connection: writing.put_rules_version(connection, used))

    async def get_rules_versions(self, limit: int) -> list[RulesVersion]:
        """Return when which rules came into use, the latest first."""
        return [rows.rules_version_of(row) for row in self._read("get_rules_versions", limit)]

    async def get_rules_version(self, version: str) -> RulesVersion | None:
        """Return the latest use of one version, with its files."""
        return await self._look(lambda: exporting.rules_version(self.path, version))

    async def put_node_rules(self, node: NodeRules) -> None:
        """Keep which rules a node uses."""
        await self._write("keep a node's rules", lambda connection: writing.put_node_rules(connection, node))

    async def get_node_rules(self, seen_since: datetime) -> list[NodeRules]:
        """Return the nodes that said so since a time."""
        return [rows.node_rules_of(row) for row in self._read("get_node_rules", to_microseconds(seen_since))]

    async def put_shadow_report(self, report: ShadowReport) -> None:
        """Keep what one run of a node learnt of the rules beside those in use."""
        await self._write("keep a shadow's report", lambda connection: writing.put_shadow_report(connection, report))

    async def get_shadow_reports(self) -> list[ShadowReport]:
        """Return what every run told last, the latest first."""
        return [ShadowReport(run, rows.from_microseconds(at), report) for run, at, report in self._read("get_shadow_reports")]
