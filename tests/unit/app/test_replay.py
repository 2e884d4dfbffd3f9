"""Replay names exactly the calls that a change of rules would move, and says what it cannot know."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from ctiroute.app.call_files import CallFile, from_bytes, to_bytes
from ctiroute.app.hidden import NUMBER
from ctiroute.app.replay import Judge, Replay
from ctiroute.app.replay_tally import Tally, difference
from ctiroute.engine.decide import decide
from ctiroute.model import TRIAL, CallRecord, Status
from ctiroute.store import open_store
from ctiroute.web.api.rules_found import Kind, ReplayReport, Unreachable
from tests.unit.app.history import DAY, FIRST, Plain, context_of, plain_calls, record_of, rules

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from ctiroute.rules import Ruleset

BEFORE = """\
rules:
  - name: autumn
    when: {touch: {campaign: "autumn-*", within: 15m}}
    then: {queue: promo, priority: 10}
  - name: vip
    when: {customer: {attributes: {segment: vip}}}
    then: {queue: vip}
  - name: again
    when: {repeat: {count: 2, within: 1h}}
    then: {queue: help}
default: {menu: main}
"""
AFTER = """\
rules:
  - name: vip
    when: {customer: {attributes: {segment: [vip, gold]}}, not: {touch: {campaign: winter-sms, within: 5m}}}
    then: {queue: vip}
  - name: autumn
    when: {touch: {campaign: "autumn-*", within: 40m}}
    then: {queue: promo, priority: 10}
  - name: nobody
    when: {customer: {attributes: {segment: platinum}}}
    then: {queue: vip}
  - name: at-once
    when: {repeat: {count: 2, within: 1h}}
    then: {queue: help}
default: {menu: main}
"""


def by_hand_before(call: Plain) -> str:
    """Say where a call went by the first rules, without any of our code."""
    if call.number and any(campaign.startswith("autumn-") and age <= 15 * 60 for campaign, age in call.touches):
        return "queue promo, priority 10"
    if call.number and call.segment == "vip":
        return "queue vip"
    return "queue help" if call.number and sum(age <= 3600 for age in call.calls) >= 2 else "menu main"


def by_hand_after(call: Plain) -> str:
    """Say where it goes by the changed ones, likewise."""
    winter = any(campaign == "winter-sms" and age <= 5 * 60 for campaign, age in call.touches)
    if call.number and call.segment in {"vip", "gold"} and not winter:
        return "queue vip"
    if call.number and any(campaign.startswith("autumn-") and age <= 40 * 60 for campaign, age in call.touches):
        return "queue promo, priority 10"
    return "queue help" if call.number and sum(age <= 3600 for age in call.calls) >= 2 else "menu main"


def replayed(records: list[CallRecord], after: Ruleset, before: Ruleset) -> tuple[Tally, ReplayReport]:
    """Replay records without a store."""
    replay = Replay(Judge(after, {}), Judge(before, {}), FIRST, FIRST + 7 * DAY)
    for record in records:
        replay.judge(record)
    return replay.tally, replay.tally.report(FIRST, FIRST + 7 * DAY, complete=True)


async def test_the_calls_that_change_are_those_a_count_by_hand_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of 3,000 calls of a week, by way before and after; out of a real store, page by page; the load of every queue follows."""
    calls, before, after = plain_calls(3000), rules(BEFORE), rules(AFTER)
    store = open_store(f"sqlite://{tmp_path / 'ctiroute.db'}")
    await store.open()
    await store.record_calls([record_of(call, before) for call in calls])
    replay = Replay(Judge(after, {}), Judge(before, {}), FIRST, FIRST + 7 * DAY)
    moved: dict[str, tuple[str, str]] = {}
    monkeypatch.setattr("ctiroute.app.replay_tally.SAMPLES", 10_000)  # so that every call is named
    assert await replay.run(store, None, lambda _: True)
    await store.close()
    report = replay.tally.report(FIRST, FIRST + 7 * DAY, complete=True)
    for group in report.groups:
        if group.kind is Kind.MOVED:
            moved |= dict.fromkeys((sample.call_id for sample in group.samples), (group.before.to, group.after.to))

    by_hand = {call.call_id: (by_hand_before(call), by_hand_after(call)) for call in calls}
    assert moved == {call_id: ways for call_id, ways in by_hand.items() if ways[0] != ways[1]}
    assert len(moved) > 300
    assert (report.judged, report.moved, report.left_out) == (3000, len(moved), {})
    for place, side in enumerate(("before", "after")):
        totals = Counter(ways[place].removeprefix("queue ").partition(",")[0] for ways in by_hand.values() if ways[place] != "menu main")
        assert {load.queue: sum(getattr(load, side)) for load in report.load} == dict(totals)
        hours = Counter((by_hand[call.call_id][place], call.at.hour) for call in calls)
        vip = next(load for load in report.load if load.queue == "vip")
        assert list(getattr(vip, side)) == [hours["queue vip", hour] for hour in range(24)]
    assert report.never == ("nobody",)
    assert {lost.rule: lost.there for lost in report.lost} == {"again": False}


async def test_the_same_rules_change_nothing() -> None:
    """Not one call, however it is compared."""
    ruleset = rules(BEFORE)
    _, report = replayed([record_of(call, ruleset) for call in plain_calls(300)], rules(BEFORE), ruleset)
    assert (report.changed, report.renamed, report.groups, report.otherwise_then) == (0, 0, (), 0)


def test_another_name_is_no_change_and_another_headline_is_one() -> None:
    """What the caller and the operator notice counts."""
    records = [record_of(call, rules(BEFORE)) for call in plain_calls(200)]
    _, renamed = replayed(records, rules(BEFORE.replace("name: vip", "name: important")), rules(BEFORE))
    assert renamed.changed == 0
    assert renamed.renamed > 10
    _, shown = replayed(records, rules(BEFORE.replace("{queue: vip}", "{queue: vip, pop: {headline: {en: Important}}}")), rules(BEFORE))
    assert (shown.moved, shown.shown) == (0, renamed.renamed)


def test_rules_that_no_call_can_reach_are_told_from_those_that_none_reached() -> None:
    """What was unreachable before is told from what the candidate made so; a rule that calls could reach is neither."""
    before = """\
rules:
  - {name: known, when: {customer: known}, then: {queue: vip}}
  - {name: known-by-sms, when: {customer: known, touch: {medium: sms, within: 1d}}, then: {queue: promo}}
  - {name: autumn, when: {touch: {campaign: "autumn-*", within: 15m}}, then: {queue: promo}}
default: {menu: main}
"""
    wide = """\
  - {name: anyone-asked, when: {touch: {within: 1h}}, then: {queue: promo}}
  - {name: never, when: {customer: known, not: {customer: known}}, then: {queue: promo}}
  - {name: platinum, when: {customer: {identity: ambiguous, attributes: {segment: platinum}}}, then: {queue: vip}}
"""
    after = before.replace("  - {name: autumn", wide + "  - {name: autumn")
    _, report = replayed([record_of(call, rules(before)) for call in plain_calls(300)], rules(after), rules(before))
    assert report.unreachable == (
        Unreachable("known-by-sms", "known", new=False),
        Unreachable("never", "", new=True),
        Unreachable("autumn", "anyone-asked", new=True),
    )
    assert report.never == ("platinum",)
    _, report = replayed([], rules(after), rules(after))
    assert not any(each.new for each in report.unreachable)


def test_what_is_not_judged_is_counted_with_its_reason() -> None:
    """No decision, no snapshot, a snapshot nobody can read, a trial."""
    ruleset = rules(BEFORE)
    call = plain_calls(1)[0]
    record = record_of(call, ruleset)
    context = context_of(call)
    trial = replace(context, request=replace(context.request, args=(TRIAL,)))
    tried = to_bytes(CallFile.of(trial, decide(trial.request, trial, ruleset, call.at, {})))
    records = [
        replace(record, status=None),
        replace(record, status=Status.TIMEOUT),
        replace(record, snapshot=None),
        replace(record, snapshot=b"{"),
        replace(record, snapshot=tried),
        record,
    ]
    _, report = replayed(records, ruleset, ruleset)
    assert report.judged == 1
    assert sorted(report.left_out.values()) == [1, 1, 1, 2]


def test_a_masked_call_is_judged_by_rules_that_do_not_ask_for_the_number() -> None:
    """It is not guessed for the others: they are named. A rule that never comes to look at the number costs nothing."""
    by_number = """\
rules:
  - name: vip-abroad
    when: {customer: {attributes: {segment: vip}}, caller: {prefix: "+38067"}}
    then: {queue: vip}
default: {menu: main}
"""
    calls = plain_calls(300)
    records = []
    for call in calls:
        record = record_of(call, rules(BEFORE))
        file = from_bytes(record.snapshot or b"")
        assert file is not None
        masked = msgspec.to_builtins(file) | {"masked": True}
        masked["context"]["request"]["caller"] |= {"raw": "+38067•••4567", "phone": None}
        records.append(replace(record, snapshot=msgspec.json.encode(masked)))
    _, report = replayed(records, rules(AFTER), rules(BEFORE))
    assert report.judged == 300
    assert report.moved == sum(by_hand_before(call) != by_hand_after(call) for call in calls)
    assert {sample.caller for group in report.groups for sample in group.samples} == {"+38067•••4567"}

    _, report = replayed(records, rules(by_number), rules(BEFORE))
    unseen = sum(call.segment == "vip" and bool(call.number) for call in calls)
    assert [(one.rules, one.rule, one.asked, one.calls) for one in report.unjudged] == [("candidate", "vip-abroad", NUMBER, unseen)]
    assert report.judged == 300 - unseen


def test_an_operators_choice_is_taken_back() -> None:
    """A snapshot knows who of several it was, the decision did not."""
    ruleset = rules("rules: [{name: sure, when: {customer: known}, then: {queue: vip}}]\ndefault: {menu: main}\n")
    call = next(call for call in plain_calls(50) if call.segment == "vip" and call.number)
    context = context_of(call)
    first = context.identity.customers[0]
    both = replace(context, identity=type(context.identity).of((first, replace(first, customer_id="other"))))
    file = CallFile.of(both, decide(both.request, both, ruleset, call.at, {}), worded=False)
    chosen = file.chosen("other")
    assert chosen is not None
    record = replace(record_of(call, ruleset), rule=None, status=Status.DEFAULT, queue=None, snapshot=to_bytes(chosen))
    _, report = replayed([record], ruleset, ruleset)
    assert (report.judged, report.load) == (1, ())


async def test_a_replay_that_is_stopped_tells_what_it_found(tmp_path: Path) -> None:
    """After the first page; a limit does the same without a word."""
    ruleset = rules(BEFORE)
    store = open_store(f"sqlite://{tmp_path / 'ctiroute.db'}")
    await store.open()
    await store.record_calls([record_of(call, ruleset) for call in plain_calls(700)])
    stopped = Replay(Judge(ruleset, {}), Judge(ruleset, {}), FIRST, FIRST + 7 * DAY)
    assert not await stopped.run(store, None, lambda _: False)
    assert stopped.tally.judged == 500
    limited = Replay(Judge(ruleset, {}), Judge(ruleset, {}), FIRST, FIRST + 7 * DAY)
    assert not await limited.run(store, 30, lambda _: True)
    assert limited.tally.judged == 30
    exact = Replay(Judge(ruleset, {}), Judge(ruleset, {}), FIRST, FIRST + 7 * DAY)
    assert await exact.run(store, 700, lambda _: True)
    await store.close()


def test_hours_are_those_of_the_rules() -> None:
    """A call at 23:30 UTC is one of the small hours in Kyiv."""
    ruleset = rules(BEFORE + "timezone: Europe/Kyiv\n")
    call = replace(plain_calls(1)[0], at=FIRST + timedelta(hours=23, minutes=30), number="+380671234567", touches=(("autumn-sms", 60),))
    _, report = replayed([record_of(call, ruleset)], ruleset, ruleset)
    assert report.load[0].before[1] == 1
    assert report.load[0].busiest_before == 1


def test_only_what_can_be_noticed_is_a_difference() -> None:
    """Two decisions of one rule set are the same, whenever they were made."""
    ruleset = rules(BEFORE)
    context = context_of(plain_calls(1)[0])
    first, second = (decide(context.request, context, ruleset, FIRST, {}) for _ in range(2))
    assert difference(first, second) is None
