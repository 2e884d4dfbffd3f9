"""What every store can keep of the installation itself: who and what may sign in, and which rules were in use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime

    from ctiroute.model import ApiKey, NodeRules, Operator, RulesVersion, ShadowReport


class AdministrationStore(Protocol):
    """The part of a `Store` that is about people and programs who sign in, and about rules. Off the call path."""

    # --- operators
    async def put_operator(self, operator: Operator, password_hash: str | None) -> None:
        """Insert or replace an operator; a `password_hash` of None keeps the stored one."""

    async def get_operators(self) -> list[Operator]:
        """Return all operators by `operator_id`."""

    async def password_hash(self, operator_id: str) -> str | None:
        """Return the Argon2id hash of one operator, or None when there is no such operator or no password."""

    # --- sessions of the screens: kept, so that a restart signs nobody out
    async def put_session(self, token_hash: bytes, operator_id: str, expires_at: datetime) -> None:
        """Keep a session under the SHA-256 of its token."""

    async def get_session(self, token_hash: bytes, now: datetime) -> str | None:
        """Return the `operator_id` of a session that has not expired, or None."""

    async def drop_sessions(self, *, token_hash: bytes | None = None, operator_id: str | None = None) -> None:
        """End one session, or all of an operator."""

    # --- keys of the company's other programs
    async def put_api_key(self, key: ApiKey, secret_hash: bytes) -> None:
        """Keep a new key under the SHA-256 of its secret. Raises `StoreConflict` when there is a key of that id."""

    async def get_api_key(self, key_id: str) -> tuple[ApiKey, bytes] | None:
        """Return a key, valid or not, and the hash of its secret; None when there is none."""

    async def get_api_keys(self) -> list[ApiKey]:
        """Return all keys by `key_id`."""

    async def note_api_key_use(self, key_id: str, at: datetime) -> None:
        """Keep when a key was last used."""

    async def revoke_api_key(self, key_id: str, at: datetime) -> bool:
        """End a key; the first time stays. False when there is none."""

    # --- versions of the rules
    async def put_rules_version(self, used: RulesVersion) -> None:
        """Keep that rules came into use, and forget the oldest such times.

        Nothing is kept when these rules came into use last anyway (on another node), or when a node that starts brings none that are new.
        """

    async def get_rules_versions(self, limit: int) -> list[RulesVersion]:
        """Return when which rules came into use, the latest first, without their files."""

    async def get_rules_version(self, version: str) -> RulesVersion | None:
        """Return the latest use of one version, with its files; None when it is not kept."""

    async def put_node_rules(self, node: NodeRules) -> None:
        """Keep which rules a node uses, and forget nodes that are long gone."""

    async def get_node_rules(self, seen_since: datetime) -> list[NodeRules]:
        """Return the nodes that said so since a time, by name."""

    async def put_shadow_report(self, report: ShadowReport) -> None:
        """Keep what one run of a node learnt of the rules beside those in use, in place of what it told before.

        Reports of runs that were last heard of more than `SHADOW_KEPT` before this one go.
        """

    async def get_shadow_reports(self) -> list[ShadowReport]:
        """Return what every run told last, the latest first."""
