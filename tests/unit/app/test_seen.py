"""What is read of a snapshot is what was stored."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest

from ctiroute.app.call_files import CallFile, from_bytes, to_bytes
from ctiroute.app.hidden import HiddenFactError
from ctiroute.app.masking import mask_snapshot
from ctiroute.app.seen import read_seen
from ctiroute.engine.decide import decide
from ctiroute.model import (
    TRIAL,
    Identifier,
    IdentifierKind,
    IdentityKind,
    Interaction,
    InteractionEvent,
    InteractionStatus,
    Medium,
    QueueState,
    SourceReport,
)
from tests.unit.app.history import FIRST, Plain, context_of, plain_calls, rules

RULES = rules("rules: [{name: any, when: {touch: {within: 1h}}, then: {queue: promo}}]\ndefault: {menu: main}\n")


def stored(call: Plain) -> bytes:
    """Return the snapshot of a call, with something in every part of it."""
    context = context_of(call)
    who = Identifier(IdentifierKind.TELEGRAM, "42")
    event = InteractionEvent(FIRST, "form", "Sent")
    open_one = Interaction("i1", None, Medium.WEB, "form", "", InteractionStatus.OPEN, FIRST, FIRST, "o", "", {"a": ""}, (event,), who)
    context = replace(context, interactions=(open_one,), sources=(SourceReport("store", "ok", 3.5),))
    decision = decide(context.request, context, RULES, call.at, {})
    decision = replace(decision, queues=(QueueState("promo", 3, 2, 1, 10.0, call.at),), available=("olena",))
    return to_bytes(CallFile.of(context, decision, worded=False))


def test_nothing_is_lost_or_changed() -> None:
    """Each of many contexts reads as the file of the call does, in every field, defaults and none included."""
    for call in plain_calls(100):
        packed = stored(call)
        file, seen = from_bytes(packed), read_seen(packed)
        assert file is not None
        assert msgspec.to_builtins(seen.context) == msgspec.to_builtins(file.context)
        assert msgspec.to_builtins(seen.queues) == msgspec.to_builtins(file.queues)
        assert seen.available == frozenset(file.available or ())
        assert not seen.masked


def test_what_follows_from_the_fields_follows_here_too() -> None:
    """The one customer it is, the country of a number, whether it was a trial, how a touch's key stands to another."""
    call = next(call for call in plain_calls(50) if call.number and call.segment and len(call.touches) > 1)
    context, seen = context_of(call), read_seen(stored(call)).context
    assert seen.request.caller.country == context.request.caller.country == "UA"
    assert seen.identity.customer is seen.identity.customers[0]
    assert not seen.request.is_trial
    assert seen.touches[0].identifier == seen.touches[1].identifier
    assert len({touch.identifier for touch in seen.touches}) == 1
    tried = replace(context, request=replace(context.request, args=(TRIAL,)))
    assert read_seen(to_bytes(CallFile(tried))).context.request.is_trial
    assert read_seen(stored(call)).queues[0].longest_wait_at(call.at + timedelta(seconds=5)) == 15


def test_it_is_as_the_decision_saw_it() -> None:
    """An operator's choice is taken back, and a masked number is out of sight."""
    call = next(call for call in plain_calls(50) if call.number and call.segment)
    context = context_of(call)
    first = context.identity.customers[0]
    both = replace(context, identity=type(context.identity).of((first, replace(first, customer_id="other"))))
    chosen = CallFile(both).chosen("other")
    assert chosen is not None
    identity = read_seen(to_bytes(chosen)).context.identity
    assert (identity.kind, [one.customer_id for one in identity.customers]) == (IdentityKind.AMBIGUOUS, ["other", first.customer_id])

    caller = read_seen(mask_snapshot(stored(call))).context.request.caller
    assert not caller.withheld
    with pytest.raises(HiddenFactError):
        _ = caller.phone


@pytest.mark.parametrize("snapshot", [b"", b"{", b"{}", b'{"context": 1}', b'{"context": {"request": null}}'])
def test_a_snapshot_that_cannot_be_read_is_refused(snapshot: bytes) -> None:
    """With the one error that replay counts."""
    with pytest.raises(msgspec.MsgspecError):
        read_seen(snapshot)
