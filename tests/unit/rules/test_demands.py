"""What lint compares leaves nothing out: a key that narrows a condition narrows its demands."""

from __future__ import annotations

import pytest

from ctiroute.rules import load_ruleset
from ctiroute.rules.forms import AllOf, Demands, Leaf
from ctiroute.rules.when import form_of

NARROWER = [
    ("touch", "within: 1d", "delivered: true"),
    ("touch", "within: 1d", "read: false"),
    ("touch", "within: 1d", "clicked: 1h"),
    ("touch", "within: 1d", "newest_of_campaign: true"),
    ("touch", "within: 1d", "offer: {amount: {above: 1}}"),
    ("interaction", "topic: a", "says: b"),
    ("interaction", "topic: a", "idle: 1h"),
    ("interaction", "topic: a", "outcome: b"),
    ("interaction", "topic: a", "form: {amount: {known: true}}"),
    ("interaction", "topic: a", "count: 2"),
    ("customer", "identity: known", "id: c1"),
    ("caller", "withheld: false", "attestation: A"),
    ("repeat", "within: 1d", "queue: promo"),
]


def demands(kind: str, value: str) -> Demands | None:
    """Return what one condition demands."""
    text = f"rules: [{{name: a, when: {{{kind}: {{{value}}}}}, then: {{queue: a}}}}]\ndefault: {{}}\n"
    form = form_of(load_ruleset([("f.yml", text)], forms=True).rules[0].when)
    assert isinstance(form, AllOf)
    (leaf,) = form.parts
    assert isinstance(leaf, Leaf)
    return leaf.demands() if leaf.demands else None


@pytest.mark.parametrize(("kind", "base", "key"), NARROWER)
def test_every_key_is_demanded(kind: str, base: str, key: str) -> None:
    """Or a rule behind a narrower one would be called unreachable."""
    wide, narrow = demands(kind, base), demands(kind, f"{base}, {key}")
    assert wide is not None
    assert narrow is not None
    missing = [name for name, demand in narrow.items() if name not in wide or not demand.covers(wide[name])]
    assert missing


def test_windows_for_each_campaign_are_compared_as_they_are() -> None:
    """A longer window for some does not make up for a shorter one for others."""
    one, other = demands("touch", "within: {a: 1d, '*': 2d}"), demands("touch", "within: 2d")
    assert one is not None
    assert other is not None
    assert not one["within"].covers(other["within"])
