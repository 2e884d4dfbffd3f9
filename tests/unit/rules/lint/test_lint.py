"""What lint finds, and what it leaves alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from ctiroute.documents import load
from ctiroute.rules import load_ruleset
from ctiroute.rules.lint import LINTS, Known, lint

HEAD = """\
timezone: UTC
hours: {business: {weekly: {mon-fri: "09:00-18:00"}}, spare: {weekly: {mon: "09:00-10:00"}}}
"""


def found(text: str, known: Known | None = None, *, kind: str) -> list[str]:
    """Return the findings of one kind: LINE: message."""
    text += "" if "default:" in text else "default: {menu: main}\n"
    ruleset = load_ruleset([("f.yml", text)], lambda _path: "Say hello.", forms=True)
    return [f"{one.fault.line}: {one.fault.message}" for one in lint(ruleset, {"f.yml": load(text, "f.yml")}, known) if one.kind == kind]


def rules(*whens: str, then: str = "{queue: a}") -> str:
    """Return rules with these conditions, one a line from line 2 on."""
    lines = [f"  - {{name: r{number}, when: {when}, then: {then}}}" for number, when in enumerate(whens)]
    return "\n".join(["rules:", *lines]) + "\n"


@pytest.mark.parametrize(
    ("wide", "narrow"),
    [
        ('{touch: {campaign: "autumn-*", within: 1d}}', "{touch: {campaign: autumn-sms, within: 15m}}"),
        ("{touch: {within: 1d, medium: [sms, email]}}", "{touch: {within: 1d, medium: sms, status: delivered}}"),
        ("{customer: {identity: [known, ambiguous]}}", "{customer: known, caller: {withheld: false}}"),
        ("{customer: {attributes: {segment: 'v*'}}}", "{customer: {attributes: {segment: [vip, VALUED], city: Kyiv}}}"),
        ('{caller: {prefix: "+38"}}', '{caller: {prefix: "+38067"}, customer: known}'),
        ('{dialed: {prefix: "+38"}}', '{dialed: ["+380441234567", "+380441234568"]}'),
        ("{repeat: {count: 2, within: 2h}}", "{repeat: {count: 3, within: 1h, outcome: abandoned}}"),
        ("{any: [{customer: known}, {touch: {within: 1d}}]}", "{touch: {within: 1h}}"),
        ("{not: {touch: {within: 1h}}}", "{not: {touch: {within: 1d}}}"),
        ("{not: {customer: unknown}}", "{customer: known}"),
        ("{interaction: {topic: 'c*'}}", "{interaction: {topic: complaint, status: open, within: 7d}}"),
        ("{hours: business}", "{all: [{hours: business}, {customer: known}]}"),
    ],
)
def test_a_rule_behind_a_wider_one_is_found(wide: str, narrow: str) -> None:
    """And not the other way round: the narrower one first is how it should be."""
    assert found(HEAD + rules(wide, narrow), kind="unreachable-rule") == ["5: no call reaches this rule: r0 (f.yml:4) takes all its calls"]
    assert found(HEAD + rules(narrow, wide), kind="unreachable-rule") == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("{touch: {within: 1d, medium: sms}}", "{touch: {within: 15m}}"),
        ("{touch: {campaign: 'a?', within: 1d}}", "{touch: {campaign: 'a*', within: 1d}}"),
        ("{interaction: {status: closed}}", "{interaction: {topic: x}}"),
        ("{hours: business}", "{hours: spare}"),
        ("{caller: {country: UA}}", '{caller: {prefix: "+380"}}'),
        ("{not: {touch: {within: 1d}}}", "{not: {touch: {within: 1h}}}"),
        ("{any: [{customer: known}, {touch: {within: 1d}}]}", "{any: [{customer: known}, {touch: {within: 2d}}]}"),
        ("{touch: {within: {'a*': 1d, '*': 1h}}}", "{touch: {within: 2h}}"),
    ],
)
def test_a_rule_that_some_call_reaches_is_left_alone(one: str, other: str) -> None:
    """What cannot be proven is not said."""
    assert found(HEAD + rules(one, other), kind="unreachable-rule") == []


def test_the_same_conditions_in_other_words_are_found() -> None:
    """Written alike they are a mistake that keeps the rules from loading."""
    text = rules("{customer: {identity: [known, unknown]}}", "{customer: {identity: [unknown, known]}}")
    assert found(text, kind="unreachable-rule") == ["3: no call reaches this rule: r0 (f.yml:2) takes the same calls"]


def test_a_rule_that_goes_on_takes_no_calls() -> None:
    """It annotates, and the next rule is asked."""
    text = "rules:\n  - {name: a, when: {customer: known}, then: {tags: [seen], continue: true}}\n"
    text += "  - {name: b, when: {customer: known, hours: {timezone: UTC, weekly: {mon: '09:00-10:00'}}}, then: {queue: a}}\n"
    assert found(text, kind="unreachable-rule") == []


def test_thousands_of_rules_are_compared() -> None:
    """What cannot be covered is not looked at, so that the bound on comparisons is not reached."""
    whens = [f"{{touch: {{campaign: c-{number}, within: 15m}}}}" for number in range(3000)]
    said = found(rules(*whens, "{touch: {campaign: c-7, within: 1m}}"), kind="unreachable-rule")
    assert said == ["3002: no call reaches this rule: r7 (f.yml:9) takes all its calls"]


@pytest.mark.parametrize(
    "when",
    [
        "{all: [{customer: known}, {customer: unknown}]}",
        "{hours: business, not: {hours: business}}",
        "{touch: {within: 15m}, not: {touch: {within: 1d}}}",
        "{caller: {country: UA}, all: [{caller: {country: [PL, KZ]}}]}",
    ],
)
def test_conditions_that_exclude_each_other_are_found(when: str) -> None:
    """Such a rule holds for no call."""
    assert found(HEAD + rules(when), kind="impossible-rule") == [
        "4: no call meets the conditions of this rule: two of them exclude each other"
    ]


def test_conditions_that_only_differ_are_no_contradiction() -> None:
    """A caller may have been sent two things."""
    text = rules("{all: [{touch: {medium: sms, within: 1d}}, {touch: {medium: email, within: 1d}}]}")
    assert found(text, kind="impossible-rule") == []


def test_names_nobody_knows_are_found_where_they_were_looked_up() -> None:
    """With a pattern one campaign that fits is enough; what was not looked up is not complained of."""
    text = rules('{touch: {campaign: ["autumn-*", "sprnig"], within: 1d}}', then="{operator: {who: olena}, queue: prmo}")
    known = Known({"queue": frozenset({"promo"}), "campaign": frozenset({"autumn-sms", "spring"}), "operator": frozenset({"olena"})})
    assert found(text, known, kind="unknown-name") == [
        "2: no campaign of this name is known",
        "2: no queue of this name is known",
    ]
    assert found(text, Known(), kind="unknown-name") == []
    ways = rules("{customer: known}", "{customer: unknown}", "{customer: ambiguous}", then="{operator: last, queue: promo}")
    assert found(ways, known, kind="unknown-name") == []


def test_a_window_beyond_what_is_kept_is_found() -> None:
    """Only where the settings are known."""
    text = rules("{touch: {within: 30d}}")
    assert found(text, Known(kept_days={"touches": 7}), kind="beyond-retention") == [
        "2: rule r0 looks back 30 days for touches, which are kept for 7"
    ]
    assert found(text, Known(kept_days={"touches": None}), kind="beyond-retention") == []


def test_a_text_about_what_no_condition_finds_is_found() -> None:
    """In the rule, and in the default; under any it may be there."""
    pop = '{pop: {headline: "{touch.age} {interaction.title} {customer.name}"}}'
    said = found(rules("{touch: {within: 1d}}", then=pop) + f"default: {pop}\n", kind="empty-text")
    assert said == [
        "2: {interaction.title} is always empty: no condition of this rule finds one",
        "3: {touch.age} is always empty: no rule has taken the call, so none was found",
        "3: {interaction.title} is always empty: no rule has taken the call, so none was found",
    ]
    either = rules("{any: [{touch: {within: 1d}}, {interaction: {status: open}}]}", then=pop)
    assert found(either, kind="empty-text") == []
    assert len(found(rules("{not: {touch: {within: 1d}}}", then=pop), kind="empty-text")) == 2


@pytest.mark.parametrize(
    ("when", "trusted"),
    [
        ("{customer: known}", False),
        ("{caller: {attestation: A}, customer: known}", True),
        ("{caller: {attestation: [A, B]}}", False),
        ("{caller: {attestation: none}}", False),
        ("{not: {caller: {attestation: A}}}", False),
        ("{any: [{caller: {attestation: A}}, {customer: known}]}", False),
        ("{any: [{caller: {attestation: A}}, {caller: {attestation: [A]}, customer: known}]}", True),
    ],
)
def test_what_is_sensitive_needs_a_caller_who_is_trusted(when: str, *, trusted: bool) -> None:
    """On every way into the rule."""
    text = rules(when, then='{queue: a, vars: {B: "{customer.attributes.balance}"}}')
    said = found(text, Known(sensitive=frozenset({"balance"})), kind="sensitive-text")
    assert said == ([] if trusted else ["2: {customer.attributes.balance} is sensitive, and this rule believes whoever calls"])
    assert found(text, kind="sensitive-text") == []


def test_a_text_without_a_language_of_others_is_found() -> None:
    """One text for all languages is meant so."""
    text = rules("{customer: known}", then='{pop: {headline: {en: a, uk: b}, opening: {en: c}, fields: {X: "y"}, script: s.md}}')
    assert found(text, kind="missing-translation") == ["2: this text has no uk"]
    assert len(found(text, Known(languages=frozenset({"kk"})), kind="missing-translation")) == 2


def test_definitions_that_nothing_uses_are_found() -> None:
    """Lists, hours, calendars, conditions and constants; a use in another definition counts."""
    text = """\
timezone: UTC
constants: {fresh: 15m, stale: 1d}
lists: {partners: ["+380441230000"], others: ["+380441230001"]}
calendars: {ours: {closed: [12-31]}, theirs: {closed: [12-30]}}
hours: {business: {weekly: {mon: "09:00-18:00"}, calendar: ours}, never: {weekly: {mon: "09:00-18:00"}}}
conditions: {regular: {customer: known}, rare: {customer: unknown}}
rules:
  - {name: a, when: {touch: {within: "${fresh}"}, use: regular, hours: business, caller: {list: partners}}, then: {queue: a}}
"""
    assert found(text, kind="unused-definition") == [
        "2: nothing uses the constant of this name",
        "3: nothing uses the list of this name",
        "4: nothing uses the calendar of this name",
        "5: nothing uses the hours of this name",
        "6: nothing uses the condition of this name",
    ]


def test_constants_are_written_out_before_names_are_looked_up() -> None:
    """The value counts, not the sign for it."""
    text = "constants: {q: promo}\nrules:\n  - {name: a, when: {}, then: {queue: '${q}'}}\n"
    assert found(text, Known({"queue": frozenset({"promo"})}), kind="unknown-name") == []


def test_there_is_a_test_for_each_of_them() -> None:
    """A new kind of finding needs one here."""
    source = Path(__file__).read_text(encoding="utf-8")
    assert [name for name in LINTS if f'kind="{name}"' not in source] == []
