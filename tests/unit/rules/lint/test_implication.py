"""Whatever is proven about two conditions is true of every caller that chance can make."""

from __future__ import annotations

import os
import random
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ctiroute.model import Caller, Customer, Identity, InteractionStatus, Outcome, TouchStatus
from ctiroute.rules import load_ruleset
from ctiroute.rules.forms import wider
from ctiroute.rules.globs import glob
from ctiroute.rules.lint.implication import Implication
from ctiroute.rules.when import form_of
from tests.examples import examples
from tests.unit.rules.conftest import World

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", examples(300)))
TRUTH = (True, False)

SPANS = ["15m", "1h", "2h", "1d"]
NAMES = ["a", "ab", "abc", "b", "A"]
PATTERNS = ["a", "a*", "*", "a?", "?b*", "ab*", "*c", "b"]
PHONES = ["+380671234567", "+380501234567", "+48221230000"]


def maybe(**keys: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Return mappings in flow style with some of the keys."""
    made = st.fixed_dictionaries({}, optional=keys)
    return made.map(lambda one: "{" + ", ".join(f"{key}: {value}" for key, value in one.items()) + "}")


def several(*words: str) -> st.SearchStrategy[str]:
    """Return one word, or a list of some."""
    return st.one_of(
        st.sampled_from(words), st.lists(st.sampled_from(words), min_size=1, max_size=3).map(lambda them: f"[{', '.join(them)}]")
    )


def quoted(*words: str) -> st.SearchStrategy[str]:
    """Return the same of words that need quotes."""
    return several(*(f'"{word}"' for word in words))


def with_within(keys: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Return mappings with the window they have to have."""
    return st.tuples(keys, st.sampled_from(SPANS)).map(lambda made: f"{{within: {made[1]}{', ' if made[0] != '{}' else ''}{made[0][1:]}")


def of_kind(kind: str, value: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Return conditions of one kind, those that ask nothing left out."""
    return value.filter(lambda text: text != "{}").map(lambda text: f"{kind}: {text}")


KINDS = (
    of_kind(
        "touch",
        with_within(
            maybe(
                campaign=quoted(*PATTERNS),
                medium=several("sms", "email"),
                status=st.sampled_from(["sent", "read", "failed"]),
                offer=maybe(product=quoted(*PATTERNS)).filter(lambda text: text != "{}"),
                newest_of_campaign=st.sampled_from(["true", "false"]),
                rank=st.just("furthest"),
                read=st.sampled_from(["true", "false", "1h"]),
            )
        ),
    ),
    of_kind(
        "interaction",
        maybe(
            topic=quoted(*PATTERNS),
            status=several("open", "waiting", "closed"),
            owner=st.sampled_from(["olena", "anybody", "nobody"]),
            within=st.sampled_from(["1h", "1d"]),
            idle=st.just("15m"),
            count=st.sampled_from(["1", "2"]),
        ),
    ),
    of_kind(
        "customer",
        maybe(
            identity=several("known", "unknown", "ambiguous", "chosen"),
            language=several("uk", "en"),
            attributes=maybe(city=quoted(*PATTERNS), vip=quoted("a", "*")).filter(lambda text: text != "{}"),
        ),
    ),
    of_kind(
        "caller",
        maybe(number=quoted(*PHONES), prefix=quoted("+38", "+380", "+48"), withheld=several("true").filter(lambda text: text == "true")),
    ),
    of_kind("repeat", with_within(maybe(count=st.sampled_from(["1", "2"]), outcome=several("abandoned", "answered")))),
    of_kind("medium", several("voice", "chat")),
)
CONDITIONS = st.recursive(
    st.one_of(*KINDS).map(lambda text: f"{{{text}}}"),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: f"{{all: [{', '.join(parts)}]}}"),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: f"{{any: [{', '.join(parts)}]}}"),
        inner.map(lambda part: f"{{not: {part}}}"),
    ),
    max_leaves=4,
)


PAIRS = st.one_of(
    *(st.tuples(leaf, leaf).map(lambda two: (f"{{{two[0]}}}", f"{{{two[1]}}}")) for leaf in KINDS), st.tuples(CONDITIONS, CONDITIONS)
)


def world_of(dice: random.Random) -> World:
    """Return a caller with anything that the conditions above look at."""
    world = World()

    def pick(*values: Any) -> Any:
        return dice.choice(values)

    def age() -> timedelta:
        return timedelta(minutes=dice.choice([10, 20, 50, 90, 300, 3000]))

    phone = pick(*PHONES, None)
    world.caller = Caller(phone or "", phone, "", withheld=pick(*TRUTH))
    touches = [
        world.touch(age(), touch_id=f"t{number}", campaign=pick(*NAMES), medium=pick("sms", "email"), status=pick(*TouchStatus))
        for number in range(pick(0, 1, 1, 2, 3))
    ]
    world.touches = tuple(sorted(touches, key=lambda touch: touch.sent_at, reverse=True))
    interactions = [
        world.interaction(
            age(), interaction_id=f"i{number}", topic=pick(*NAMES), status=pick(*InteractionStatus), owner=pick("olena", None)
        )
        for number in range(pick(0, 1, 1, 2, 3))
    ]
    world.interactions = tuple(sorted(interactions, key=lambda one: one.updated_at, reverse=True))
    calls = [world.call(age(), pick(Outcome.ABANDONED, Outcome.ANSWERED)) for _ in range(pick(0, 1, 2, 3))]
    world.calls = tuple(sorted(calls, key=lambda call: call.received_at, reverse=True))
    customers = [
        Customer(f"c{number}", "", pick("uk", "en", None), {"city": pick(*NAMES), "vip": pick("a", "")})
        for number in range(pick(0, 1, 1, 2))
    ]
    world.identity = Identity.of(tuple(customers))
    return world


CALLERS = [world_of(random.Random(seed)).facts for seed in range(400)]  # noqa: S311 - the same ones each time


@settings(max_examples=EXAMPLES, deadline=None)
@given(PAIRS)
def test_what_is_proven_is_true_of_every_caller(pair: tuple[str, str]) -> None:
    """Implied: whoever meets the first meets the second. Excluded: nobody meets both."""
    one, other = pair
    text = f"rules:\n  - {{name: one, when: {{all: [{one}]}}, then: {{queue: a}}}}\n"
    text += f"  - {{name: other, when: {{any: [{other}]}}, then: {{queue: a}}}}\ndefault: {{}}\n"
    first, second = load_ruleset([("f.yml", text)], forms=True).rules
    implication = Implication()
    implied = implication.implies(form_of(first.when), form_of(second.when))
    apart = implication.excludes(form_of(first.when), form_of(second.when))
    for facts in CALLERS if implied or apart else []:
        facts.memo.clear()
        holds, holds_too = first.test(facts) is not None, second.test(facts) is not None
        assert not (implied and holds and not holds_too), (one, other)
        assert not (apart and holds and holds_too), (one, other)


@settings(max_examples=EXAMPLES * 3, deadline=None)
@given(st.text("ab*?", max_size=6), st.text("ab*?", max_size=6), st.lists(st.text("ab", max_size=6), max_size=30))
def test_a_wider_pattern_takes_all_that_a_narrower_one_takes(pattern: str, narrow: str, texts: list[str]) -> None:
    """Of any text; a pattern is as wide as itself."""
    assert wider(narrow, narrow)
    if wider(pattern, narrow):
        assert [text for text in texts if glob(narrow)(text) and not glob(pattern)(text)] == []


def test_chance_finds_something_to_prove() -> None:
    """Else the test above would hold of a lint that proves nothing."""
    assert wider("a*", "a?b")
    assert wider("*b*", "?b")
    assert not wider("a?", "a*")
    touched = [facts for facts in CALLERS if facts.context.touches]
    assert 100 < len(touched) < len(CALLERS)


def test_a_bound_on_steps_ends_in_nothing_proven() -> None:
    """Beyond it, even what is the same is not."""
    rule = load_ruleset([("f.yml", "rules: [{name: a, when: {customer: known}, then: {queue: a}}]\ndefault: {}\n")], forms=True).rules[0]
    implication = Implication()
    assert implication.implies(form_of(rule.when), form_of(rule.when))
    implication.steps = 10**9
    assert implication.exhausted
    assert not implication.implies(form_of(rule.when), form_of(rule.when))
