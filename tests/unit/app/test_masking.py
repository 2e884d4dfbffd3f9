"""Snapshots without numbers."""

from __future__ import annotations

from dataclasses import replace

from prometheus_client import CollectorRegistry

from ctiroute.app.call_files import CallFile, from_bytes, to_bytes
from ctiroute.app.masking import mask_snapshot
from ctiroute.app.recorder import Recorder
from ctiroute.app.replay import Judge
from ctiroute.app.seen import read_seen
from ctiroute.engine.decide import decide
from ctiroute.model import CallRecord, Fate, Identifier, IdentifierKind, Interaction, InteractionStatus, Medium, ProposalFate
from tests.unit.app.history import FIRST, context_of, plain_calls, rules
from tests.unit.app.test_replay import BEFORE

CALL = next(call for call in plain_calls(50) if call.number and call.segment and call.touches)


def packed() -> bytes:
    """Return a stored file in which the number stands wherever it can."""
    context, ruleset = context_of(CALL), rules(BEFORE)
    who = Identifier(IdentifierKind.PHONE, CALL.number)
    open_one = Interaction("i1", "c1", Medium.WEB, "form", "", InteractionStatus.OPEN, FIRST, FIRST, identifier=who)
    context = replace(context, interactions=(open_one,))
    fate = ProposalFate(f"phone:{CALL.number}", "gold", Fate.REFUSED, FIRST, "olena", "pbx:1")
    return to_bytes(replace(CallFile.of(context, decide(context.request, context, ruleset, CALL.at, {})), fates=(fate,)))


def test_the_number_stands_nowhere() -> None:
    """Neither in the request, nor with the customer, what was sent, conversations or words of the trace; the rest is as it was."""
    assert CALL.number.encode() in packed()
    masked = mask_snapshot(packed())
    assert CALL.number[4:].encode() not in masked
    file, before = from_bytes(masked), from_bytes(packed())
    assert file is not None
    assert before is not None
    assert file.masked
    assert [one.touch_id for one in file.context.touches] == [one.touch_id for one in before.context.touches]
    assert file.context.identity.customers[0].attributes == before.context.identity.customers[0].attributes
    assert mask_snapshot(masked) == masked
    assert mask_snapshot(b"nonsense") == b"{}"


def test_a_masked_call_is_decided_as_it_was() -> None:
    """By rules that do not ask for the number."""
    seen = read_seen(mask_snapshot(packed()))
    context = context_of(CALL)
    then = decide(context.request, context, rules(BEFORE), CALL.at, {})
    assert Judge(rules(BEFORE), {}).decide(seen).destination == then.destination


async def test_numbers_are_masked_as_they_are_written() -> None:
    """What is in memory for the screens keeps them."""
    written: list[CallRecord] = []

    class Paper:
        async def record_calls(self, records: list[CallRecord]) -> None:
            written.extend(records)

    recorder = Recorder(Paper(), CollectorRegistry(), lambda _: None, mask_snapshot)  # type: ignore[arg-type]  # it only takes records
    recorder.record(CallRecord("a", caller_phone=CALL.number, snapshot=packed()))
    recorder.record(CallRecord("b"))
    await recorder.flush(1.0)
    with_snapshot, without = written
    assert with_snapshot.snapshot == mask_snapshot(packed())
    assert with_snapshot.caller_phone == CALL.number
    assert without.snapshot is None
