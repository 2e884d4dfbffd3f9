"""What a call was about, and what follows from its end."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ctiroute.app.attribution import About, follow, latest_touch, said
from ctiroute.app.call_words import clock, of_call, of_wrap_up
from ctiroute.model import (
    AttributedBy,
    CallerFacts,
    CallRecord,
    ConfirmedReason,
    Customer,
    EndedCall,
    Identifier,
    IdentifierKind,
    Interaction,
    InteractionStatus,
    Medium,
    OfferTerms,
    Outcome,
    ReasonKind,
    Receipt,
    Touch,
    TouchStatus,
    WrapUp,
)
from ctiroute.store.attributions import SentTouch

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
QUIET = timedelta(seconds=20)
PHONE = "+380671234567"
SENT = SentTouch("autumn:m-1", "autumn", NOW - timedelta(hours=1))
INTERACTION = Interaction("i-1", "C-1", Medium.WEB, "loan", "Loan", InteractionStatus.OPEN, NOW, NOW, source="site", external_id="form-7")
CALL = CallRecord(
    "asterisk:1.1",
    caller_phone=PHONE,
    customer_id="C-1",
    received_at=NOW - timedelta(minutes=5),
    touch_id="autumn:m-1",
    operator_id="olena",
    outcome=Outcome.ANSWERED,
    answered_at=NOW - timedelta(minutes=4),
    ended_at=NOW - timedelta(minutes=1),
)


def lent(*notes: WrapUp, record: CallRecord = CALL) -> EndedCall:
    """Return a call to attribute."""
    return EndedCall(record, notes, None, NOW + timedelta(minutes=1))


def note(text: str = "", *, code: str = "", operator_id: str = "olena", ago_s: float = 60.0) -> WrapUp:
    """Return what an operator noted a while ago."""
    return WrapUp(CALL.call_id, operator_id, text, NOW - timedelta(seconds=ago_s), code)


def kinds(call: EndedCall, about: About) -> list[str]:
    """Return what is announced of a call."""
    return [each.kind for each in follow(call, about, NOW, quiet=QUIET, past_menu=False, language="en").announcements]


def touch(touch_id: str, hours_ago: float, **fields: object) -> Touch:
    """Return a touch to the caller."""
    at = NOW - timedelta(hours=hours_ago)
    whole = Touch(touch_id, "autumn", "", Medium.SMS, Identifier(IdentifierKind.PHONE, PHONE), at, TouchStatus.SENT, OfferTerms())
    return replace(whole, **fields)  # type: ignore[arg-type] # built from names


def confirmed(kind: ReasonKind, about_id: str) -> ConfirmedReason:
    """Return what an operator found the reason to be."""
    return ConfirmedReason(CALL.call_id, "olena", NOW, kind, about_id)


# --- what it was about


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        (None, (AttributedBy.DECISION, "autumn:m-1", None)),
        (confirmed(ReasonKind.TOUCH, "winter:m-9"), (AttributedBy.REASON, "winter:m-9", None)),
        (confirmed(ReasonKind.INTERACTION, "i-1"), (AttributedBy.REASON, None, "i-1")),
        (confirmed(ReasonKind.NONE, ""), (AttributedBy.REASON, None, None)),
        (confirmed(ReasonKind.TOUCH, ""), (AttributedBy.DECISION, "autumn:m-1", None)),
    ],
)
def test_the_operator_is_believed_before_the_rule(
    reason: ConfirmedReason | None, expected: tuple[AttributedBy, str | None, str | None]
) -> None:
    """Also when he says that it was none of these; of one whose subject was erased nothing is left to believe."""
    assert said(CALL, reason) == expected


def test_a_call_that_nobody_knows_the_reason_of_is_about_the_latest_touch() -> None:
    """Sent before the call and within the window, and not known to have failed."""
    facts = CallerFacts(
        touches=(
            touch("after the call", 0),
            touch("failed", 1, status=TouchStatus.FAILED),
            touch("of another customer", 1.5, customer_id="C-2"),
            touch("latest", 2),
            touch("earlier", 3),
            touch("too old", 25),
        )
    )
    found = latest_touch(CALL, facts, timedelta(hours=24))
    assert found is not None
    assert found.touch_id == "latest"
    assert latest_touch(CALL, CallerFacts(touches=(touch("too old", 25),)), timedelta(hours=24)) is None
    assert latest_touch(replace(CALL, received_at=None), facts, timedelta(hours=24)) is None


def test_where_a_number_is_shared_only_what_was_sent_to_it_counts() -> None:
    """A letter to one of two people with this phone says nothing of which of them calls."""
    letter = touch("letter", 1, identifier=Identifier(IdentifierKind.EMAIL, "o@example.com"), customer_id="C-2")
    two = (Customer("C-1", "Olena"), Customer("C-2", "Taras"))
    nobody = replace(CALL, customer_id=None)
    found = latest_touch(nobody, CallerFacts(customers=two, touches=(letter, touch("sms", 2))), timedelta(hours=24))
    assert found is not None
    assert found.touch_id == "sms"
    found = latest_touch(replace(CALL, customer_id="C-2"), CallerFacts(customers=two, touches=(letter,)), timedelta(hours=24))
    assert found is not None
    assert found.touch_id == "letter"


# --- what follows


def test_an_answered_call_answers_its_touch() -> None:
    """The receipt is of the time at which somebody picked up."""
    following = follow(lent(), About(AttributedBy.DECISION, SENT), NOW, quiet=QUIET, past_menu=True, language="en")
    assert following.settlement.receipts == (Receipt("autumn:m-1", TouchStatus.ANSWERED, NOW - timedelta(minutes=4)),)
    assert [each.event_id for each in following.announcements] == ["call.ended:asterisk:1.1:1", "touch.answered:autumn:m-1"]
    assert [each.key for each in following.announcements] == ["call:asterisk:1.1", "touch:autumn:m-1"]
    assert following.announcements[0].about == ("asterisk:1.1", "C-1", "autumn:m-1")
    done = following.settlement.attribution
    assert done is not None
    assert (done.campaign, done.waited_s, done.talked_s, done.skipped_menu, done.revision) == ("autumn", 60.0, 180.0, True, 1)


def test_a_caller_who_gave_up_has_answered_nothing() -> None:
    """His call is told of, and he may be reminded."""
    gone = replace(CALL, answered_at=None, outcome=Outcome.ABANDONED, operator_id=None)
    following = follow(lent(record=gone), About(AttributedBy.DECISION, SENT), NOW, quiet=QUIET, past_menu=True, language="en")
    assert following.settlement.receipts == ()
    assert [each.kind for each in following.announcements] == ["call.ended"]
    assert following.announcements[0].data["outcome"] == "abandoned"
    assert following.announcements[0].data["waited_s"] == 240.0


def test_an_interaction_learns_of_the_call() -> None:
    """One event for the call, one for each note; told with what its source calls it."""
    following = follow(
        lent(note("wants it", code="sold")), About(interaction=INTERACTION), NOW, quiet=QUIET, past_menu=False, language="uk"
    )
    assert [(each.event_id, each.event and each.event.text) for each in following.settlement.happened] == [
        ("call:asterisk:1.1", "відповів(ла) olena, 3:00"),
        ("wrap-up:asterisk:1.1:olena:2026-03-01T11:59:00+00:00", "sold · wants it"),
    ]
    changed = [each for each in following.announcements if each.kind == "interaction.changed"]
    assert {each.key for each in changed} == {"interaction:i-1"}
    assert changed[0].data["interaction"] == {"interaction_id": "i-1", "source": "site", "external_id": "form-7", "topic": "loan"}


def test_what_is_known_already_is_not_told_again() -> None:
    """The same call once more brings no revision; another outcome does."""
    first = follow(lent(), About(AttributedBy.DECISION, SENT), NOW, quiet=QUIET, past_menu=True, language="en").settlement.attribution
    again = replace(lent(), attribution=first)
    assert kinds(again, About(AttributedBy.DECISION, SENT)) == ["call.ended", "touch.answered"], "past_menu is another value here"
    same = follow(again, About(AttributedBy.DECISION, SENT), NOW, quiet=QUIET, past_menu=True, language="en")
    assert (same.announcements, same.settlement.attribution) == ((), None)
    moved = replace(again, record=replace(CALL, operator_id="taras"))
    following = follow(moved, About(AttributedBy.DECISION, SENT), NOW, quiet=QUIET, past_menu=True, language="en")
    assert following.settlement.attribution is not None
    assert following.settlement.attribution.revision == 2
    assert following.announcements[0].event_id == "call.ended:asterisk:1.1:2"


def test_a_note_that_is_being_typed_waits() -> None:
    """It is looked at again when it has been quiet; an empty one says nothing."""
    following = follow(lent(note("want", ago_s=5)), About(), NOW, quiet=QUIET, past_menu=False, language="en")
    assert [each.kind for each in following.announcements] == ["call.ended"]
    assert following.settlement.again_at == NOW + timedelta(seconds=15)
    assert kinds(lent(note("wants it")), About()) == ["call.ended", "wrap_up"]
    assert kinds(lent(note(" \n")), About()) == ["call.ended"]


def test_the_code_is_that_of_who_talked_last() -> None:
    """A colleague's code stands in when he chose none; each note is told with its own."""
    first, last = note("asked", code="thinking", operator_id="taras", ago_s=90), note("took it", code="sold")
    for notes, code in (((last, first), "sold"), ((note("x"), first), "thinking"), ((first,), "thinking"), ((), "")):
        done = follow(lent(*notes), About(), NOW, quiet=QUIET, past_menu=False, language="en").settlement.attribution
        assert done is not None
        assert done.code == code
    told = follow(lent(last, first), About(), NOW, quiet=QUIET, past_menu=False, language="en").announcements
    assert [each.data["code"] for each in told if each.kind == "wrap_up"] == ["thinking", "sold"]


def test_words_of_a_call() -> None:
    """For people, in a language there is; lengths as a clock shows them."""
    done = follow(lent(), About(), NOW, quiet=QUIET, past_menu=False, language="en").settlement.attribution
    assert done is not None
    assert of_call(done, "kk") == "answered by olena, 3:00"
    assert of_call(replace(done, outcome=Outcome.ABANDONED, answered_at=None), "en") == "hung up after waiting 4:00"
    assert of_call(replace(done, outcome=None), "en") == "ended"
    assert of_wrap_up(note("  ", code="sold")) == "sold"
    assert (clock(5), clock(65), clock(3600)) == ("0:05", "1:05", "1:00:00")
