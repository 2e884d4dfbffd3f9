"""A seeded history: calls as a day of a company leaves them in the store, and the plain facts they were made of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

from ctiroute.app.call_files import CallFile, to_bytes
from ctiroute.engine.decide import decide
from ctiroute.model import (
    UNKNOWN,
    WITHHELD,
    Caller,
    CallerContext,
    CallRecord,
    Customer,
    Identifier,
    IdentifierKind,
    Identity,
    Medium,
    OfferTerms,
    Outcome,
    PastCall,
    RouteRequest,
    Touch,
    TouchStatus,
)
from ctiroute.rules import Ruleset, load_ruleset

FIRST = datetime(2026, 11, 16, 0, 0, tzinfo=UTC)  # a Monday
DAY = timedelta(days=1)
CAMPAIGNS = ("autumn-sms", "autumn-mail", "winter-sms")
SEGMENTS = ("vip", "gold", "")


@dataclass(frozen=True, slots=True)
class Plain:
    """One call in plain facts. Ages are in seconds before the call."""

    call_id: str
    at: datetime
    number: str  # "" when withheld
    touches: tuple[tuple[str, int], ...]  # (campaign, age), newest first
    segment: str | None  # None: nobody we know
    calls: tuple[int, ...]  # ages of earlier calls
    waited_s: int | None  # None: nobody answered
    left: bool


def rules(text: str, name: str = "rules.yml") -> Ruleset:
    """Return compiled rules, as replay reads them."""
    return load_ruleset([(name, text)], forms=True)


def plain_calls(count: int, seed: int = 7) -> list[Plain]:
    """Return calls of a week, oldest first."""
    rng = Random(seed)  # noqa: S311 - a seeded history, no secret
    made = []
    for place, second in enumerate(sorted(rng.randrange(7 * 86_400) for _ in range(count))):
        touches = sorted(((rng.choice(CAMPAIGNS), rng.randrange(1, 7200)) for _ in range(rng.randrange(4))), key=lambda one: one[1])
        left = rng.random() < 0.1
        made.append(
            Plain(
                call_id=f"pbx:{place:06d}",
                at=FIRST + timedelta(seconds=second),
                number="" if rng.random() < 0.05 else f"+38067{rng.randrange(10**7):07d}",
                touches=tuple(touches),
                segment=rng.choice((*SEGMENTS, None)),
                calls=tuple(sorted(rng.randrange(1, 7200) for _ in range(rng.randrange(4)))),
                waited_s=rng.randrange(5, 90),
                left=left,
            )
        )
    return made


def context_of(call: Plain) -> CallerContext:
    """Return what the engine knew of a call."""
    withheld = not call.number
    who = Identifier(IdentifierKind.PHONE, call.number)
    request = RouteRequest(
        call.call_id, Medium.VOICE, Caller(call.number, call.number or None, withheld=withheld), "+380441234567", call.at, "pbx"
    )
    if withheld:
        return CallerContext(request, WITHHELD, gathered_at=call.at)
    customer = None if call.segment is None else Customer(f"c{call.call_id}", "Olena", "uk", {"segment": call.segment}, (who,))
    return CallerContext(
        request,
        UNKNOWN if customer is None else Identity.of((customer,)),
        tuple(
            Touch(
                f"{call.call_id}-{place}",
                campaign,
                "Autumn",
                Medium.SMS,
                who,
                call.at - timedelta(seconds=age),
                TouchStatus.DELIVERED,
                OfferTerms("Autumn instalments", "The whole text of a message", "0 %, 24 months"),
            )
            for place, (campaign, age) in enumerate(call.touches)
        ),
        calls=tuple(PastCall(f"p{age}", call.at - timedelta(seconds=age), Outcome.ABANDONED) for age in call.calls),
        gathered_at=call.at,
    )


def record_of(call: Plain, ruleset: Ruleset) -> CallRecord:
    """Return a call as `ruleset` decided it and the store keeps it."""
    context = context_of(call)
    decision = decide(context.request, context, ruleset, call.at, {})
    end = call.at + timedelta(seconds=call.waited_s or 0)
    return CallRecord(
        call_id=call.call_id,
        pbx="pbx",
        caller_phone=call.number or None,
        caller_raw=call.number,
        received_at=call.at,
        status=decision.status,
        rule=decision.rule,
        queue=getattr(decision.destination, "queue", None),
        outcome=Outcome.ABANDONED if call.left else Outcome.ANSWERED,
        answered_at=None if call.left else end,
        ended_at=end,
        snapshot=to_bytes(CallFile.of(context, decision, worded=False)),
    )
