"""Replay refuses to guess: a call whose decision hangs on what is not kept is named with the rule that asked, action or condition."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from ctiroute.app.call_files import CallFile, to_bytes
from ctiroute.app.hidden import NUMBER, OPERATORS, QUEUES
from ctiroute.app.masking import mask_snapshot
from ctiroute.app.replay import Judge, Replay
from ctiroute.engine.decide import decide
from ctiroute.model import CallRecord, Operator, Outcome, PastCall, QueueState
from ctiroute.rules import NO_QUEUES, Ruleset
from tests.unit.app.history import FIRST, Plain, context_of, record_of, rules

if TYPE_CHECKING:
    from collections.abc import Collection

    from ctiroute.web.api.rules_found import ReplayReport

AT = FIRST + timedelta(hours=10)
CALL = Plain("pbx:1", AT, "+380671234567", (("autumn-sms", 60),), "vip", (), 20, left=False)
PEOPLE = {name: Operator(name, name.title(), (f"PJSIP/{number}",)) for number, name in enumerate(("ivan", "olena", "petro"), 1001)}
NOTHING = rules("rules: [{name: any, when: {}, then: {queue: promo}}]\n" + "default: {menu: main}\n")
NOTED_TAG = "{name: noted, when: {}, then: {tags: [seen], continue: true}}"
NOTED_NUMBER = '{name: noted, when: {}, then: {vars: {WHO: "{caller.number}"}, continue: true}}'
OVERFLOW = "then: {queue: {name: promo, max_waiting: 5, else: {queue: care}}}"


def recorded(
    ruleset: Ruleset,
    queues: dict[str, QueueState] | None = None,
    available: Collection[str] | None = None,
    calls: tuple[PastCall, ...] = (),
    *,
    masked: bool = False,
) -> CallRecord:
    """Return the call as `ruleset` decided it on this live state, with what the service keeps of that."""
    context = replace(context_of(CALL), calls=calls)
    decision = decide(context.request, context, ruleset, AT, PEOPLE, queues if queues is not None else NO_QUEUES, available)
    packed = to_bytes(CallFile.of(context, decision, worded=False))
    queue = getattr(decision.destination, "queue", None)
    return replace(
        record_of(CALL, NOTHING),
        rule=decision.rule,
        queue=queue,
        status=decision.status,
        snapshot=mask_snapshot(packed) if masked else packed,
    )


def replayed(record: CallRecord, candidate: Ruleset, against: Ruleset) -> ReplayReport:
    """Replay one call."""
    replay = Replay(Judge(candidate, PEOPLE), Judge(against, PEOPLE), FIRST, FIRST + timedelta(days=1))
    replay.judge(record)
    return replay.tally.report(FIRST, FIRST + timedelta(days=1), complete=True)


def unjudged(record: CallRecord, candidate: Ruleset, against: Ruleset = NOTHING) -> list[tuple[str, str]]:
    """Return what could not be judged: rule, and what it asked for; empty when the call was judged."""
    report = replayed(record, candidate, against)
    assert report.judged + sum(one.calls for one in report.unjudged) == 1
    return [(one.rule, one.asked) for one in report.unjudged if one.rules == "candidate"]


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (f"rules: [{{name: full, when: {{}}, {OVERFLOW}}}]\ndefault: {{menu: main}}\n", "full"),
        (f"rules: [{{name: full, when: {{touch: {{within: 1h}}}}, {OVERFLOW}}}]\ndefault: {{menu: main}}\n", "full"),
        ("default: {queue: {name: promo, else: {menu: main}}}\n", "default"),
        (f"rules: [{NOTED_TAG}, {{name: full, when: {{}}, {OVERFLOW}}}]\ndefault: {{menu: main}}\n", "full"),
        (
            "rules: [{name: only-pop, when: {}, then: {language: uk}}]\ndefault: {queue: {name: promo, else: {menu: main}}}\n",
            "default",
        ),
    ],
    ids=["rule", "bound", "default", "behind-one-that-goes-on", "default-of-a-rule-without-a-way"],
)
def test_an_action_that_asks_for_a_queue_nobody_asked_about(text: str, rule: str) -> None:
    """It is not taken for open: the rule is named whose action looked."""
    assert unjudged(recorded(NOTHING), rules(text)) == [(rule, QUEUES)]


def test_an_action_judges_a_queue_that_was_asked_about() -> None:
    """Its state is kept, whatever the candidate makes of it; another queue's is not."""
    asked = rules(f"rules: [{{name: full, when: {{}}, {OVERFLOW}}}]\ndefault: {{menu: main}}\n")
    record = recorded(asked, {"promo": QueueState("promo", 3, 0, 9, 40.0, AT)})
    stricter = rules(
        "rules: [{name: full, when: {}, then: {queue: {name: promo, max_waiting: 10, else: {queue: care}}}}]\ndefault: {menu: main}\n"
    )
    report = replayed(record, stricter, asked)
    assert [(group.before.to, group.after.to) for group in report.groups] == [("queue care", "queue promo")]
    other = rules(
        "rules: [{name: full, when: {}, then: {queue: {name: care, max_waiting: 10, else: {queue: promo}}}}]\ndefault: {menu: main}\n"
    )
    assert unjudged(record, other, asked) == [("full", QUEUES)]


LAST = rules("rules: [{name: again, when: {}, then: {operator: last, queue: promo}}]\ndefault: {menu: main}\n")
IVAN = rules("rules: [{name: to-ivan, when: {}, then: {operator: ivan, queue: promo}}]\ndefault: {menu: main}\n")
PETRO = rules("rules: [{name: to-petro, when: {}, then: {operator: petro, queue: promo}}]\ndefault: {menu: main}\n")
IF_PETRO = rules("rules: [{name: if-petro, when: {available: petro}, then: {queue: care}}]\ndefault: {menu: main}\n")
TALKED = (PastCall("pbx:0", AT - timedelta(days=1), Outcome.ANSWERED, operator_id="olena"),)


@pytest.mark.parametrize(("candidate", "rule"), [(IVAN, "to-ivan"), (IF_PETRO, "if-petro")], ids=["action", "condition"])
def test_whose_phone_was_free_is_not_guessed(candidate: Ruleset, rule: str) -> None:
    """Where no rule of then asked about anybody."""
    assert unjudged(recorded(NOTHING, available={"ivan", "petro"}), candidate) == [(rule, OPERATORS)]


@pytest.mark.parametrize(("candidate", "rule"), [(PETRO, "to-petro"), (IF_PETRO, "if-petro")], ids=["action", "condition"])
def test_another_operator_than_the_rules_of_then_asked_about_is_not_taken_for_away(candidate: Ruleset, rule: str) -> None:
    """Petro's phone was free, but nobody asked; Ivan, about whom somebody did, and Olena, who talked with this caller, are judged."""
    then = recorded(IVAN, available={"olena", "petro"}, calls=TALKED)
    assert unjudged(then, candidate, IVAN) == [(rule, OPERATORS)]
    assert unjudged(then, LAST, IVAN) == []
    report = replayed(then, LAST, IVAN)
    assert [(group.before.to, group.after.to) for group in report.groups] == [("queue promo", "operator olena for 20 s, then queue promo")]
    away = recorded(IVAN, available={"petro"}, calls=TALKED)
    assert replayed(away, LAST, IVAN).changed == 0


def test_who_was_asked_about_by_rules_that_are_not_at_hand_is_not_known() -> None:
    """The rules of then were others than the two that are compared: only the caller's own history tells who was asked about."""
    then = recorded(IVAN, available={"olena"}, calls=TALKED)
    assert unjudged(then, IVAN, IVAN) == []
    assert unjudged(then, rules("rules: [{name: to-ivan, when: {}, then: {operator: ivan}}]\ndefault: {menu: main}\n")) == [
        ("to-ivan", OPERATORS)
    ]
    assert unjudged(then, LAST) == []


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ('rules: [{name: told, when: {}, then: {queue: promo, vars: {WHO: "{caller.phone}"}}}]\ndefault: {menu: main}\n', "told"),
        ('default: {menu: main, vars: {WHO: "{caller.country}"}}\n', "default"),
        (f"rules: [{NOTED_NUMBER}, {{name: any, when: {{}}, then: {{queue: promo}}}}]\ndefault: {{menu: main}}\n", "noted"),
    ],
    ids=["rule", "default", "one-that-goes-on"],
)
def test_an_action_that_writes_a_masked_number_is_not_taken_for_one_that_failed(text: str, rule: str) -> None:
    """The variable is not left out in silence."""
    assert unjudged(recorded(NOTHING, masked=True), rules(text)) == [(rule, NUMBER)]


def test_what_no_call_comes_to_asks_for_nothing() -> None:
    """Actions of a rule behind the one that took the call, and of a default that is not needed."""
    text = """\
rules:
  - {name: first, when: {touch: {within: 1h}}, then: {queue: care}}
  - {name: told, when: {}, then: {queue: {name: promo, else: {queue: care}}, vars: {WHO: "{caller.phone}"}}}
default: {operator: ivan, vars: {WHO: "{caller.phone}"}}
"""
    assert unjudged(recorded(NOTHING, masked=True), rules(text)) == []
