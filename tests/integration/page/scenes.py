"""Pops as the service would push them, for the page's tests: one company, one autumn offer, a half-filled credit form."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from ctiroute.model import (
    WITHHELD,
    Caller,
    CallerContext,
    ColleagueNote,
    Customer,
    Identifier,
    IdentifierKind,
    Identity,
    Interaction,
    InteractionEvent,
    InteractionStatus,
    Medium,
    MissedCall,
    Offer,
    OfferTerms,
    Outcome,
    PastCall,
    PopState,
    ReasonChip,
    RouteRequest,
    RuleTrace,
    ScreenPop,
    SourceReport,
    Touch,
    TouchStatus,
    Verdict,
)
from ctiroute.web.wire import PopMessage

PHONE = Identifier(IdentifierKind.PHONE, "+380671234567")
DISPLAY = "+380 67 123 4567"
SCRIPT = """## Instalments

1. Confirm the **name** and the last four digits of the card
2. Read the terms: *0 %*, 24 months
3. Send the link: [terms](https://example.com/autumn)

> Never promise a decision on the call.

<script>alert(1)</script> [bad](javascript:alert(1))
"""


def ago(**spans: float) -> datetime:
    """Return the time so long before now."""
    return datetime.now(UTC) - timedelta(**spans)


def iryna() -> Customer:
    """Return the customer of most scenes."""
    return Customer(
        customer_id="C-1042",
        name="Iryna Bondarenko",
        language="uk",
        attributes={"Segment": "Premium", "City": "Lviv", "Manager": "Taras H."},
        identifiers=(PHONE, Identifier(IdentifierKind.EMAIL, "iryna@example.com")),
    )


def petro() -> Customer:
    """Return who shares the number with `iryna`."""
    return Customer(customer_id="C-2077", name="Petro Bondarenko", language="uk", attributes={"Segment": "Mass", "City": "Lviv"})


def autumn_touch() -> Touch:
    """Return the offer sent 12 minutes ago."""
    return Touch(
        touch_id="t-1",
        campaign="autumn-sms",
        campaign_title="Autumn 2026",
        medium=Medium.SMS,
        identifier=PHONE,
        sent_at=ago(minutes=12, seconds=5),
        status=TouchStatus.DELIVERED,
        offer=OfferTerms(
            title="Autumn instalments",
            text="Iryna, 0 % for 24 months on anything in your basket. Call us: 0 800 300 100",
            terms="0 %, 24 months, up to 80,000 UAH, until 30 November",
            fields={"Limit": "80,000 UAH", "Product": "Instalment card"},
        ),
        customer_id="C-1042",
    )


def credit_form() -> Interaction:
    """Return a half-filled application."""
    return Interaction(
        interaction_id="i-7",
        customer_id="C-1042",
        medium=Medium.WEB,
        topic="credit-application",
        title="Application for credit",
        status=InteractionStatus.OPEN,
        opened_at=ago(hours=20),
        updated_at=ago(hours=19),
        owner="taras",
        form={"Amount": "45,000 UAH", "Term": "24 months", "Employer": "", "Monthly income": ""},
        events=(InteractionEvent(ago(hours=19), "form", "Stopped at step 3 of 5"),),
    )


def context(identity: Identity, caller: Caller | None = None) -> CallerContext:
    """Return what a look-up finds."""
    known = bool(identity.customers)
    return CallerContext(
        request=RouteRequest(
            call_id="pbx1:1",
            medium=Medium.VOICE,
            caller=caller or Caller(PHONE.value, PHONE.value),
            dialed="+380800300100",
            received_at=ago(seconds=40),
        ),
        identity=identity,
        touches=(autumn_touch(),) if known else (),
        interactions=(
            (
                credit_form(),
                Interaction(
                    "i-3",
                    "C-1042",
                    Medium.CHAT,
                    "delivery",
                    "Where is my card?",
                    InteractionStatus.CLOSED,
                    ago(days=9),
                    ago(days=9),
                    outcome="Card arrived",
                ),
            )
            if known
            else ()
        ),
        calls=(PastCall("pbx1:0", ago(days=3), Outcome.ABANDONED, queue="main"),) if known else (),
        sources=(SourceReport("store", "ok", 2.4),),
        gathered_at=ago(seconds=40),
    )


RULES = (
    RuleTrace("vip-line", matched=False, verdicts=(Verdict("customer", "segment VIP", "segment Premium", matched=False),)),
    RuleTrace(
        "autumn-sms-callers",
        matched=True,
        verdicts=(
            Verdict("touch", "campaign autumn-*, sms, within 15m", "autumn-sms, sms, 12m ago", matched=True),
            Verdict("hours", "business", "Monday 14:05", matched=True),
        ),
    ),
)


def offer(pop_id: str = "pop-1", **changes: Any) -> Offer:
    """Return a phone that began to ring 4 seconds ago."""
    base = Offer(
        pop_id=pop_id,
        revision=1,
        state=PopState.RINGING,
        call_id="pbx1:1",
        about_call_id="pbx1:1",
        operator_id="olena",
        leg_id="pbx1:2",
        interface="PJSIP/1001",
        queue="promo",
        offered_at=ago(seconds=4),
        waited_s=31.0,
    )
    return replace(base, **changes)


def campaign_pop(pop_id: str = "pop-1") -> ScreenPop:
    """Return the case that must never fail: the caller answers an SMS of 12 minutes ago."""
    return ScreenPop(
        offer=offer(pop_id),
        context=context(Identity.of((iryna(),))),
        caller_number=DISPLAY,
        headline="Calls back about “Autumn instalments”, SMS sent 12 min ago",
        chip=ReasonChip.CAMPAIGN,
        opening="“You are calling about the autumn instalments, aren't you?”",
        script=SCRIPT,
        fields=(("Debt", "none"),),
        url="https://crm.example.com/customers/C-1042",
        rule="autumn-sms-callers",
        rules=RULES,
        sources=(SourceReport("store", "ok", 2.4),),
        touch_id="t-1",
        interaction_id=None,
        ring_timeout_s=20,
    )


def unknown_pop(pop_id: str = "pop-2") -> ScreenPop:
    """Return a caller nobody knows."""
    found = context(Identity.of(()), Caller("+48221234567", "+48221234567"))
    return replace(
        bare_pop(pop_id),
        context=found,
        caller_number="+48 22 123 45 67",
        rules=(
            RuleTrace("autumn-sms-callers", matched=False, verdicts=(Verdict("touch", "campaign autumn-*", "no touch", matched=False),)),
        ),
        sources=found.sources,
    )


def bare_pop(pop_id: str) -> ScreenPop:
    """Return a pop without any words or facts, as it is while the look-up still runs."""
    return replace(
        campaign_pop(pop_id),
        context=None,
        headline="",
        chip=ReasonChip.NONE,
        opening="",
        script="",
        fields=(),
        url="",
        rule=None,
        rules=(),
        sources=(),
        touch_id=None,
    )


def ambiguous_pop(pop_id: str = "pop-3") -> ScreenPop:
    """Return a caller whose number belongs to two customers."""
    return replace(
        campaign_pop(pop_id),
        context=context(Identity.of((iryna(), petro()))),
        headline="Calls about “Application for credit”",
        chip=ReasonChip.REQUEST,
    )


def withheld_pop(pop_id: str = "pop-4") -> ScreenPop:
    """Return a caller without a number."""
    return replace(bare_pop(pop_id), context=context(WITHHELD, Caller("anonymous", None, withheld=True)), caller_number="")


def partial_pop(pop_id: str = "pop-5") -> ScreenPop:
    """Return a pop that lacks what a late source knows."""
    return replace(
        unknown_pop(pop_id),
        sources=(SourceReport("store", "late", 1000.0, "no answer within the deadline"), SourceReport("redis", "ok", 0.8)),
    )


def copied_pop(pop_id: str = "pop-5") -> ScreenPop:
    """Return a pop with the facts of a copy, because the store has not answered."""
    return replace(
        campaign_pop(pop_id),
        sources=(SourceReport("postgresql", "skipped", 0.0, "it has not answered lately"), SourceReport("copy", "ok", 0.8, age_s=130.0)),
    )


def transferred_pop(pop_id: str = "pop-6") -> ScreenPop:
    """Return a call a colleague sent on with a note."""
    pop = campaign_pop(pop_id)
    note = ColleagueNote("Taras Hnatiuk", "Income confirmed.\nWants the limit raised to 100k.", ago(minutes=1))
    return replace(pop, offer=replace(pop.offer, transferred_from="taras", note=note))


def next_state(pop: ScreenPop, state: PopState, **changes: Any) -> ScreenPop:
    """Return the pop one revision on, in `state`."""
    return replace(pop, offer=replace(pop.offer, revision=pop.offer.revision + 1, state=state, **changes))


def missed_call() -> MissedCall:
    """Return a line of the missed list."""
    return MissedCall("old", "olena", "pbx1:9", "+380 50 765 4321", "Marko Lys", "Asks about delivery", ago(hours=2), 18.4)


def message(pop: ScreenPop) -> PopMessage:
    """Return the push that puts a pop on a screen."""
    return PopMessage("pop", pop, datetime.now(UTC))
