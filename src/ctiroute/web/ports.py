"""What the web room asks of the rest of the service. `app` implements it; tests use a small in-memory one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ctiroute.model import CallerContext, Decision

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from ctiroute.errors import Fault
    from ctiroute.model import CallbackFilter, CallbackOrder, Fate, Intake, Operator, ReasonKind, RouteRequest
    from ctiroute.model.callback import CallbackAsked
    from ctiroute.web.api.rules_found import ReplayReport, RulesTested, TracedCall, Trials
    from ctiroute.web.api.rules_wire import (
        Explained,
        RolledBack,
        RulesChecked,
        RulesDiff,
        RulesInUse,
        RulesPut,
        RulesToPut,
        RulesToReplay,
        UsedVersion,
        VersionFiles,
    )
    from ctiroute.web.wire import Ack, FormAnswer, FormEdit, Snapshot


class Floor(Protocol):
    """The live floor, as the screens need it."""

    async def snapshot(self, operator_id: str) -> Snapshot:
        """Return all that this operator's screen shows now."""

    def acked(self, operator_id: str, ack: Ack) -> None:
        """Take note of how far a pop got. Repeated and stale acks are normal."""

    async def note(self, operator_id: str, pop_id: str, text: str, code: str) -> bool:
        """Keep an operator's note and wrap-up code, in place of those before; False when the pop is not his, or the code not its."""

    async def choose(self, operator_id: str, pop_id: str, customer_id: str) -> bool:
        """Take the operator's word for who calls; False when the pop or the candidate is not his to choose."""

    def came(self, operator_id: str) -> None:
        """Take note that the first browser of this operator connected."""

    def left(self, operator_id: str) -> None:
        """Take note that the last browser of this operator is gone."""

    def health(self) -> Mapping[str, str]:
        """Return parts that are not well, with the cause in words; empty: ready for calls."""


class FormDesk(Protocol):
    """The forms on operators' pops. Raises `StoreError`."""

    async def edit(self, operator_id: str, edit: FormEdit) -> FormAnswer | None:
        """Save what an operator wrote into a form, or say what it is now; None when it does not stand on a pop of his."""


class Answers(Protocol):
    """What operators say on a pop beside notes. Raises `StoreError` when it could not be kept."""

    async def found(self, operator_id: str, pop_id: str, kind: ReasonKind, about_id: str) -> bool:
        """Take the operator's word for why the customer called; False when the pop or the candidate is not his to choose."""

    async def proposed(self, operator_id: str, pop_id: str, proposal: str, fate: Fate) -> bool:
        """Take note of what became of a proposal; False when the pop is not his, or it was not proposed there."""

    async def wrong(self, operator_id: str, pop_id: str, customer_id: str) -> bool:
        """Take the operator's word that a customer is not who calls; False when the pop is not his, or shows no such customer."""


class Flags(Protocol):
    """The rules over messages of other media."""

    async def flagged(self, intakes: Sequence[Intake]) -> list[Intake]:
        """Return what a source tells with the flags that the rules raise on it. Never raises."""


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


class CallbackDesk(Protocol):
    """The book of callback orders. Raises `CallbackRefused` with what is wrong, and `StoreError`."""

    async def take(self, asked: CallbackAsked) -> tuple[CallbackOrder, bool]:
        """Keep an order; return it, or the one that was there, and whether it is new."""

    async def get(self, callback_id: str) -> CallbackOrder | None:
        """Return one order, or None."""

    async def find(self, wanted: CallbackFilter) -> list[CallbackOrder]:
        """Return orders, the latest first."""

    async def move(self, callback_id: str, due_at: datetime, until: datetime | None, note: str | None) -> CallbackOrder | None:
        """Move an order to another time; None: there is none."""

    async def cancel(self, callback_id: str) -> CallbackOrder | None:
        """Cancel an order; None: there is none."""


class Promises(Protocol):
    """What operators promise from their screens. Raises `CallbackRefused` and `StoreError`."""

    async def promise(self, operator_id: str, pop_id: str, due_at: datetime | None, note: str, *, myself: bool) -> CallbackOrder | None:
        """Order a callback about the call of a pop; None: the pop is not his. `myself`: his own phone is to ring."""


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


class RulesChanged(RuntimeError):  # noqa: N818 - reads as what it is
    """Other rules than those somebody started from are there; the message says which."""


class RulesTrials(Protocol):
    """What tries rules and changes nothing. Raises `StoreError` when past calls cannot be read."""

    async def test(self, files: Mapping[str, str]) -> RulesTested:
        """Run the cases among these files (name -> text) against the rules among them; of none, those in the folder."""

    async def replay(self, asked: RulesToReplay) -> ReplayReport:
        """Hold rules against those in use, on past calls. Raises `ConfigurationError` when they cannot be used."""

    async def shadow(self) -> Trials:
        """Return what rules on trial would have done otherwise."""

    async def trace(self, call_id: str) -> TracedCall | None:
        """Return what happened to a call, and why; None: nothing is kept of it."""


class RulesDesk(Protocol):
    """The rules, for the programs and pages by which people look after them. Raises `StoreError` when versions cannot be read."""

    @property
    def trials(self) -> RulesTrials:
        """What tries them."""

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

    async def put(self, asked: RulesToPut, who: str) -> RulesPut:
        """Have files in place of those in the folder and use them.

        Raises `RulesChanged`, `ConfigurationError` when they cannot be used, `OSError` when the folder cannot be written to.
        """

    async def reload(self, who: str) -> tuple[Fault, ...]:
        """Read the files now; return what is wrong with them. Then the rules in use stay."""

    async def explain(self, phone: str, dialed: str) -> Explained:
        """Return where a call would go now, and why; nothing is done."""


class WebhookDesk(Protocol):
    """The other systems that are told what happens here."""

    def webhooks(self) -> Mapping[str, tuple[Sequence[str], str]]:
        """Return name -> which events it wants, and why the last attempt failed, "" when it did not."""

    async def test(self, name: str) -> str | None:
        """Put a test event in the outbox of one, and return its id; None: there is no such webhook. Raises `StoreError`."""
