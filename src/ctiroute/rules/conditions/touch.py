"""`touch`: the company sent this caller something. Of several that fit, the newest is what the call is about, or the one `rank` says."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from ctiroute.documents import Mapping, Scalar, boolean, choice, duration, fields, mapping_of, one_or_list, refuse
from ctiroute.errors import ConfigurationError
from ctiroute.model import Medium, TouchStatus
from ctiroute.rules import fragments as shape
from ctiroute.rules.facts import Bound, Facts, Needs
from ctiroute.rules.forms import AtMost, Demands, OneOf, Patterns, Same, those
from ctiroute.rules.globs import any_glob, covers, glob, pattern
from ctiroute.rules.guards import Dimension, by_patterns
from ctiroute.rules.kinds import ConditionKind, Probe, Scope
from ctiroute.rules.values import VALUE_FRAGMENT, demands_of, tests_of, wanted_values
from ctiroute.rules.words import age_in_words, span_in_words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

    from ctiroute.documents import Node
    from ctiroute.model import Touch

_Extra = tuple[str, "Callable[[Touch, datetime], bool]"]  # what it demands in words, and its test

_REACHED = tuple(status for status in TouchStatus if status is not TouchStatus.FAILED)  # in the order a touch goes through
CLOCK_SKEW = timedelta(minutes=2)  # how far the mailing tool's clock may be ahead; what is dated later was not sent yet
_SHOWN = 3  # touches named in a trace
CAMPAIGN = Dimension("campaign", lambda facts: [touch.campaign for touch in facts.context.touches])
_OWN_WORDS = ("title", "text", "terms")  # of an offer; anything else is one of its fields
NEWEST, FURTHEST, CAMPAIGNS = "newest", "furthest", "campaign"
_RANKS = {NEWEST: "", FURTHEST: "the one that got furthest", CAMPAIGNS: "by campaign in this order"}
_MOMENTS: dict[str, Callable[[Touch], datetime | None]] = {
    "delivered": lambda touch: touch.delivered_at,
    "read": lambda touch: touch.read_at,
    "clicked": lambda touch: touch.clicked_at,
}


def read(node: Node, scope: Scope) -> Probe:
    """Compile the condition."""
    with fields(node, "touch") as f:
        campaigns = f.get("campaign", one_or_list(pattern), ())
        media = f.get("medium", one_or_list(choice(*Medium)), ())
        windows = f.require("within", _windows)
        status = f.get("status", choice(*TouchStatus), None)
        offer = f.get("offer", wanted_values(scope), {})
        moments = {name: f.get(name, _moment, None) for name in _MOMENTS}
        rank = f.get("rank", choice(*_RANKS), NEWEST)
        latest = f.get("newest_of_campaign", boolean, False)
        if rank == CAMPAIGNS and not campaigns:
            f.wrong(f.node.entries["rank"][0], "there is no order of campaigns", "list them under campaign, the most important first")
        for name in _without_window(campaigns, windows or ()):
            f.wrong(f.node.entries["within"][0], f"has no window for the campaign {name}", 'add it, or one for all others: "*": 1d')
    statuses = _statuses(status)
    campaign_fits = any_glob(campaigns) if campaigns else None
    offer_tests = tests_of(offer)
    longest = max(span for _, span in windows)
    in_window = _in_window(windows)
    extras = tuple(_extra(name, value) for name, value in moments.items() if value is not None)
    extra_tests = tuple(test for _, test in extras)
    place = _places(rank, campaigns)

    def fits(touch: Touch, now: datetime) -> bool:
        return (
            (campaign_fits is None or campaign_fits(touch.campaign))
            and (not media or touch.medium in media)
            and touch.status in statuses
            and (in_window is None or in_window(touch, now))
            and (not offer_tests or all(test(_offer_value(touch, name)) for name, test in offer_tests))
            and (not extra_tests or all(test(touch, now) for test in extra_tests))
        )

    def test(facts: Facts) -> Bound | None:
        now = facts.now
        since, soon = now - longest, now + CLOCK_SKEW
        found: list[Touch] = []
        touches: Iterable[Touch] = facts.context.touches  # newest first
        for touch in _newest_of_each(touches, soon, statuses) if latest else touches:
            if touch.sent_at < since:
                break
            if touch.sent_at <= soon and fits(touch, now):
                if place is None:
                    return Bound(touch=touch)
                found.append(touch)
        return Bound(touch=min(found, key=place)) if found and place is not None else None  # the first of equals: the newest

    words = [f"campaign {' or '.join(campaigns)}"] if campaigns else []
    words += [" or ".join(media)] if media else []
    words += [f"{status} or further" if status and status != TouchStatus.FAILED else status or ""]
    words += [said for said, _ in extras]
    words += [f"offer {name} {one.words}" for name, one in offer.items()]
    words += ["the newest of its campaign"] if latest else []
    words += [f"within {_window_words(windows)}", _RANKS[rank]]
    named = campaigns or tuple(one for one, _ in windows if windows[-1][0] != "*")
    guards = {CAMPAIGN: by_patterns(named, campaign_fits or (any_glob(named) if named else None))}
    seen = _seen(test, tuple(name for name, value in moments.items() if value is not None))

    def demands() -> Demands:
        window = AtMost(longest) if in_window is None else Same(windows)
        made = those(within=window, status=OneOf(statuses), campaign=Patterns(campaigns), medium=OneOf(frozenset(media)))
        more = {name: Same((name, value)) for name, value in moments.items() if value is not None}
        return {**made, **more, **demands_of("offer", offer), **({"newest_of_campaign": Same("only")} if latest else {})}

    return Probe(test, seen, ", ".join(part for part in words if part), Needs(touches=longest), guards, demands)


KIND = ConditionKind(
    "touch",
    "The company sent this caller something lately.",
    read,
    shape.mapping(
        {
            "within": shape.about(
                shape.short_or(shape.duration(), shape.mapping_of(shape.duration(), mark=shape.CAMPAIGN)),
                "Sent at most so long ago; or such a time for each campaign, the first pattern that fits.",
                "15m",
                {"autumn-*": "15m", "*": "2d"},
            ),
            "campaign": shape.about(shape.many(shape.pattern(shape.CAMPAIGN)), "The campaign's key; * stands for any text.", "autumn-*"),
            "medium": shape.about(shape.many(shape.words(*Medium)), "By what it was sent."),
            "status": shape.about(shape.words(*TouchStatus), "How far it got at least; failed: it reached nobody."),
            "delivered": shape.about(
                shape.boolean_or_duration(), "true: it was delivered; false: not known to be; 1h: so long ago at most."
            ),
            "read": shape.about(shape.boolean_or_duration(), "true: it was opened; false: not known to be; 1h: so long ago at most."),
            "clicked": shape.about(
                shape.boolean_or_duration(), "true: a link was followed; false: not known to be; 10m: so long ago at most."
            ),
            "offer": shape.about(
                shape.mapping_of(VALUE_FRAGMENT),
                "Fields of the offer: title, text, terms, or the campaign's own.",
                {"amount": {"at_least": 5000}},
            ),
            "rank": shape.about(
                shape.words(*_RANKS), "Which of several it is about: the newest, the one that got furthest, or the order of campaign."
            ),
            "newest_of_campaign": shape.about(
                shape.boolean(), "true: what a later touch of the same campaign has replaced does not count."
            ),
        },
        required=["within"],
    ),
    '{campaign: "autumn-*", medium: [sms, telegram], within: 15m, status: delivered, offer: {product: "instalment*"}}',
)


def _windows(node: Node) -> tuple[tuple[str, timedelta], ...]:
    """Parse one window for all campaigns, or one for each: pattern and span, the first pattern that fits."""
    if not isinstance(node, Mapping):
        return (("*", duration(node)),)
    earlier: list[Scalar] = []

    def campaign(key: Scalar) -> str:
        name = pattern(key)
        first = next((one for one in earlier if covers(one.text, name)), None)
        if first is not None:
            refuse(key, "no campaign comes here", f"{first.text} before it takes them all; put the wider pattern last")
        earlier.append(key)
        return name

    return tuple(mapping_of(duration, key=campaign)(node).items())


def _without_window(campaigns: tuple[str, ...], windows: tuple[tuple[str, timedelta], ...]) -> list[str]:
    """Return the campaigns, written out in full, that no window is for."""
    names = [one for one in campaigns if not set("*?") & set(one)]
    return [name for name in names if windows and not any(glob(one)(name) for one, _ in windows)]


def _in_window(windows: tuple[tuple[str, timedelta], ...]) -> Callable[[Touch, datetime], bool] | None:
    """Return the test of a touch's own window; None: there is one for all, and the search ends at it."""
    if len(windows) == 1 and windows[0][0] == "*":
        return None
    tests = tuple((glob(name), span) for name, span in windows)

    def test(touch: Touch, now: datetime) -> bool:
        return next((touch.sent_at >= now - span for fits, span in tests if fits(touch.campaign)), False)

    return test


def _window_words(windows: tuple[tuple[str, timedelta], ...]) -> str:
    if len(windows) == 1 and windows[0][0] == "*":
        return span_in_words(windows[0][1])
    return " / ".join(f"{span_in_words(span)} for {'others' if name == '*' else name}" for name, span in windows)


def _moment(node: Node) -> bool | timedelta:
    if isinstance(node, Scalar) and isinstance(node.value, bool):
        return node.value
    try:
        return duration(node)
    except ConfigurationError:
        refuse(node, "expected true, false or a time span", "write true, or how long ago at most: 1h")


def _extra(name: str, value: bool | timedelta) -> _Extra:
    moment, enough = _MOMENTS[name], _statuses(name)
    if isinstance(value, timedelta):
        span = value

        def lately(touch: Touch, now: datetime) -> bool:
            at = moment(touch)
            return at is not None and now - span <= at <= now + CLOCK_SKEW

        return f"{name} within {span_in_words(span)}", lately

    def got(touch: Touch, _now: datetime) -> bool:
        return (moment(touch) is not None or touch.status in enough) is value

    return name if value else f"not {name}", got


def _places(rank: str, campaigns: tuple[str, ...]) -> Callable[[Touch], int] | None:
    """Return which of several touches comes first, the lowest; None: the newest, and nobody has to look at the others."""
    if rank == FURTHEST:
        return lambda touch: -_REACHED.index(touch.status) if touch.status in _REACHED else 1
    if rank == CAMPAIGNS and len(campaigns) > 1:
        tests = tuple(map(glob, campaigns))
        return lambda touch: next((place for place, fits in enumerate(tests) if fits(touch.campaign)), len(tests))
    return None


def _newest_of_each(touches: Iterable[Touch], soon: datetime, statuses: frozenset[str]) -> Iterator[Touch]:
    """Give the touches that no later one of their campaign has replaced. One that failed replaces none, unless failures are asked for."""
    campaigns: set[str] = set()
    for touch in touches:
        if touch.sent_at > soon or touch.campaign in campaigns:
            continue
        if touch.status in _REACHED or touch.status in statuses:
            campaigns.add(touch.campaign)
        yield touch


def _statuses(status: str | None) -> frozenset[str]:
    """Return the states that fit: those from `status` on. A touch that failed reached nobody, and is asked for by name only."""
    if status == TouchStatus.FAILED:
        return frozenset({TouchStatus.FAILED})
    return frozenset(_REACHED[_REACHED.index(TouchStatus(status)) :] if status else _REACHED)


def _offer_value(touch: Touch, name: str) -> str:
    return getattr(touch.offer, name) if name in _OWN_WORDS else touch.offer.fields.get(name, "")


def _when(age: timedelta) -> str:
    return f"{age_in_words(age)} ago" if age >= -CLOCK_SKEW else f"not sent before {age_in_words(-age)} from now"


def _seen(test: Callable[[Facts], Bound | None], moments: tuple[str, ...]) -> Callable[[Facts], str]:
    def one(touch: Touch, now: datetime) -> str:
        words = [touch.campaign, touch.medium, touch.status, _when(now - touch.sent_at)]
        for name in moments:
            at = _MOMENTS[name](touch)
            words.append(f"{name} {age_in_words(now - at)} ago" if at else f"no time of {name}")
        return ", ".join(words)

    def seen(facts: Facts) -> str:
        bound = test(facts)
        shown = facts.context.touches[:_SHOWN] if bound is None or bound.touch is None else (bound.touch,)
        if not shown:
            return "no touch"
        rest = len(facts.context.touches) - len(shown)
        return "; ".join(one(touch, facts.now) for touch in shown) + (f"; and {rest} more" if rest > 0 and bound is None else "")

    return seen
