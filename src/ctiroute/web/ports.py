"""What the web room asks of the rest of the service. `app` implements it; tests use a small in-memory one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ctiroute.model import CallerContext, Decision

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from ctiroute.errors import Fault
    from ctiroute.model import Operator, RouteRequest
    from ctiroute.web.api.rules_wire import Explained, RolledBack, RulesChecked, RulesDiff, RulesInUse, UsedVersion, VersionFiles
    from ctiroute.web.wire import Ack, Snapshot


class Floor(Protocol):
    """The live floor, as the screens need it."""

    async def snapshot(self, operator_id: str) -> Snapshot:
        """Return all that this operator's screen shows now."""

    def acked(self, operator_id: str, ack: Ack) -> None:
        """Take note of how far a pop got. Repeated and stale acks are normal."""

    async def note(self, operator_id: str, pop_id: str, text: str) -> bool:
        """Keep an operator's note; False when the pop is not his."""

    async def choose(self, operator_id: str, pop_id: str, customer_id: str) -> bool:
        """Take the operator's word for who calls; False when the pop or the candidate is not his to choose."""

    def came(self, operator_id: str) -> None:
        """Take note that the first browser of this operator connected."""

    def left(self, operator_id: str) -> None:
        """Take note that the last browser of this operator is gone."""

    def health(self) -> Mapping[str, str]:
        """Return parts that are not well, with the cause in words; empty: ready for calls."""


class SessionKeeper(Protocol):
    """Where sessions and operators are kept: a store, or one that other nodes help out. Raises `StoreError` when it cannot tell."""

    async def put_session(self, token_hash: bytes, operator_id: str, expires_at: datetime) -> None:
        """Keep a session under the SHA-256 of its token."""

    async def get_session(self, token_hash: bytes, now: datetime) -> str | None:
        """Return the `operator_id` of a session that has not expired, or None."""

    async def drop_sessions(self, *, token_hash: bytes | None = None, operator_id: str | None = None) -> None:
        """End one session, or all of an operator."""

    async def get_operators(self) -> list[Operator]:
        """Return all operators."""


class NoSuchVersion(LookupError):  # noqa: N818 - reads as what it is
    """No version of the rules that is kept was meant; the message says so."""


@dataclass(frozen=True, slots=True)
class RouteAnswer:
    """A decision about somebody of any medium, and what it was made of."""

    context: CallerContext
    decision: Decision
    headline: str  # what an operator would read first
    opening: str


class RouteDesk(Protocol):
    """The engine, for media other than calls."""

    async def route(self, request: RouteRequest) -> RouteAnswer:
        """Decide as for a call, within a call's deadline, and keep a record of it. Never raises for what may break behind it."""


class RulesDesk(Protocol):
    """The rules, for the programs and pages by which people look after them. Raises `StoreError` when versions cannot be read."""

    def current(self) -> RulesInUse:
        """Return the rules in use, with their files."""

    async def check(self, files: Mapping[str, str]) -> RulesChecked:
        """Return every mistake in files (name -> text) that are in no folder yet."""

    async def versions(self, limit: int) -> list[UsedVersion]:
        """Return which rules came into use, the latest first."""

    async def version(self, version: str) -> VersionFiles:
        """Return one version with its files. Raises `NoSuchVersion`."""

    async def diff(self, version: str, against: str | None) -> RulesDiff:
        """Return what a version changed of another; None: of the one before it. Raises `NoSuchVersion`."""

    async def roll_back(self, version: str | None, who: str, *, dry_run: bool) -> RolledBack:
        """Put an earlier version in place and use it; None: the last that was in use before.

        Raises `NoSuchVersion`, `ConfigurationError` when it cannot be used any more, `OSError` when the folder cannot be written to.
        """

    async def reload(self, who: str) -> tuple[Fault, ...]:
        """Read the files now; return what is wrong with them. Then the rules in use stay."""

    async def explain(self, phone: str, dialed: str) -> Explained:
        """Return where a call would go now, and why; nothing is done."""
