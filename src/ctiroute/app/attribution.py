"""What a call was about, and what follows from its end. Pure: `docs/how-to/closed-loop.md` tells the rules, this file is them.

The strongest that is there wins: what the operator said the reason was; what the rule was about that routed the call; the latest touch to
this caller within the window. One touch at most, one interaction at most.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ctiroute.app import call_words
from ctiroute.model import (
    Announcement,
    AttributedBy,
    Attribution,
    Intake,
    Interaction,
    InteractionEvent,
    Medium,
    ReasonKind,
    Receipt,
    TouchStatus,
)
from ctiroute.store.attributions import SentTouch, Settlement

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from ctiroute.model import CallerFacts, CallRecord, ConfirmedReason, EndedCall, Touch, WrapUp


@dataclass(frozen=True, slots=True)
class About:
    """What a call was about."""

    by: AttributedBy = AttributedBy.NOTHING
    touch: SentTouch | None = None
    interaction: Interaction | None = None


@dataclass(frozen=True, slots=True)
class Following:
    """What follows from a call: what is to be kept, and what is to be announced."""

    settlement: Settlement
    announcements: tuple[Announcement, ...] = ()


def said(record: CallRecord, confirmed: ConfirmedReason | None) -> tuple[AttributedBy, str | None, str | None]:
    """Return who says what a call was about, a touch_id, an interaction_id."""
    if confirmed is not None and (confirmed.about_id or confirmed.kind is ReasonKind.NONE):
        touch_id = confirmed.about_id if confirmed.kind is ReasonKind.TOUCH else None
        return AttributedBy.REASON, touch_id, confirmed.about_id if confirmed.kind is ReasonKind.INTERACTION else None
    if record.touch_id is not None or record.interaction_id is not None:
        return AttributedBy.DECISION, record.touch_id, record.interaction_id
    return AttributedBy.NOTHING, None, None


def latest_touch(record: CallRecord, facts: CallerFacts, within: timedelta) -> Touch | None:
    """Return the latest touch to a caller that arrived, or may have, within a time before his call.

    Where the number is several customers', what was sent to their other identifiers says nothing of who calls.
    """
    if record.received_at is None:
        return None
    since = record.received_at - within
    several = len(facts.customers) > 1
    found = [
        touch
        for touch in facts.touches
        if since <= touch.sent_at <= record.received_at
        and touch.status is not TouchStatus.FAILED
        and (touch.customer_id is None or record.customer_id is None or touch.customer_id == record.customer_id)
        and not (several and touch.customer_id != record.customer_id and touch.identifier.value != record.caller_phone)
    ]
    return max(found, key=lambda touch: (touch.sent_at, touch.touch_id), default=None)


def follow(lent: EndedCall, about: About, now: datetime, *, quiet: timedelta, past_menu: bool, language: str) -> Following:
    """Return what follows from a call that has ended, beyond what followed from it before."""
    record, before = lent.record, lent.attribution
    final = tuple(note for note in lent.wrap_ups if note.noted_at + quiet <= now)
    fresh = _attribution(record, about, final, past_menu=past_menu)
    is_news = before is None or replace(before, revision=1) != fresh
    attribution = replace(fresh, revision=(before.revision if before else 0) + is_news)
    later = [note.noted_at + quiet for note in lent.wrap_ups if note.noted_at + quiet > now]
    announcements: list[Announcement] = []
    happened: list[Intake] = []
    call = {"call_id": record.call_id, "customer_id": record.customer_id, "caller": record.caller_phone, **_subject(about)}
    ids = _ids(record, about)
    if is_news:
        announcements.append(_ended(record, attribution, call, ids))
        if about.touch is not None and record.answered_at is not None:
            announcements.append(_answered(record, about.touch, call, ids))
        if about.interaction is not None and (before is None or before.interaction_id != about.interaction.interaction_id):
            happened.append(_happening(about.interaction, f"call:{record.call_id}", attribution.ended_at, "call", attribution, language))
    for note in reversed(final):
        if note.note.strip() or note.code:
            announcements.append(_noted(note, call, ids))
            if about.interaction is not None:
                event_id = f"wrap-up:{record.call_id}:{note.operator_id}:{note.noted_at.isoformat()}"
                happened.append(_happening(about.interaction, event_id, note.noted_at, "wrap_up", note, language))
    if about.interaction is not None:
        announcements += [_changed(about.interaction, each, call, ids) for each in happened]
    receipts: tuple[Receipt, ...] = ()
    if about.touch is not None and record.answered_at is not None:
        receipts = (Receipt(about.touch.touch_id, TouchStatus.ANSWERED, record.answered_at),)
    settlement = Settlement(
        lent,
        attribution if is_news else None,
        receipts,
        about.interaction.interaction_id if about.interaction is not None else None,
        tuple(happened),
        again_at=min(later, default=None),
    )
    return Following(settlement, tuple(announcements))


def _attribution(record: CallRecord, about: About, final: Sequence[WrapUp], *, past_menu: bool) -> Attribution:
    ended_at = record.ended_at or record.received_at
    assert ended_at is not None  # noqa: S101 - only calls that ended come here
    touch, received_at = about.touch, record.received_at or record.answered_at or ended_at
    mine = [note for note in final if note.code and note.operator_id == record.operator_id]
    code = next((note.code for note in (*mine, *final) if note.code), "")
    return Attribution(
        call_id=record.call_id,
        by=about.by,
        received_at=received_at,
        ended_at=ended_at,
        touch_id=touch.touch_id if touch else None,
        interaction_id=about.interaction.interaction_id if about.interaction else None,
        campaign=touch.campaign if touch else None,
        touched_at=touch.sent_at if touch else None,
        customer_id=record.customer_id,
        answered_at=record.answered_at,
        outcome=record.outcome,
        queue=record.queue,
        operator_id=record.operator_id,
        code=code,
        skipped_menu=past_menu,
    )


def _subject(about: About) -> dict[str, object]:
    touch, interaction = about.touch, about.interaction
    return {
        "touch": None if touch is None else {"touch_id": touch.touch_id, "campaign": touch.campaign, "sent_at": touch.sent_at},
        "interaction": None
        if interaction is None
        else {
            "interaction_id": interaction.interaction_id,
            "source": interaction.source,
            "external_id": interaction.external_id,
            "topic": interaction.topic,
        },
        "attributed_by": about.by.value,
    }


def _ids(record: CallRecord, about: About) -> tuple[str, ...]:
    named = (
        record.call_id,
        record.customer_id,
        about.touch.touch_id if about.touch else None,
        about.interaction.interaction_id if about.interaction else None,
    )
    return tuple(each for each in named if each)


def _ended(record: CallRecord, attribution: Attribution, call: dict[str, object], ids: tuple[str, ...]) -> Announcement:
    data = {
        **call,
        "revision": attribution.revision,
        "dialed": record.dialed,
        "received_at": attribution.received_at,
        "answered_at": attribution.answered_at,
        "ended_at": attribution.ended_at,
        "waited_s": round(attribution.waited_s, 3),
        "talked_s": round(attribution.talked_s, 3),
        "outcome": None if attribution.outcome is None else attribution.outcome.value,
        "rule": record.rule,
        "queue": attribution.queue,
        "operator_id": attribution.operator_id,
        "code": attribution.code,
        "skipped_menu": attribution.skipped_menu,
    }
    event_id = f"call.ended:{record.call_id}:{attribution.revision}"
    return Announcement("call.ended", event_id, f"call:{record.call_id}", attribution.ended_at, data, ids)


def _answered(record: CallRecord, touch: SentTouch, call: dict[str, object], ids: tuple[str, ...]) -> Announcement:
    assert record.answered_at is not None  # noqa: S101 - nobody asks otherwise
    data = {**call, "answered_at": record.answered_at, "operator_id": record.operator_id}
    return Announcement("touch.answered", f"touch.answered:{touch.touch_id}", f"touch:{touch.touch_id}", record.answered_at, data, ids)


def _noted(note: WrapUp, call: dict[str, object], ids: tuple[str, ...]) -> Announcement:
    data = {**call, "operator_id": note.operator_id, "code": note.code, "note": note.note, "noted_at": note.noted_at}
    event_id = f"wrap_up:{note.call_id}:{note.operator_id}:{note.noted_at.isoformat()}"
    return Announcement("wrap_up", event_id, f"call:{note.call_id}", note.noted_at, data, ids)


def _changed(interaction: Interaction, intake: Intake, call: dict[str, object], ids: tuple[str, ...]) -> Announcement:
    event = intake.event
    data = {**call, "event": None if event is None else {"at": event.at, "kind": event.kind, "text": event.text}}
    key = f"interaction:{interaction.interaction_id}"
    return Announcement(
        "interaction.changed", f"interaction.changed:{interaction.interaction_id}:{intake.event_id}", key, intake.at, data, ids
    )


def _happening(interaction: Interaction, event_id: str, at: datetime, kind: str, what: Attribution | WrapUp, language: str) -> Intake:
    text = call_words.of_call(what, language) if isinstance(what, Attribution) else call_words.of_wrap_up(what)
    return Intake(
        source=interaction.source,
        external_id=interaction.external_id,
        at=at,
        medium=Medium.VOICE,
        event_id=event_id,
        event=InteractionEvent(at, kind, text),
    )
