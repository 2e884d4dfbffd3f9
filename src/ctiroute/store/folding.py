"""What an interaction becomes by what is told of it: the same, whatever the order of telling and however often. Pure; knows no back end.

Everything is either the latest that was told of it (status, owner, title, each field of the form), the earliest (medium, who wrote), or a
bounded set (events, flags). Each is kept with the time it was told at, so a late telling changes only what nothing newer was told of.
Of two tellings of one moment the greater value counts: arbitrary, and the same everywhere.

Clocks disagree. A time ahead of ours would win against everything that comes after it, so it is taken for the time of its arrival. One
that is behind is believed: it may as well be late.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import TYPE_CHECKING

import msgspec

from ctiroute.model import Claim, Identifier, Intake, Interaction, InteractionEvent, InteractionStatus
from ctiroute.store.touch_rows import to_microseconds

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_EVENTS = 5  # with the interaction itself, the newest: a screen shows three
MAX_KEPT = 200  # of one interaction, the newest; an older one that is told again is not news
MAX_FIELDS = 100  # of a form, those told last
MAX_FLAGS = 20
MAX_NAME = 200  # characters of a title, a topic, an owner, the name of a field
MAX_TEXT = 4000  # characters of a message, the value of a field; what is longer is cut
MAX_ID = 300  # characters of a conversation's name; a longer one is told apart by its digest
AHEAD = timedelta(seconds=60)  # clocks of two machines that are kept in time are nearer than this

SPOKEN = frozenset({"message", "form"})  # kinds of event that are the customer's own words: they reopen what was closed

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RANKS = {InteractionStatus.OPEN: 0, InteractionStatus.WAITING: 1, InteractionStatus.CLOSED: 2}  # of two told of one moment
_encode = msgspec.json.Encoder(order="sorted").encode


class Clocks(msgspec.Struct, omit_defaults=True):
    """When each thing was told, in microseconds, and what is hidden now and may show again."""

    status: tuple[int, InteractionStatus] | None = None  # as told; it may have been reopened since
    outcome: tuple[int, str] | None = None  # as told; it shows while the interaction is closed
    spoke: int | None = None  # the customer's last words that came without a status
    title: int | None = None
    topic: int | None = None
    owner: int | None = None
    customer: int | None = None
    medium: int | None = None  # of the earliest
    identifier: int | None = None  # of the earliest
    form: dict[str, int] = {}


@dataclass(frozen=True, slots=True)
class EventRow:
    """One thing that was told, so that it is known when it is told again."""

    key: bytes
    at: int  # microseconds
    kind: str  # "": nothing to show
    text: str

    @property
    def place(self) -> tuple[int, bytes]:
        """Where it stands in time."""
        return self.at, self.key


@dataclass(frozen=True, slots=True)
class Known:
    """An interaction with what is needed to take in more of it."""

    interaction: Interaction
    clocks: Clocks
    kept: Mapping[bytes, int] = field(default_factory=dict)  # event key -> at; those in the store, and those to be added
    added: tuple[EventRow, ...] = ()  # since it was read
    dropped: frozenset[bytes] = frozenset()  # since it was read


def interaction_id_of(source: str, external_id: str) -> str:
    """Return the id of the conversation a source calls so: the same on every node, and telling nothing of anybody."""
    return "i-" + blake2b(_encode((source, external_id)), digest_size=16).hexdigest()


def cleaned(intake: Intake) -> Intake:
    """Return an intake whose texts any store can keep, within bounds; a conversation without a name is one of its own."""
    event = intake.event
    return replace(
        intake,
        source=_cut(intake.source, MAX_NAME),
        external_id=name_of(intake.external_id) or event_key(intake).hex(),
        customer_id=None if not intake.customer_id else _cut(intake.customer_id, MAX_NAME),
        name=_cut(intake.name, MAX_NAME),
        topic=_cut(intake.topic, MAX_NAME),
        title=_cut(intake.title, MAX_NAME),
        outcome=_cut(intake.outcome, MAX_NAME),
        owner=None if not intake.owner else _cut(intake.owner, MAX_NAME),
        form={_cut(name, MAX_NAME): _cut(value, MAX_TEXT) for name, value in intake.form.items()},
        event=None if event is None else replace(event, kind=_cut(event.kind, MAX_NAME), text=_cut(event.text, MAX_TEXT)),
        flags=tuple(_cut(flag, MAX_NAME) for flag in intake.flags),
    )


def name_of(external_id: str) -> str:
    """Return a conversation's name as it is kept."""
    whole = _cut(external_id, len(external_id))
    if len(whole) <= MAX_ID:
        return whole
    return f"{whole[:MAX_ID]}#{blake2b(whole.encode(), digest_size=16).hexdigest()}"


def event_key(intake: Intake) -> bytes:
    """Return by what a telling is known again: its name, or else its time and content."""
    named: object = intake.event_id
    if not intake.event_id:
        event = intake.event
        named = (
            (intake.at.timestamp(), intake.status, intake.outcome, intake.owner, intake.title, intake.topic),
            sorted(intake.form.items()),
            None if event is None else (event.kind, event.text),
        )
    return blake2b(repr(named).encode(errors="backslashreplace"), digest_size=16).digest()


def fold(known: Known | None, intake: Intake, now: datetime, *, interaction_id: str = "") -> Known:
    """Return the interaction with one more telling of it; the very same object when that brought nothing new.

    `intake` is `cleaned`; `interaction_id` names it when it is not known yet; `now` is our own time, aware.
    """
    at = to_microseconds(_believed(intake.at, now))
    if known is None:
        known = _first(intake, interaction_id, at)
    else:
        known = _with_seeds(known)
        if event_key(intake) in known.kept:
            return known
    return _told(known, intake, at, event_key(intake))


def amend(known: Known, intake: Intake, now: datetime) -> Known:
    """Do as `fold` with what somebody tells who has seen this state of it: that is newer than all he saw, whatever clocks say."""
    known = _with_seeds(known)
    if intake.event_id and event_key(intake) in known.kept:
        return known
    clocks = known.clocks
    seen = [clocks.form.get(name) for name in intake.form]
    if intake.status is not None:
        seen += [clocks.status and clocks.status[0], clocks.spoke]
    seen += [clocks.outcome and clocks.outcome[0]] if intake.outcome else []
    seen += [getattr(clocks, name) for name in ("title", "topic", "owner") if getattr(intake, name)]
    at = max(to_microseconds(_believed(intake.at, now)), *(1 + each for each in seen if each is not None), 0)
    return _told(known, intake, at, event_key(replace(intake, at=_EPOCH + timedelta(microseconds=at))))


def owned(known: Known, customer_id: str | None) -> Known:
    """Return an interaction as that of the customer to whom its identifiers lead, unless its source has named one."""
    interaction = known.interaction
    if customer_id is None or interaction.customer_id is not None:
        return known
    return replace(known, interaction=replace(interaction, customer_id=customer_id))


def claim_of(intake: Intake) -> Claim:
    """Return what a source says by telling identifiers together: that they are one person's, and whether it has made sure."""
    return Claim(intake.source, intake.at if intake.verified else None, intake.at)


def to_json(clocks: Clocks) -> str:
    """Return clocks as they are kept."""
    return _encode(clocks).decode()


def derived(interaction: Interaction) -> Clocks:
    """Return the clocks of an interaction that came whole: everything was told at its last event."""
    at, first = to_microseconds(interaction.updated_at), to_microseconds(interaction.opened_at)
    return Clocks(
        status=(at, interaction.status),
        outcome=(at, interaction.outcome) if interaction.outcome else None,
        title=at if interaction.title else None,
        topic=at if interaction.topic else None,
        owner=at if interaction.owner else None,
        customer=at if interaction.customer_id else None,
        medium=first,
        identifier=None if interaction.identifier is None else first,
        form=dict.fromkeys(interaction.form, at),
    )


def _first(intake: Intake, interaction_id: str, at: int) -> Known:
    moment = _EPOCH + timedelta(microseconds=at)
    return Known(
        Interaction(
            interaction_id=interaction_id,
            customer_id=None,
            medium=intake.medium,
            topic="",
            title="",
            status=InteractionStatus.OPEN,
            opened_at=moment,
            updated_at=moment,
            source=intake.source,
            external_id=intake.external_id,
            revision=0,
        ),
        Clocks(medium=at),
    )


def _with_seeds(known: Known) -> Known:
    """Make rows of the events of an interaction that came whole."""
    if known.kept or not known.interaction.events:
        return known
    rows = [_row(event) for event in known.interaction.events]
    return replace(known, kept={row.key: row.at for row in rows}, added=tuple(rows))


def _row(event: InteractionEvent) -> EventRow:
    at = to_microseconds(event.at)
    return EventRow(
        blake2b(repr((at, event.kind, event.text)).encode(errors="backslashreplace"), digest_size=16).digest(), at, event.kind, event.text
    )


def _told(known: Known, intake: Intake, at: int, key: bytes) -> Known:
    before, clocks = known.interaction, msgspec.structs.replace(known.clocks, form=dict(known.clocks.form))
    values = _latest(before, clocks, intake, at)
    moment = _EPOCH + timedelta(microseconds=at)
    _advance(clocks, intake, at)
    event = intake.event
    events = before.events
    if event is not None:
        at_event = EventRow(key, at, event.kind, event.text)
        events = _newest((*events, InteractionEvent(moment, event.kind, event.text)))
    else:
        at_event = EventRow(key, at, "", "")
    known, is_kept = _keep(known, at_event)
    status, outcome = _standing(clocks)
    after = replace(
        before,
        **values,  # type: ignore[arg-type] # built from names
        status=status,
        outcome=outcome,
        opened_at=min(before.opened_at, moment),
        updated_at=max(before.updated_at, moment),
        events=events if is_kept else before.events,
        flags=tuple(sorted({*before.flags, *intake.flags})[:MAX_FLAGS]) if intake.flags else before.flags,
    )
    if after == before and not is_kept and before.revision:
        return replace(known, clocks=clocks)
    return replace(known, interaction=replace(after, revision=before.revision + 1), clocks=clocks)


def _latest(before: Interaction, clocks: Clocks, intake: Intake, at: int) -> dict[str, object]:
    """Return what is the latest (or the earliest) of everything but the status, and note when it was told."""
    values: dict[str, object] = {}
    for name in ("title", "topic", "owner"):
        told, was = getattr(intake, name), getattr(clocks, name)
        if told and (was is None or (at, told) > (was, getattr(before, name))):
            values[name] = told
            setattr(clocks, name, at)
    if intake.customer_id and (clocks.customer is None or (at, intake.customer_id) > (clocks.customer, before.customer_id or "")):
        values["customer_id"], clocks.customer = intake.customer_id, at
    if clocks.medium is None or (at, intake.medium) < (clocks.medium, before.medium):
        values["medium"], clocks.medium = intake.medium, at
    if intake.identifiers:
        wrote, was = _who(intake.identifiers), before.identifier
        if was is None or clocks.identifier is None or (at, wrote) < (clocks.identifier, was):
            values["identifier"], clocks.identifier = wrote, at
    if intake.form:
        values["form"] = _form(before.form, clocks, intake.form, at)
    return values


def _advance(clocks: Clocks, intake: Intake, at: int) -> None:
    """Note what was told of where the interaction stands."""
    if intake.status is not None and (clocks.status is None or _in_time((at, intake.status)) > _in_time(clocks.status)):
        clocks.status = (at, intake.status)
    if intake.outcome and (clocks.outcome is None or (at, intake.outcome) > clocks.outcome):
        clocks.outcome = (at, intake.outcome)
    if intake.event is not None and intake.status is None and intake.event.kind in SPOKEN:
        clocks.spoke = max(at, clocks.spoke or at)


def _form(before: Mapping[str, str], clocks: Clocks, told: Mapping[str, str], at: int) -> Mapping[str, str]:
    form = dict(before)
    for name, value in told.items():
        was = clocks.form.get(name)
        if was is None or (at, value) > (was, form.get(name, "")):
            form[name], clocks.form[name] = value, at
    if len(form) > MAX_FIELDS:
        last = sorted(form, key=lambda name: (clocks.form.get(name, 0), name), reverse=True)[:MAX_FIELDS]
        form = {name: value for name, value in form.items() if name in set(last)}
        clocks.form = {name: clocks.form[name] for name in form if name in clocks.form}
    return form


def _in_time(told: tuple[int, InteractionStatus]) -> tuple[int, int]:
    return told[0], _RANKS[told[1]]


def _standing(clocks: Clocks) -> tuple[InteractionStatus, str]:
    """Return the status and the outcome: what was closed, or was the customer's move, is open again once he has spoken after it."""
    if clocks.status is None:
        return InteractionStatus.OPEN, ""
    at, status = clocks.status
    if status is not InteractionStatus.OPEN and clocks.spoke is not None and clocks.spoke > at:
        status = InteractionStatus.OPEN
    return status, clocks.outcome[1] if status is InteractionStatus.CLOSED and clocks.outcome is not None else ""


def _keep(known: Known, row: EventRow) -> tuple[Known, bool]:
    """Keep a row among the newest `MAX_KEPT`; False: it is older than all of them."""
    kept = {**known.kept, row.key: row.at}
    if len(kept) <= MAX_KEPT:
        return replace(known, kept=kept, added=(*known.added, row)), True
    oldest = min(kept, key=lambda key: (kept[key], key))
    del kept[oldest]
    if oldest == row.key:
        return known, False
    added = tuple(each for each in (*known.added, row) if each.key != oldest)
    return replace(known, kept=kept, added=added, dropped=known.dropped | {oldest}), True


def _newest(events: Iterable[InteractionEvent]) -> tuple[InteractionEvent, ...]:
    return tuple(sorted(events, key=lambda event: (event.at, event.kind, event.text), reverse=True)[:MAX_EVENTS])


def _who(identifiers: Iterable[Identifier]) -> Identifier:
    return next(iter(identifiers))


def _believed(at: datetime, now: datetime) -> datetime:
    if at.tzinfo is None:
        raise TypeError(f"a time without its offset: {at}")
    return now if at > now + AHEAD else max(at, _EPOCH)


def _cut(text: str, limit: int) -> str:
    """Return a text within its bound, without halves of surrogate pairs: no database keeps those."""
    text = text if text.isascii() else text.encode(errors="replace").decode()
    return text if len(text) <= limit else text[: limit - 1] + "…"
