"""What mappings make of payloads: the right ones, those that lack something, and hostile ones."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctiroute.connectors.webhook.files import read_mapping, ready_names
from ctiroute.connectors.webhook.mapping import bring, place_of
from ctiroute.connectors.webhook.mapping.path import MAX_ITEMS
from ctiroute.model import Identifier, InteractionStatus, Medium, TouchStatus
from tests.unit.connectors.webhook.mappings import HOW, LEAST, NOW, through

KIND = """\
  - name: message
    when: {event: [new, 1], deleted: {not: true}}
    interaction:
      id: chat
      medium: {path: channel, values: {tg: telegram}, otherwise: chat, default: web}
      from: {phone: phone, visitor: who}
      customer: account
      name: {join: [first, last], max: 12}
      topic: topic
      title: {first: [subject, topic], default: (none)}
      status: {path: state, values: {done: closed}, otherwise: open}
      outcome: result
      owner: agent
      language: locale
      form: {"*": fields, extra: more}
      message: {id: id, at: at, text: text}
"""
WHOLE = {
    "event": "new",
    "chat": 7,
    "channel": "tg",
    "phone": "067 123 45 67",
    "who": "v-1",
    "account": "C-1",
    "first": "Olena",
    "last": "Kovalenko",
    "topic": "credit",
    "state": "done",
    "result": "sold",
    "agent": "op-1",
    "locale": "uk_UA",
    "fields": {"city": "Kyiv", "income": "", "n": 5, "deep": {"no": 1}, "list": ["a", 2]},
    "more": True,
    "id": 12,
    "at": 1763800200,
    "text": "Hello\r\nthere",
}


def test_every_field_is_filled() -> None:
    """As the model has them."""
    (intake,) = through(KIND, WHOLE).intakes
    assert (intake.source, intake.external_id, intake.event_id, intake.medium) == ("test", "7", "12", Medium.TELEGRAM)
    assert intake.identifiers == (Identifier("phone", "+380671234567"), Identifier("visitor", "v-1"))
    assert (intake.customer_id, intake.name, intake.topic, intake.title) == ("C-1", "Olena Kovale", "credit", "credit")
    assert (intake.status, intake.outcome, intake.owner, intake.language) == (InteractionStatus.CLOSED, "sold", "op-1", "uk-UA")
    assert intake.form == {"city": "Kyiv", "income": "", "n": "5", "list": "a, 2", "extra": "true"}
    assert intake.event is not None
    assert (intake.event.text, intake.event.at, intake.at) == ("Hello\nthere", *[datetime(2025, 11, 22, 8, 30, tzinfo=UTC)] * 2)


@pytest.mark.parametrize(
    ("changed", "matches"),
    [({"event": 1}, True), ({"event": "1"}, True), ({"event": True}, False), ({"event": None}, False), ({"deleted": True}, False)],
)
def test_which_kind_of_message_it_is(changed: dict[str, object], matches: bool) -> None:
    """By conditions on the payload, whose values compare as text."""
    assert bool(through(KIND, {**WHOLE, **changed}).intakes) is matches


def test_what_is_wrong_in_a_part_leaves_the_rest() -> None:
    """A number that is none, a time in the future: a note each."""
    brought = through(KIND, {**WHOLE, "phone": "call me", "at": NOW.timestamp() + 3600})
    (intake,) = brought.intakes
    assert intake.identifiers == (Identifier("visitor", "v-1"),)
    assert intake.at == NOW
    assert [note.split(": ")[1] for note in brought.notes] == ["from.phone", "message.at"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"chat": None}, "interaction.id: nothing is there"),
        ({"chat": {"id": 1}}, "interaction.id: nothing is there"),
        ({"phone": "x", "who": "", "account": None}, "interaction.from: nobody is named"),
    ],
)
def test_what_is_of_no_use_is_refused(changed: dict[str, object], said: str) -> None:
    """With the reason, and without taking others along."""
    brought = through(KIND, {**WHOLE, **changed})
    assert not brought
    assert said in brought.refused[0]


def test_what_has_neither_id_nor_time_is_known_again_by_its_content() -> None:
    """Sent again, it would have another time of arrival."""
    payload = {"chat": 1, "who": "v"}
    (first,), (again,), (other,) = (through(LEAST, one).intakes for one in (payload, payload, {**payload, "text": "x"}))
    assert first.event_id == again.event_id != other.event_id
    assert first.event_id.startswith("content:")


def test_ids_that_are_too_long_stay_unique() -> None:
    """Cut to what a store indexes, with a digest for the rest."""
    ids = [through(LEAST, {"chat": "x" * 300 + end, "who": "v"}).intakes[0].external_id for end in "ab"]
    assert len(set(ids)) == 2
    assert all(len(one) <= 200 for one in ids)


def test_a_batch_is_bounded() -> None:
    """Whatever is beyond is refused, and said."""
    kind = LEAST.replace("    interaction:", "    each: items[*]\n    interaction:")
    brought = through(kind, {"items": [{"chat": n, "who": "v"} for n in range(MAX_ITEMS + 5)]})
    assert len(brought.intakes) == MAX_ITEMS
    assert "the others are left out" in brought.refused[0]


def test_an_unsigned_source_vouches_for_nobody() -> None:
    """Whatever its mapping says: anybody may have sent it."""
    assert not through(LEAST + "      verified: true\n", {"chat": 1, "who": "v"}).intakes[0].verified


def test_receipts_and_touches() -> None:
    """By the touch's own id, or by campaign and the sender's; a touch with its terms."""
    kinds = """\
  - name: receipt
    when: {kind: dlr}
    receipt: {campaign: $query.campaign, id: id, status: status, at: at}
  - name: touch
    when: {kind: sent}
    touch:
      campaign: {text: "a:b"}
      id: id
      to: {phone: to, email: mail}
      medium: {text: sms}
      sent_at: at
      title: title
      fields: {amount: sum}
"""
    brought = through(kinds, {"kind": "dlr", "id": "m-1", "status": "delivered", "at": "2026-03-02T08:59:00Z"}, query={"campaign": "c"})
    (receipt,) = brought.receipts
    assert (receipt.touch_id, receipt.status, NOW - receipt.at) == ("c:m-1", TouchStatus.DELIVERED, timedelta(minutes=1))
    (touch,) = through(kinds, {"kind": "sent", "id": 5, "mail": "O@x.ua", "title": "Offer", "sum": 24000}).touches
    assert (touch.campaign, touch.identifier, touch.medium) == ("a:b", Identifier("email", "o@x.ua"), Medium.SMS)
    assert (touch.offer.title, touch.offer.fields, touch.sent_at) == ("Offer", {"amount": "24000"}, NOW)
    for payload, said in (
        ({"kind": "dlr", "id": "m-1", "status": "delivered"}, "receipt.campaign"),
        ({"kind": "sent", "id": 5}, "touch.to: nobody"),
        ({"kind": "sent", "id": 5, "to": "x"}, "touch.to.phone"),
        ({"kind": "sent"}, "touch.id"),
    ):
        assert said in through(kinds, payload).refused[0]


_LEAF = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(max_size=20),
    st.just("message_created"),
    st.just("private"),
)
_NAMES = st.sampled_from(
    ["message", "from", "chat", "type", "id", "event", "entry", "changes", "value", "messages", "fields", "ticket", "x"]
)
_TREE = st.recursive(_LEAF, lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(_NAMES, inner, max_size=6)), max_leaves=30)


@pytest.mark.parametrize("name", ready_names())
@given(payload=_TREE)
def test_no_payload_breaks_a_shipped_mapping(name: str, payload: object) -> None:
    """Nor leaves anything that the store would not take: texts are bounded, times are aware."""
    brought = bring(read_mapping(name), name, place_of(payload, {}, {"campaign": "c"}), HOW)
    for intake in brought.intakes:
        assert intake.external_id
        assert intake.at.tzinfo is not None
        assert len(json.dumps(intake.form)) < 300_000
