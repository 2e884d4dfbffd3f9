"""`touch`: the company sent this caller something. Of several that fit, the newest is what the call is about."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from ctiroute.documents import choice, duration, fields, mapping_of, one_or_list
from ctiroute.model import Medium, TouchStatus
from ctiroute.rules import fragments as shape
from ctiroute.rules.facts import Bound, Facts, Needs
from ctiroute.rules.globs import any_glob, pattern
from ctiroute.rules.guards import Dimension, by_patterns
from ctiroute.rules.kinds import ConditionKind, Probe, Scope
from ctiroute.rules.words import age_in_words, span_in_words

if TYPE_CHECKING:
    from collections.abc import Callable

    from ctiroute.documents import Node
    from ctiroute.model import Touch

_REACHED = tuple(status for status in TouchStatus if status is not TouchStatus.FAILED)  # in the order a touch goes through
CLOCK_SKEW = timedelta(minutes=2)  # how far the mailing tool's clock may be ahead; what is dated later was not sent yet
_SHOWN = 3  # touches named in a trace
CAMPAIGN = Dimension("campaign", lambda facts: [touch.campaign for touch in facts.context.touches])
_OWN_WORDS = ("title", "text", "terms")  # of an offer; anything else is one of its fields


def read(node: Node, _scope: Scope) -> Probe:
    """Compile the condition."""
    with fields(node, "touch") as f:
        campaigns = f.get("campaign", one_or_list(pattern), ())
        media = f.get("medium", one_or_list(choice(*Medium)), ())
        within = f.require("within", duration)
        status = f.get("status", choice(*TouchStatus), None)
        offer = f.get("offer", mapping_of(one_or_list(pattern)), {})
    statuses = _statuses(status)
    campaign_fits = any_glob(campaigns) if campaigns else None
    offer_tests = tuple((name, any_glob(patterns, fold=True)) for name, patterns in offer.items())

    def fits(touch: Touch) -> bool:
        return (
            (campaign_fits is None or campaign_fits(touch.campaign))
            and (not media or touch.medium in media)
            and touch.status in statuses
            and (not offer_tests or all(test(_offer_value(touch, name)) for name, test in offer_tests))
        )

    def test(facts: Facts) -> Bound | None:
        since, soon = facts.now - within, facts.now + CLOCK_SKEW
        for touch in facts.context.touches:  # newest first
            if touch.sent_at < since:
                return None
            if touch.sent_at <= soon and fits(touch):
                return Bound(touch=touch)
        return None

    wanted = [f"campaign {' or '.join(campaigns)}"] if campaigns else []
    wanted += [" or ".join(media)] if media else []
    wanted += [f"{status} or further" if status and status != TouchStatus.FAILED else status or ""]
    wanted += [f"offer {name} {' or '.join(patterns)}" for name, patterns in offer.items()]
    wanted += [f"within {span_in_words(within)}"]
    guards = {CAMPAIGN: by_patterns(campaigns, campaign_fits)}
    return Probe(test, _seen(test), ", ".join(part for part in wanted if part), Needs(touches=within), guards)


KIND = ConditionKind(
    "touch",
    "The company sent this caller something lately.",
    read,
    shape.mapping(
        {
            "within": shape.about(shape.duration(), "Sent at most so long ago.", "15m", "7d"),
            "campaign": shape.about(shape.many(shape.pattern(shape.CAMPAIGN)), "The campaign's key; * stands for any text.", "autumn-*"),
            "medium": shape.about(shape.many(shape.words(*Medium)), "By what it was sent."),
            "status": shape.about(shape.words(*TouchStatus), "How far it got at least; failed: it reached nobody."),
            "offer": shape.about(
                shape.mapping_of(shape.many(shape.pattern())), "Fields of the offer: title, text, terms, or the campaign's own."
            ),
        },
        required=["within"],
    ),
    '{campaign: "autumn-*", medium: [sms, telegram], within: 15m, status: delivered, offer: {product: "instalment*"}}',
)


def _statuses(status: str | None) -> frozenset[str]:
    """Return the states that fit: those from `status` on. A touch that failed reached nobody, and is asked for by name only."""
    if status == TouchStatus.FAILED:
        return frozenset({TouchStatus.FAILED})
    return frozenset(_REACHED[_REACHED.index(TouchStatus(status)) :] if status else _REACHED)


def _offer_value(touch: Touch, name: str) -> str:
    return getattr(touch.offer, name) if name in _OWN_WORDS else touch.offer.fields.get(name, "")


def _when(age: timedelta) -> str:
    return f"{age_in_words(age)} ago" if age >= -CLOCK_SKEW else f"not sent before {age_in_words(-age)} from now"


def _seen(test: Callable[[Facts], Bound | None]) -> Callable[[Facts], str]:
    def seen(facts: Facts) -> str:
        bound = test(facts)
        shown = facts.context.touches[:_SHOWN] if bound is None or bound.touch is None else (bound.touch,)
        if not shown:
            return "no touch"
        words = [f"{touch.campaign}, {touch.medium}, {touch.status}, {_when(facts.now - touch.sent_at)}" for touch in shown]
        rest = len(facts.context.touches) - len(shown)
        return "; ".join(words) + (f"; and {rest} more" if rest > 0 and bound is None else "")

    return seen
