"""What the store keeps of the installation itself: operators, sessions, API keys, versions of the rules, shadow reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctiroute.model import ShadowReport
from ctiroute.store.postgres import records, rows, writing
from ctiroute.store.postgres.faults import readable
from ctiroute.store.postgres.ways import PostgresWays

if TYPE_CHECKING:
    from datetime import datetime

    from ctiroute.model import ApiKey, NodeRules, Operator, RulesVersion


class Administration(PostgresWays):
    """The part of a `Store` that is about people and programs who sign in, and about rules."""

    # --- operators

    async def put_operator(self, operator: Operator, password_hash: str | None) -> None:
        """Insert or replace an operator; a `password_hash` of None keeps the stored one."""
        await self._write("keep an operator", lambda link: writing.put_operator(link, operator, password_hash))

    async def get_operators(self) -> list[Operator]:
        """Return all operators by `operator_id`."""
        found = await self._read("get_operators")
        with readable():
            return [records.operator_of(tuple(row)) for row in found]

    async def password_hash(self, operator_id: str) -> str | None:
        """Return the Argon2id hash of one operator, or None."""
        found = await self._read("password_hash", rows.to_text(operator_id))
        return found[0][0] if found else None

    # --- sessions

    async def put_session(self, token_hash: bytes, operator_id: str, expires_at: datetime) -> None:
        """Keep a session; raises `StoreConflict` when there is no such operator."""
        await self._write("keep a session", lambda link: writing.put_session(link, token_hash, operator_id, expires_at))

    async def get_session(self, token_hash: bytes, now: datetime) -> str | None:
        """Return the operator of a session that has not expired, or None."""
        found = await self._read("get_session", token_hash, rows.to_time(now))
        return rows.from_text(found[0][0]) if found else None

    async def drop_sessions(self, *, token_hash: bytes | None = None, operator_id: str | None = None) -> None:
        """End one session, or all of an operator."""
        await self._write("end sessions", lambda link: writing.drop_sessions(link, token_hash, operator_id))

    # --- keys of the company's other programs

    async def put_api_key(self, key: ApiKey, secret_hash: bytes) -> None:
        """Keep a new key under the hash of its secret."""
        await self._write("keep an API key", lambda link: link.run("put_api_key", *records.api_key_values(key, secret_hash)))

    async def get_api_key(self, key_id: str) -> tuple[ApiKey, bytes] | None:
        """Return a key and the hash of its secret, or None."""
        found = await self._read("get_api_key", rows.to_text(key_id))
        with readable():
            return records.api_key_of(tuple(found[0])) if found else None

    async def get_api_keys(self) -> list[ApiKey]:
        """Return all keys by `key_id`."""
        found = await self._read("get_api_keys")
        with readable():
            return [records.api_key_of(tuple(row))[0] for row in found]

    async def note_api_key_use(self, key_id: str, at: datetime) -> None:
        """Keep when a key was last used."""
        await self._write("note the use of a key", lambda link: link.run("note_api_key_use", rows.to_text(key_id), rows.to_time(at)))

    async def revoke_api_key(self, key_id: str, at: datetime) -> bool:
        """End a key; False when there is none."""
        return bool(await self._write("revoke a key", lambda link: link.run("revoke_api_key", rows.to_text(key_id), rows.to_time(at))))

    # --- versions of the rules

    async def put_rules_version(self, used: RulesVersion) -> None:
        """Keep that rules came into use, unless that is known."""
        await self._write("keep a version of the rules", lambda link: writing.put_rules_version(link, used))

    async def get_rules_versions(self, limit: int) -> list[RulesVersion]:
        """Return when which rules came into use, the latest first."""
        return [records.rules_version_of(tuple(row)) for row in await self._read("get_rules_versions", limit)]

    async def get_rules_version(self, version: str) -> RulesVersion | None:
        """Return the latest use of one version, with its files."""
        found = await self._read("get_rules_version", rows.to_text(version))
        with readable():
            return records.rules_version_of(tuple(found[0])) if found else None

    async def put_node_rules(self, node: NodeRules) -> None:
        """Keep which rules a node uses."""
        await self._write("keep a node's rules", lambda link: writing.put_node_rules(link, node))

    async def get_node_rules(self, seen_since: datetime) -> list[NodeRules]:
        """Return the nodes that said so since a time."""
        return [records.node_rules_of(tuple(row)) for row in await self._read("get_node_rules", rows.to_time(seen_since))]

    async def put_shadow_report(self, report: ShadowReport) -> None:
        """Keep what one run of a node learnt of the rules beside those in use."""
        await self._write("keep a shadow's report", lambda link: writing.put_shadow_report(link, report))

    async def get_shadow_reports(self) -> list[ShadowReport]:
        """Return what every run told last, the latest first."""
        return [ShadowReport(rows.from_text(row[0]), row[1], row[2]) for row in await self._read("get_shadow_reports")]
