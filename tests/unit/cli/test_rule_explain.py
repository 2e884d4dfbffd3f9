"""`ctiroute rules explain` and `ctiroute trace`."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ctiroute.app.call_files import CallFile, to_bytes
from ctiroute.app.rule_files import read_rules
from ctiroute.engine.decide import decide
from ctiroute.model import (
    UNKNOWN,
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
    QueueState,
    RouteRequest,
    RulesVersion,
    SourceReport,
    Status,
    Touch,
    TouchStatus,
)
from ctiroute.store import open_store

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.cli.conftest import Said

    Run = Callable[..., Said]

ROOT = Path(__file__).parents[3]
PHONE = "+380671234567"
NOON = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)  # 12:00 in Kyiv
CASE = f"{ROOT / 'rules' / '10-campaigns.test.yml'}:how long the offer counts"
MARK = Identifier(IdentifierKind.PHONE, PHONE)
RULES = """\
timezone: Europe/Kyiv
rules:
  - name: campaign
    when: {touch: {campaign: "autumn-*", within: 15m}}
    then: {queue: promo}
  - name: vip
    when:
      any: [{customer: {attributes: {segment: vip}}}, {caller: {country: KZ}}]
    then: {queue: vip}
default: {menu: main}
"""


def touch(sent_at: datetime) -> Touch:
    """Return a touch to the caller."""
    return Touch("t1", "autumn-sms", "", Medium.SMS, MARK, sent_at, TouchStatus.DELIVERED, OfferTerms("Autumn"), customer_id="c1")


OLENA = Customer("c1", "Olena", "uk", {"segment": "vip"}, (MARK,))


@pytest.fixture
def box(config: Path, tmp_path: Path) -> Path:
    """Return the settings of a box with rules, a customer who was sent something, and one call that was decided."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "a.yml").write_text(RULES, encoding="utf-8")
    (tmp_path / "data").mkdir()
    request = RouteRequest("asterisk:1790000000.7", Medium.VOICE, Caller(PHONE, PHONE), "+380441234567", NOON, pbx="asterisk")
    report = SourceReport("redis", "ok", 1.5, age_s=42.0)
    context = CallerContext(request, Identity.of((OLENA,)), (touch(NOON - timedelta(minutes=5)),), sources=(report,), gathered_at=NOON)
    decision = decide(request, context, read_rules(tmp_path / "rules"), NOON, {})
    record = CallRecord(
        call_id=request.call_id,
        received_at=NOON,
        status=Status.ROUTED,
        rule=decision.rule,
        queue="promo",
        decision_ms=2.34,
        outcome=Outcome.ANSWERED,
        answered_at=NOON + timedelta(seconds=20),
        snapshot=to_bytes(CallFile.of(context, decision, worded=False)),
    )

    async def fill() -> None:
        store = open_store(f"sqlite://{tmp_path / 'data' / 'ctiroute.db'}")
        await store.open()
        try:
            await store.put_customers([OLENA])
            await store.put_touches([touch(NOON - timedelta(minutes=5))])
            await store.record_calls([record, CallRecord("asterisk:1790000000.8", received_at=NOON)])
        finally:
            await store.close()

    asyncio.run(fill())
    return config


def test_a_case_is_explained_with_every_rule(ctiroute: Run) -> None:
    """Also those that were not asked, and where each value came from."""
    said = ctiroute("rules", "explain", "--case", f"{CASE}#3")
    assert (said.code, said.err) == (0, "")
    assert "✗ autumn-sms-callers  does not hold" in said.out
    assert "✓ autumn-same-day  took the call" in said.out
    assert "saw autumn-sms, sms, delivered, 16 min ago  [the case]" in said.out
    assert "saw fri 2026-11-20 12:00 Europe/Kyiv  [the clock]" in said.out
    assert "✗ all[1].not.dialed: wants in list emergency-lines" in said.out
    assert "→ queue promo" in said.out
    assert "\x1b" not in said.out


def test_a_case_that_is_not_there(ctiroute: Run) -> None:
    """The nearest name helps; a file that is not there is a mistake of usage."""
    said = ctiroute("rules", "explain", "--case", CASE.replace("counts", "count"))
    assert said.code == 1
    assert "did you mean how long the offer counts#" in said.err
    assert ctiroute("rules", "explain", "--case", "nowhere.yml:x").code == 2


def test_a_number_is_explained_with_what_the_store_knows(box: Path, ctiroute: Run) -> None:
    """Live data, a clock that is set, and the source named at each value."""
    said = ctiroute("rules", "explain", "-c", box, "--phone", "067 123 45 67", "--at", "2026-11-20 12:00", "--dialed", "044 123 45 67")
    assert (said.code, said.err) == (0, "")
    assert "+380 67 123 4567 to +380441234567, Fri 2026-11-20 12:00 Europe/Kyiv" in said.out
    assert "known: known (Olena), 1 touch, no interactions" in said.out
    assert "✓ campaign  took the call" in said.out
    assert "saw autumn-sms, sms, delivered, 5 min ago  [store]" in said.out
    assert "· vip  holds, but an earlier rule took the call" in said.out
    assert "that of today" in said.out


def test_a_number_nobody_can_look_up(box: Path, ctiroute: Run) -> None:
    """Nothing is known, and nobody is named as its source."""
    said = ctiroute("rules", "explain", "-c", box, "--phone", "anonymous")
    assert said.code == 0
    assert "withheld number" in said.out
    assert "known: withheld" in said.out
    assert "✓ default" in said.out


def test_an_explanation_as_json(box: Path, ctiroute: Run) -> None:
    """The verdicts have the fields that the operator's screen gets, and where the value came from."""
    said = ctiroute("rules", "explain", "-c", box, "--phone", PHONE, "--at", "2026-11-20 13:00", "--json")
    found = json.loads(said.out)
    assert found["rule"] == "vip"
    assert found["destination"] == {"to": "queue", "queue": "vip", "priority": 0}
    campaign, vip = found["rules"]
    assert (campaign["matched"], vip["matched"]) == (False, True)
    (verdict,) = campaign["verdicts"]
    assert verdict["seen"] == "autumn-sms, sms, delivered, 1 h ago"
    assert verdict["from"] == "store"
    assert [(one["condition"], one["matched"], one["from"]) for one in vip["verdicts"]] == [
        ("any", True, ""),
        ("any[0].customer", True, "store"),
        ("any[1].caller", False, "the call"),
    ]


def test_a_past_call_is_explained_by_what_was_known_then(box: Path, ctiroute: Run) -> None:
    """Not by what the store says now; the age of a copy is shown."""
    said = ctiroute("rules", "explain", "-c", box, "--call", "asterisk:1790000000.7")
    assert said.code == 0
    assert "saw autumn-sms, sms, delivered, 5 min ago  [redis, 42 s old]" in said.out
    assert "note:" not in said.out


def test_a_past_call_whose_rules_are_gone_says_so(box: Path, tmp_path: Path, ctiroute: Run) -> None:
    """The present rules explain it, and the difference is named."""
    (tmp_path / "rules" / "a.yml").write_text(RULES.replace("within: 15m", "within: 3m"), encoding="utf-8")
    said = ctiroute("rules", "explain", "-c", box, "--call", "asterisk:1790000000.7")
    assert "decided this call, and are no longer here" in said.out
    assert "then campaign took it; now vip would" in said.out


def test_a_past_call_is_explained_by_the_kept_version_that_decided_it(box: Path, tmp_path: Path, ctiroute: Run) -> None:
    """Rules that were in use then are read from the store, when the files say something else by now."""
    rules = tmp_path / "rules"
    version = read_rules(rules).version
    (rules / "a.yml").write_text(RULES.replace("within: 15m", "within: 3m"), encoding="utf-8")

    async def keep() -> None:
        store = open_store(f"sqlite://{tmp_path / 'data' / 'ctiroute.db'}")
        await store.open()
        try:
            await store.put_rules_version(RulesVersion(version, NOON, "olha", "save", "box", {"a.yml": RULES}))
        finally:
            await store.close()

    asyncio.run(keep())
    said = ctiroute("rules", "explain", "-c", box, "--call", "asterisk:1790000000.7")
    if f"rules {version}" in said.out.splitlines()[1]:
        assert "note:" not in said.out
        assert "✓ campaign  took the call" in said.out
    else:
        pytest.fail(said.out)


def test_queues_of_a_past_call_are_those_it_saw(box: Path, tmp_path: Path, ctiroute: Run) -> None:
    """They are kept with the call; for a number asked about now the command knows none, and says so."""
    rules = tmp_path / "rules"
    text = "rules: [{name: free, when: {queue: {name: promo, free: 2}}, then: {queue: promo}}]\ndefault: {menu: main}\n"
    (rules / "a.yml").write_text(text, encoding="utf-8")
    request = RouteRequest("asterisk:9.1", Medium.VOICE, Caller(PHONE, PHONE), "+380441234567", NOON)
    context = CallerContext(request, UNKNOWN, gathered_at=NOON)
    decision = decide(request, context, read_rules(rules), NOON, {}, {"promo": QueueState("promo", 3, 2, 0, 0.0, NOON)})
    masked = replace(CallFile.of(context, decision, worded=False), masked=True)
    records = [
        CallRecord("asterisk:9.1", received_at=NOON, snapshot=to_bytes(masked)),
        CallRecord("asterisk:9.2", received_at=NOON, snapshot=to_bytes(replace(masked, status=Status.TIMEOUT, rule=None))),
    ]

    async def keep() -> None:
        store = open_store(f"sqlite://{tmp_path / 'data' / 'ctiroute.db'}")
        await store.open()
        try:
            await store.record_calls(records)
        finally:
            await store.close()

    asyncio.run(keep())
    said = ctiroute("rules", "explain", "-c", box, "--call", "asterisk:9.1")
    assert "saw promo: 3 members, 2 free, 0 waiting  [the switch]" in said.out
    assert "✓ free  took the call" in said.out
    assert "note: numbers were masked" in said.out
    assert "then the rules were not asked (timeout)" in ctiroute("rules", "explain", "-c", box, "--call", "asterisk:9.2").out
    said = ctiroute("rules", "explain", "-c", box, "--phone", PHONE)
    assert "known to the running service alone" in said.out
    assert "saw promo not known  [the switch]" in said.out


def test_trace_tells_the_call_and_why(box: Path, ctiroute: Run) -> None:
    """Found by Asterisk's own Linkedid, or by the whole id."""
    said = ctiroute("trace", "-c", box, "1790000000.7")
    assert (said.code, said.err) == (0, "")
    assert "call:     asterisk:1790000000.7" in said.out
    assert "decided:  routed by campaign, in 2.3 ms" in said.out
    assert "answered: Fri 2026-11-20 12:00:20 Europe/Kyiv" in said.out
    assert "outcome:  answered" in said.out
    assert "✓ campaign  took the call" in said.out
    assert ctiroute("trace", "-c", box, "asterisk:1790000000.7").out == said.out
    found = json.loads(ctiroute("trace", "-c", box, "1790000000.7", "--json").out)
    assert (found["call"]["outcome"], found["rule"]) == ("answered", "campaign")
    assert "snapshot" not in found["call"]


def test_calls_of_which_nothing_or_little_is_kept(box: Path, ctiroute: Run) -> None:
    """The answer is no, and says what is missing."""
    said = ctiroute("trace", "-c", box, "1.1")
    assert (said.code, said.out) == (1, "")
    assert "nothing is kept of asterisk:1.1" in said.err
    assert ctiroute("rules", "explain", "-c", box, "--call", "asterisk:1.1").code == 1
    said = ctiroute("trace", "-c", box, "1790000000.8")
    assert said.code == 1
    assert "call:     asterisk:1790000000.8" in said.out
    assert "why it went there is not known" in said.err


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--case", "x:y", "--at", "2026-11-20 12:00"], "belong to --phone"),
        (["--phone", PHONE, "--at", "noon"], "--at: expected a point in time"),
        ([], "one of the arguments"),
    ],
)
def test_a_wrong_question_is_2(box: Path, ctiroute: Run, argv: list[str], message: str) -> None:
    """With what to write."""
    said = ctiroute("rules", "explain", "-c", box, *argv)
    assert said.code == 2
    assert message in said.err
