"""A caller to decide about, and short ways to load rules."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from ctiroute.model import (
    UNKNOWN,
    Caller,
    CallerContext,
    Customer,
    Identifier,
    IdentifierKind,
    Identity,
    Interaction,
    InteractionStatus,
    Medium,
    OfferTerms,
    Operator,
    Outcome,
    PastCall,
    RouteRequest,
    Touch,
    TouchStatus,
)
from ctiroute.rules import Bound, Facts, Ruleset, load_ruleset

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)  # a Friday; 12:00 in Kyiv
PHONE = "+380671234567"


@dataclass
class World:
    """One caller, and everything a rule can ask about him. Change what the test is about, then ask."""

    now: datetime = NOW
    caller: Caller = field(default_factory=lambda: Caller(PHONE, PHONE, "OLENA"))
    dialed: str = "+380441234567"
    identity: Identity = UNKNOWN
    touches: tuple[Touch, ...] = ()
    interactions: tuple[Interaction, ...] = ()
    calls: tuple[PastCall, ...] = ()
    operators: dict[str, Operator] = field(default_factory=dict)

    def touch(self, age: timedelta = timedelta(minutes=12), **changes: Any) -> Touch:
        """Return a touch sent `age` ago."""
        touch = Touch(
            touch_id="t1",
            campaign="autumn-sms",
            campaign_title="Autumn",
            medium=Medium.SMS,
            identifier=Identifier(IdentifierKind.PHONE, PHONE),
            sent_at=self.now - age,
            status=TouchStatus.DELIVERED,
            offer=OfferTerms("Autumn instalments", "Hello", "0 %, 24 months", {"amount": "5000", "product": "Credit Plus"}),
        )
        return replace(touch, **changes)

    def interaction(self, age: timedelta = timedelta(hours=2), **changes: Any) -> Interaction:
        """Return an interaction last changed `age` ago."""
        interaction = Interaction(
            interaction_id="i1",
            customer_id="c1",
            medium=Medium.WEB,
            topic="credit-application",
            title="Application for credit",
            status=InteractionStatus.OPEN,
            opened_at=self.now - age - timedelta(hours=1),
            updated_at=self.now - age,
            form={"amount": "20000", "income": ""},
        )
        return replace(interaction, **changes)

    def call(self, age: timedelta, outcome: Outcome | None = Outcome.ABANDONED, operator_id: str | None = None) -> PastCall:
        """Return an earlier call."""
        return PastCall(f"c-{age}", self.now - age, outcome, operator_id=operator_id)

    def known(self, name: str = "Olena", language: str | None = "uk", **attributes: str) -> None:
        """Make the caller one known customer."""
        self.identity = Identity.of((Customer("c1", name, language, attributes),))

    @property
    def request(self) -> RouteRequest:
        """The question."""
        return RouteRequest("pbx:1.1", Medium.VOICE, self.caller, self.dialed, self.now)

    @property
    def context(self) -> CallerContext:
        """What is known."""
        return CallerContext(self.request, self.identity, self.touches, self.interactions, self.calls)

    @property
    def facts(self) -> Facts:
        """What conditions look at."""
        return Facts(self.request, self.context, self.now, self.operators)

    def ask(self, when: str, head: str = "") -> Bound | None:
        """Return what one rule with these conditions binds, or None when it does not hold."""
        return rules_of(when, head).rules[0].test(self.facts)

    def seen(self, when: str, head: str = "") -> tuple[bool, str, str]:
        """Return the first verdict of one rule: matched, wanted, seen."""
        verdict = rules_of(when, head).rules[0].when[0].explain(self.facts)[0]
        return verdict.matched, verdict.wanted, verdict.seen


def rules_of(when: str, head: str = "", then: str = "{queue: promo}") -> Ruleset:
    """Return a rule set of one rule, written in flow style."""
    return load_ruleset([("f.yml", f"{head}\nrules:\n  - name: one\n    when: {when}\n    then: {then}\ndefault: {{menu: main}}\n")])


@pytest.fixture
def world() -> World:
    """Return an unknown caller who was sent nothing."""
    return World()


@pytest.fixture
def rule_set() -> Callable[..., Ruleset]:
    """Load a rule set of one rule."""
    return rules_of
