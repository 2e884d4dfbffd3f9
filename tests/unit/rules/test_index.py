"""The index leaves out rules that cannot match, and never one that would."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctiroute.engine.decide import decide
from ctiroute.model import (
    WITHHELD,
    Caller,
    CallerContext,
    Customer,
    Identifier,
    IdentifierKind,
    Identity,
    Interaction,
    InteractionEvent,
    InteractionStatus,
    Medium,
    OfferTerms,
    Operator,
    Outcome,
    PastCall,
    QueueState,
    RouteRequest,
    Touch,
    TouchStatus,
)
from ctiroute.rules import Bound, Facts, Ruleset, load_ruleset
from ctiroute.rules.conditions import CONDITIONS
from ctiroute.rules.conditions.customer import IDENTITIES
from ctiroute.rules.guards import MAX_HEADS
from ctiroute.rules.index import MAX_DIMENSIONS, MAX_SEEN, MAX_SEEN_LENGTH
from tests.examples import examples

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)  # a Friday; 12:00 in Kyiv
HEAD = {
    "lists": {
        "lines": ["+380441234567", "101", "+4822*"],
        "many": [f"+38050{number:07d}" for number in range(2 * MAX_HEADS)],
        "words": ["VIP", "straße"],
    },
    "conditions": {
        "vip": {"customer": {"attributes": {"segment": ["vip", "gold"]}}},
        "reached": {"any": [{"touch": {"within": "2d", "campaign": "a*"}}, {"interaction": {"topic": "autumn*"}}]},
        "both": {"use": ["vip", "reached"], "dialed": {"prefix": "+38"}},
    },
    "hours": {"business": {"timezone": "Europe/Kyiv", "weekly": {"mon-fri": "09:00-18:00"}}},
}

# Few texts, so that rules and calls meet often; some only meet when case is folded, or by what stands behind a wildcard.
TEXTS = ["autumn-sms", "autumn-mail", "autumn", "Autumn-sms", "spring", "VIP", "vip", "Straße", "STRASSE", "", "[a]*", "5", "İ", "a" * 300]
PATTERNS = [
    "autumn-sms",
    "autumn-*",
    "*",
    "*-sms",
    "a?tumn-*",
    "a*n-*s",
    "?",
    "spring",
    "vip",
    "VI*",
    "strasse",
    "straße",
    "[a]*",
    "i*",
    "*s*",
]
NUMBERS = ["+380441234567", "+380671234567", "+380500000007", "101", "+48221234567"]
PREFIXES = ["+380", "+38044", "+4", "+380671234567"]
COUNTRIES = ["UA", "PL", "KZ"]
AGES = [timedelta(minutes=-1), timedelta(minutes=5), timedelta(minutes=50), timedelta(hours=30)]
WITHIN = st.sampled_from(["10m", "1h", "2d"])


def some(values: list[str]) -> st.SearchStrategy[Any]:
    """Return one of `values`, or a list of some."""
    return st.one_of(st.sampled_from(values), st.lists(st.sampled_from(values), min_size=1, max_size=3, unique=True))


def named(**optional: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Return a mapping with some of these keys."""
    return st.fixed_dictionaries({}, optional=optional)


VALUE = st.one_of(
    some(PATTERNS),
    named(
        list=st.just("words"), known=st.sampled_from([True]), at_least=st.sampled_from([0, 5, -1.5]), below=st.sampled_from([6, 5000])
    ).filter(bool),
    st.just({"known": False}),
)
ATTRIBUTES = st.dictionaries(st.sampled_from(["segment", "city"]), VALUE, min_size=1, max_size=2)
COUNT = st.one_of(st.integers(0, 2), named(at_least=st.just(1), at_most=st.integers(1, 3)).filter(bool))
MOMENT = st.one_of(st.booleans(), st.just("1h"))
NUMBER_KEYS = {"number": some(NUMBERS), "prefix": some(PREFIXES), "list": some(["lines", "many"])}
LEAVES = {
    "touch": st.fixed_dictionaries(
        {"within": st.one_of(WITHIN, st.sampled_from([{"autumn-*": "10m", "*": "2d"}, {"a?tumn-*": "2d", "*-sms": "10m"}]))},
        optional={
            "campaign": some([one for one in PATTERNS if set(one) & set("*?")]),  # a name without a window would be a mistake
            "medium": some(["sms", "email"]),
            "status": st.sampled_from([*TouchStatus]),
            "offer": st.dictionaries(st.sampled_from(["title", "amount"]), VALUE, min_size=1),
            "read": MOMENT,
            "clicked": MOMENT,
            "newest_of_campaign": st.booleans(),
            "rank": st.sampled_from(["newest", "furthest"]),
        },
    ),
    "interaction": named(
        topic=some(PATTERNS),
        medium=some(["web", "chat"]),
        status=some([*InteractionStatus]),
        within=st.just("2d"),
        idle=st.just("10m"),
        owner=st.just("nobody"),
        form=st.dictionaries(st.just("amount"), VALUE, min_size=1),
        says=some(PATTERNS),
        count=st.integers(1, 2),
    ),
    "reason": named(
        **{"is": some(PATTERNS)},
        kind=some(["touch", "interaction"]),
        medium=some(["sms", "chat"]),
        confidence=st.sampled_from(["0.1", ">= 0.7", "< 0.3"]),
    ),
    "customer": st.one_of(
        some([*IDENTITIES]),
        named(identity=some([*IDENTITIES]), language=some(["uk", "en-GB"]), attributes=ATTRIBUTES, id=VALUE).filter(bool),
    ),
    "medium": some(["voice", "chat", "email"]),
    "queue": st.tuples(
        st.sampled_from(["promo", "care"]), named(free=COUNT, waiting=COUNT, longest_wait=st.just({"below": "2m"})).filter(bool)
    ).map(lambda pair: {"name": pair[0], **pair[1]}),
    "available": some(["last", "owner", "ivan"]),
    "sample": st.fixed_dictionaries({"name": st.sampled_from(["a", "b"]), "percent": st.sampled_from([1, 50, 100])}),
    "caller": named(attestation=some(["A", "C", "none"]), country=some(COUNTRIES), withheld=st.booleans(), **NUMBER_KEYS).filter(bool),
    "dialed": st.one_of(some(NUMBERS), named(**NUMBER_KEYS).filter(bool)),
    "hours": st.just("business"),
    "repeat": st.fixed_dictionaries(
        {"within": WITHIN}, optional={"count": st.integers(1, 2), "outcome": some([*Outcome]), "queue": some(PATTERNS)}
    ),
}


def when(inner: st.SearchStrategy[Any] | None = None) -> st.SearchStrategy[dict[str, Any]]:
    """Return conditions that all have to hold; nested ones with `inner`."""
    kinds: dict[str, st.SearchStrategy[Any]] = {**LEAVES, "use": some(["vip", "reached", "both"])}
    if inner is not None:
        kinds |= {"any": st.lists(inner, min_size=1, max_size=3), "all": st.lists(inner, min_size=1, max_size=3), "not": inner}
    keys = st.lists(st.sampled_from(sorted(kinds)), min_size=1, max_size=2, unique=True)
    return keys.flatmap(lambda names: st.fixed_dictionaries({name: kinds[name] for name in names}))


WHEN = st.recursive(when(), when, max_leaves=6)
THEN = st.sampled_from([{"queue": "a"}, {"operator": "owner", "queue": "b"}, {"language": "customer"}, {"vars": {"X": "{touch.campaign}"}}])


def unique(rules: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """Return the rules without those an earlier one makes unreachable: a rule file may not hold them."""

    def form(value: Any) -> Any:
        if isinstance(value, dict):
            return frozenset((key, form(one)) for key, one in value.items())
        return tuple(map(form, value)) if isinstance(value, list) else str(value)

    return list({form(one): (one, then) for one, then in reversed(rules)}.values())[::-1]


RULES = st.lists(st.tuples(WHEN, THEN), min_size=1, max_size=12).map(unique)

TEXT = st.sampled_from(TEXTS)
HOSTILE: st.SearchStrategy[Any] = st.sampled_from(
    [None, 7, [], {}, b"autumn-sms"]
)  # what no source of ours gives, and no call may be lost to
MOSTLY = st.integers(0, 19)


def seldom(broken: st.SearchStrategy[Any], usual: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return `usual`, one time in twenty something broken."""
    return MOSTLY.flatmap(lambda dice: broken if dice == 0 else usual)


TOUCH = st.builds(
    lambda campaign, medium, age, status, title: Touch(
        "t",
        campaign,
        "",
        medium,
        Identifier(IdentifierKind.PHONE, NUMBERS[1]),
        NOW - age,
        status,
        OfferTerms(title, fields={"amount": title}),
        read_at=NOW - age,
    ),
    seldom(HOSTILE, TEXT),
    st.sampled_from([Medium.SMS, Medium.EMAIL]),
    st.sampled_from(AGES),
    st.sampled_from([*TouchStatus]),
    TEXT,
)
INTERACTION = st.builds(
    lambda topic, medium, age, status, owner: Interaction(
        "i",
        "c",
        medium,
        topic,
        "",
        status,
        NOW - age,
        NOW - age,
        owner,
        form={"amount": topic},
        events=(InteractionEvent(NOW, "message", topic),),
    ),
    seldom(HOSTILE, TEXT),
    st.sampled_from([Medium.WEB, Medium.CHAT]),
    st.sampled_from(AGES),
    st.sampled_from([*InteractionStatus]),
    st.sampled_from([None, "ivan"]),
)
CUSTOMER = st.builds(
    lambda language, attributes: Customer("c", "", language, attributes),
    st.sampled_from([None, "uk", "uk-UA", "en"]),
    seldom(HOSTILE, st.dictionaries(st.sampled_from(["segment", "city"]), seldom(HOSTILE, TEXT))),
)
PAST = st.builds(
    lambda age, outcome: PastCall("p", NOW - age, outcome, queue="vip", operator_id="ivan", customer_id="c"),
    st.sampled_from(AGES),
    st.sampled_from([None, *Outcome]),
)
CALLER = st.builds(
    Caller,
    raw=st.sampled_from([*NUMBERS, "anonymous", ""]),
    phone=seldom(HOSTILE, st.sampled_from([None, *NUMBERS])),
    withheld=st.booleans(),
)


def several(one: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return a few of these, seldom with nothing in the place of one, or no sequence at all."""
    return seldom(HOSTILE, st.lists(seldom(st.none(), one), max_size=3).map(tuple))


IDENTITY = seldom(
    HOSTILE, st.one_of(st.just(WITHHELD), st.lists(seldom(st.none(), CUSTOMER), max_size=2).map(lambda all_: Identity.of(tuple(all_))))
)


ATTESTATION = st.sampled_from([None, "A", "B"])


@st.composite
def contexts(draw: st.DrawFn) -> CallerContext:
    """Return a call with what is known of its caller, now and then broken."""
    medium = draw(seldom(HOSTILE, st.sampled_from([Medium.VOICE, Medium.CHAT])))
    request = RouteRequest(
        "pbx:1", medium, draw(CALLER), draw(seldom(HOSTILE, st.sampled_from([*NUMBERS, ""]))), NOW, attestation=draw(ATTESTATION)
    )
    return CallerContext(request, draw(IDENTITY), draw(several(TOUCH)), draw(several(INTERACTION)), draw(several(PAST)))


STATE = st.builds(
    lambda queue, free, waiting, wait: QueueState(queue, free + 1, free, waiting, wait, NOW),
    st.sampled_from(["promo", "care"]),
    st.integers(0, 2),
    st.integers(0, 2),
    st.sampled_from([0.0, 30.0, 300.0]),
)
QUEUES = seldom(HOSTILE, st.dictionaries(st.sampled_from(["promo", "care"]), seldom(HOSTILE, STATE)))
AVAILABLE = seldom(st.just(7), st.sampled_from([None, frozenset(), frozenset({"ivan"})]))
OPERATORS = {"ivan": Operator("ivan", "Ivan", ("PJSIP/1001",))}


def compiled(rules: list[tuple[Any, Any]]) -> Ruleset:
    """Return a rule set of (when, then)."""
    entries = [{"name": f"r{number}", "when": one, "then": then} for number, (one, then) in enumerate(rules)]
    return load_ruleset([("f.yml", json.dumps({**HEAD, "rules": entries, "default": {"menu": "main"}}))])


def unguarded(ruleset: Ruleset) -> Ruleset:
    """Return the same rules without a guard: every one of them is asked."""
    bare = [dataclasses.replace(rule, when=tuple(dataclasses.replace(one, guards={}) for one in rule.when)) for rule in ruleset.rules]
    return dataclasses.replace(ruleset, rules=tuple(bare))


def matches(ruleset: Ruleset, facts: Facts) -> dict[int, Bound]:
    """Return every rule that matches, by its place, with what it binds; all rules are asked."""
    found: dict[int, Bound] = {}
    for place, rule in enumerate(ruleset.rules):
        try:
            bound = rule.test(facts)
        except Exception:  # noqa: BLE001, S112 - whatever it is, the rule does not match
            continue
        if bound is not None:
            found[place] = bound
    return found


@settings(max_examples=examples(300), deadline=None)
@given(RULES, st.lists(contexts(), min_size=1, max_size=4), QUEUES, AVAILABLE)
def test_the_index_changes_no_decision(entries: list[tuple[Any, Any]], calls: list[CallerContext], queues: Any, available: Any) -> None:
    """Whatever the rules and the calls, broken ones too, the whole decision and its reasons are those of asking every rule."""
    ruleset = compiled(entries)
    plain = unguarded(ruleset)
    for context in [*calls, calls[0]]:  # the first once more: what was remembered in between must not show
        facts = Facts(context.request, context, NOW, OPERATORS, queues=queues, available=available)
        matching = matches(ruleset, facts)
        candidates = list(ruleset.index.candidates(facts))
        assert candidates == sorted(set(candidates))
        assert matching.keys() <= set(candidates)
        assert list(plain.index.candidates(facts)) == list(range(len(entries)))

        decision = decide(context.request, context, ruleset, NOW, OPERATORS, queues, available)
        first = min(matching, default=None)
        assert decision.rule == (None if first is None else f"r{first}")
        if first is not None:
            bound = matching[first]
            assert decision.touch_id == (bound.touch.touch_id if bound.touch else None)
            assert decision.interaction_id == (bound.interaction.interaction_id if bound.interaction else None)
        reference = decide(context.request, context, plain, NOW, OPERATORS, queues, available)
        assert dataclasses.replace(decision, trace=reference.trace) == reference
        assert decision.trace.rules == reference.trace.rules
        assert len(decision.trace.rules) == (len(entries) if first is None else first + 1)


@pytest.mark.parametrize("text", TEXTS)
def test_every_pattern_meets_every_text(text: str) -> None:
    """By one text in each place, the rules left are just those that match."""
    leaves: list[dict[str, Any]] = [
        leaf for one in PATTERNS for leaf in ({"touch": {"campaign": one, "within": "1h"}}, {"interaction": {"topic": one}})
    ]
    leaves += [{"customer": {"attributes": {"segment": one}}} for one in [*PATTERNS, {"list": "words"}]]
    ruleset = compiled([(one, {"queue": "a"}) for one in leaves])
    facts = facts_of(
        identity=Identity.of((Customer("c", "", None, {"segment": text}),)), touches=touched(text), interactions=open_about(text)
    )
    assert list(ruleset.index.candidates(facts)) == list(matches(ruleset, facts))


@pytest.mark.parametrize("number", [*NUMBERS, "+38", "+3", "1", "", "anonymous"])
def test_every_number_meets_every_number(number: str) -> None:
    """By a number that calls or was dialled, or an extension, no rule that matches is left out."""
    keys = [*({"number": one} for one in NUMBERS), *({"prefix": one} for one in PREFIXES), {"list": "lines"}, {"list": "many"}]
    ruleset = compiled([({kind: key}, {"queue": "a"}) for key in keys for kind in ("caller", "dialed")])
    for caller in (Caller(number, number), Caller(number, None)):
        request = RouteRequest("pbx:1", Medium.VOICE, caller, number, NOW)
        facts = Facts(request, CallerContext(request, WITHHELD), NOW, {})
        candidates, matching = set(ruleset.index.candidates(facts)), matches(ruleset, facts).keys()
        assert matching <= candidates
        assert candidates == matching or caller.phone is None


def asked(conditions: list[str], head: str = "", **known: Any) -> list[int]:
    """Return the places of the rules that a call is asked for; each rule has one of `conditions`."""
    entries = "".join(f"  - {{name: r{place}, when: {one}, then: {{queue: a}}}}\n" for place, one in enumerate(conditions))
    ruleset = load_ruleset([("f.yml", f"{head}\nrules:\n{entries}default: {{menu: main}}\n")])
    return list(ruleset.index.candidates(facts_of(**known)))


def facts_of(dialed: Any = "+380441234567", **known: Any) -> Facts:
    """Return the facts of a call."""
    request = RouteRequest("pbx:1", Medium.VOICE, Caller(NUMBERS[1], NUMBERS[1]), dialed, NOW)
    return Facts(request, CallerContext(request, **{"identity": Identity.of(()), **known}), NOW, {})


def touched(*campaigns: Any) -> tuple[Touch, ...]:
    """Return touches of these campaigns."""
    phone = Identifier(IdentifierKind.PHONE, NUMBERS[1])
    return tuple(Touch("t", one, "", Medium.SMS, phone, NOW, TouchStatus.SENT, OfferTerms()) for one in campaigns)


def open_about(*topics: str) -> tuple[Interaction, ...]:
    """Return open interactions of these topics."""
    return tuple(Interaction("i", "c", Medium.WEB, one, "", InteractionStatus.OPEN, NOW, NOW) for one in topics)


VIP = Identity.of((Customer("c", "", None, {"segment": "VIP"}),))


@pytest.mark.parametrize(
    ("conditions", "known", "left"),
    [
        (["{touch: {within: 1h}}", "{touch: {within: 1h, campaign: 'a*'}}"], {}, []),
        (["{touch: {within: 1h}}", "{touch: {within: 1h, campaign: 'a*'}}"], {"touches": touched("spring")}, [0]),
        (["{touch: {within: 1h, campaign: 'a*'}}", "{touch: {within: 1h, campaign: '*-b'}}"], {"touches": touched("x-b", "spring")}, [1]),
        (["{interaction: {}}", "{interaction: {topic: [credit, 'c?rd']}}"], {"interactions": open_about("card")}, [0, 1]),
        (["{interaction: {}}", "{interaction: {topic: [credit, 'c?rd']}}"], {"interactions": open_about("cards")}, [0]),
        (["{dialed: '+380441234567'}", "{dialed: {prefix: '+38044'}}", "{dialed: {prefix: '+48'}}"], {}, [0, 1]),
        (["{caller: {prefix: '+380'}}", "{caller: {prefix: '+48'}}", "{caller: {country: PL}}"], {}, [0, 2]),
        (["{customer: known}", "{customer: unknown}"], {}, [1]),
        (["{customer: {attributes: {segment: vip}}}", "{customer: {attributes: {segment: gold}}}"], {"identity": VIP}, [0]),
        (["{customer: {attributes: {segment: vip}}}", "{customer: {attributes: {absent: '*'}}}"], {}, []),
        (["{customer: {attributes: {segment: {list: vips}}}}", "{customer: {attributes: {city: {list: vips}}}}"], {"identity": VIP}, [0]),
        (
            ["{hours: {timezone: UTC, weekly: {mon: '09:00-10:00'}}}", "{not: {customer: unknown}}", "{caller: {withheld: true}}"],
            {},
            [0, 1, 2],
        ),
        (["{customer: unknown, dialed: '+48221234567'}", "{all: [{customer: unknown}, {dialed: '+48221234567'}]}"], {}, []),
        (["{any: [{dialed: '+48221234567'}, {dialed: {prefix: '+38044'}}]}", "{any: [{dialed: '101'}, {dialed: '102'}]}"], {}, [0]),
        (["{any: [{dialed: '101'}, {customer: known}]}", "{any: [{dialed: '101'}, {not: {customer: unknown}}]}"], {}, [0, 1]),
        (["{all: [{touch: {within: 1h}}, {touch: {within: 1h, campaign: a}}]}"], {"touches": touched("b")}, []),
        (["{dialed: {list: long}}", "{dialed: {list: [long, short]}}"], {"dialed": "+380509999999"}, [1]),
    ],
)
def test_rules_that_cannot_match_are_left_out(conditions: list[str], known: dict[str, Any], left: list[int]) -> None:
    """Each kind of condition rules out what the call has not; negations and opening hours rule out nothing."""
    numbers = ", ".join(f"'+38050{number:07d}'" for number in range(MAX_HEADS + 1))
    assert asked(conditions, f"lists: {{vips: [Vip], short: ['+380509999999'], long: [{numbers}]}}", **known) == left


@pytest.mark.parametrize("broken", [{"touches": (None,)}, {"touches": touched("a", None)}, {"touches": touched([])}, {"touches": None}])
def test_facts_that_cannot_be_read_rule_nothing_out(broken: dict[str, Any]) -> None:
    """Broken facts in one dimension leave its rules to speak for themselves; the other dimensions still tell."""
    assert asked(["{touch: {within: 1h, campaign: zzz}}", "{dialed: '101'}"], **broken) == [0]


def test_no_rules_leave_nothing_to_ask() -> None:
    """An empty rule set has no candidates."""
    assert asked([]) == []


def test_what_is_remembered_is_bounded() -> None:
    """Numbers nobody dialled before do not fill the memory, and long texts are not kept at all."""
    ruleset = load_ruleset([("f.yml", "rules: [{name: a, when: {dialed: {prefix: '+38'}}, then: {queue: a}}]\ndefault: {}\n")])
    ((_, _, seen),) = ruleset.index._dimensions
    for number in range(MAX_SEEN + 10):
        assert list(ruleset.index.candidates(facts_of(f"+38{number}"))) == [0]
        assert list(ruleset.index.candidates(facts_of(f"+48{number}"))) == []
        assert 0 < len(seen) <= MAX_SEEN
    before = len(seen)
    assert list(ruleset.index.candidates(facts_of("+38" + "1" * MAX_SEEN_LENGTH))) == [0]
    assert len(seen) == before


def test_only_so_many_attributes_are_looked_at() -> None:
    """Rules that name ever new attributes cost each call no more than the bound; those beyond it are asked."""
    names = [f"{{customer: {{attributes: {{a{number}: x}}}}}}" for number in range(2 * MAX_DIMENSIONS)]
    assert len(asked(names, identity=VIP)) == MAX_DIMENSIONS


def test_only_rules_that_may_match_are_asked() -> None:
    """Of a thousand rules a call asks the few that concern it."""
    conditions = [f"{{touch: {{campaign: 'c{number:03d}-*', within: 1h}}}}" for number in range(1000)]
    assert asked(conditions, touches=touched("c007-sms", "c500-sms", "other")) == [7, 500]


@pytest.mark.parametrize("kind", sorted(CONDITIONS))
def test_the_property_knows_every_condition(kind: str) -> None:
    """A new condition has to be put before the property above."""
    assert kind in LEAVES
