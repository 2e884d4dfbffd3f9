"""`interaction:` of a mapping: what a payload tells of one conversation -> `Intake`."""

from __future__ import annotations

from collections.abc import Mapping as Map
from dataclasses import dataclass
from math import nan
from typing import TYPE_CHECKING

from ctiroute.connectors.webhook.mapping.conditions import Condition, all_hold, read_conditions
from ctiroute.connectors.webhook.mapping.conversions import Reading, one_line, tidy
from ctiroute.connectors.webhook.mapping.path import Path, Place, read_path
from ctiroute.connectors.webhook.mapping.sharing import MAX_LINE, Useless, fingerprint, id_of, moment, short
from ctiroute.connectors.webhook.mapping.value import Value, joined, read_value
from ctiroute.connectors.webhook.mapping.words import one_of
from ctiroute.documents import Mapping, Node, Scalar, boolean, fields, mapping_of, matching, refuse
from ctiroute.model import Identifier, InteractionEvent, InteractionStatus, Medium
from ctiroute.model.identifying import parse_identifier, parse_kind
from ctiroute.model.intake import Intake

if TYPE_CHECKING:
    from datetime import datetime

MAX_TEXT = 4000  # of a message
MAX_FIELDS = 100  # of a form
MAX_FIELD_NAME = 80
MAX_FIELD = 1000
ALL_FIELDS = "*"  # key of a form whose fields are taken as they come

_kind_word = matching(r"[a-z][a-z0-9_-]{0,31}", "a word of small letters, digits, - and _", "such as message, form, note")


@dataclass(frozen=True, slots=True)
class Message:
    """What of the payload is shown in the timeline."""

    kind: str
    text: Value
    id: Value | None
    at: Value | None


@dataclass(frozen=True, slots=True)
class InteractionShape:
    """How a payload becomes an `Intake`. Made by `read_interaction`."""

    id: Value
    medium: Value
    identifiers: Map[str, Value]
    verified: bool | tuple[Condition, ...]
    values: Map[str, Value]  # the plain ones, by the names of `PLAIN`
    form: Map[str, Value]
    all_fields: Path | None
    message: Message | None
    at: Value | None

    def make(self, place: Place, how: Reading, source: str, notes: list[str], *, signed: bool) -> Intake:
        """Return what is told. `notes` takes what was left out. Raises `Useless`."""
        external_id = id_of(self.id.of(place, how))
        if not external_id:
            raise Useless("interaction.id: nothing is there")
        identifiers = tuple(_identifiers(self.identifiers, place, how, notes))
        values = {name: value.of(place, how) or "" for name, value in self.values.items()}
        if not identifiers and not values.get("customer"):
            raise Useless("interaction.from: nobody is named")
        medium = self.medium.of(place, how)
        if medium not in set(Medium):
            raise Useless(f"interaction.medium: {medium or 'nothing'} is no medium")
        at, believed = moment(self.at, place, how, "interaction.at", notes)
        event, event_id, told_at = self._event(place, how, at, notes)
        if not event_id and not (believed or told_at):
            event_id = fingerprint(place)  # sent again, it would have another time, and could not be known again
        status = values.get("status", "")
        if status and status not in set(InteractionStatus):
            notes.append(f"interaction.status: {status!r} is no status; left as it is")
            status = ""
        return Intake(
            source=source,
            external_id=external_id,
            at=event.at if event is not None else at,
            medium=Medium(medium),
            event_id=event_id,
            identifiers=identifiers,
            verified=signed and (self.verified if isinstance(self.verified, bool) else all_hold(self.verified, place)),
            customer_id=id_of(values.get("customer")) or None,
            name=one_line(values.get("name", ""), MAX_LINE),
            topic=one_line(values.get("topic", ""), MAX_LINE),
            title=one_line(values.get("title", ""), MAX_LINE),
            status=InteractionStatus(status) if status else None,
            outcome=one_line(values.get("outcome", ""), MAX_LINE),
            owner=id_of(values.get("owner")) or None,
            language=_language(values.get("language", "")),
            form=self._form(place, how, notes),
            event=event,
            sentiment=_sentiment(values.get("sentiment", ""), notes),
        )

    def _event(self, place: Place, how: Reading, at: datetime, notes: list[str]) -> tuple[InteractionEvent | None, str, bool]:
        """Return what to show, its id, and whether the source told its time."""
        if self.message is None:
            return None, "", False
        told_at, believed = (at, False) if self.message.at is None else moment(self.message.at, place, how, "message.at", notes)
        event_id = id_of(self.message.id.of(place, how)) if self.message.id is not None else ""
        written = tidy(self.message.text.of(place, how) or "", MAX_TEXT)
        return InteractionEvent(told_at, self.message.kind, written) if written else None, event_id, believed

    def _form(self, place: Place, how: Reading, notes: list[str]) -> dict[str, str]:
        taken: dict[str, str] = {}
        found = self.all_fields.find(place) if self.all_fields is not None else None
        if isinstance(found, dict):
            for name, inner in list(found.items())[:MAX_FIELDS]:
                value = joined(inner)
                if value is not None and (key := one_line(str(name), MAX_FIELD_NAME)):
                    taken[key] = tidy(value, MAX_FIELD)
            if len(found) > MAX_FIELDS:
                notes.append(f"interaction.form: {len(found)} fields, of which {MAX_FIELDS} are kept")
        for name, one in self.form.items():
            value = one.of(place, how)
            if value is None and one.given(place) == "":
                value = ""  # asked for, and not filled yet
            if value is not None:
                taken[name] = tidy(value, MAX_FIELD)
        return taken


PLAIN = ("name", "topic", "title", "status", "outcome", "owner", "language", "customer", "sentiment")


def read_interaction(node: Node) -> InteractionShape:
    """Return what a file says under `interaction`. Raises `ConfigurationError`."""
    with fields(node, "interaction") as f:
        external_id = f.require("id", read_value)
        medium = f.require("medium", one_of(*Medium))
        identifiers = f.get("from", mapping_of(read_value, key=_kind), {})
        verified = f.get("verified", _verified, False)
        values = {name: f.get(name, one_of(*InteractionStatus) if name == "status" else read_value, None) for name in PLAIN}
        form, all_fields = f.get("form", _form, ({}, None))
        message = f.get("message", _message, None)
        at = f.get("at", read_value, None)
        if not identifiers and values["customer"] is None and "from" not in f:
            f.wrong(node, "nobody is named", "write from: {phone: ..., email: ...}, or customer")
    kept = {name: value for name, value in values.items() if value is not None}
    return InteractionShape(external_id, medium, identifiers, verified, kept, form, all_fields, message, at)


def _message(node: Node) -> Message:
    with fields(node, "message") as f:
        kind = f.get("kind", _kind_word, "message")
        written = f.require("text", read_value)
        event_id = f.get("id", read_value, None)
        at = f.get("at", read_value, None)
    return Message(kind, written, event_id, at)


def _verified(node: Node) -> bool | tuple[Condition, ...]:
    return read_conditions(node) if isinstance(node, Mapping) else boolean(node)


def _form(node: Node) -> tuple[dict[str, Value], Path | None]:
    if not isinstance(node, Mapping):
        refuse(node, "expected a mapping of field to value", 'write {city: data.city}, or {"*": data} for all fields')
    everything = node.get(ALL_FIELDS)
    named = Mapping({key: entry for key, entry in node.entries.items() if key != ALL_FIELDS}, node.file, node.line, node.column)
    path = read_path(everything) if everything is not None else None
    return mapping_of(read_value, key=lambda key: one_line(key.text, MAX_FIELD_NAME), empty=True)(named), path


def _kind(key: Scalar) -> str:
    try:
        return parse_kind(key.text)
    except ValueError as error:
        refuse(key, str(error))


def _identifiers(wanted: Map[str, Value], place: Place, how: Reading, notes: list[str]) -> list[Identifier]:
    found: dict[Identifier, None] = {}
    for kind, value in wanted.items():
        written = value.of(place, how)
        if written is None:
            if value.given(place):
                notes.append(f"from.{kind}: {short(value.given(place) or '')} is of no use")
            continue
        try:
            found[parse_identifier(kind, written, how.region)] = None
        except ValueError as error:
            notes.append(f"from.{kind}: {short(written)} {error}")
    return list(found)


def _sentiment(value: str, notes: list[str]) -> float | None:
    """Return how the source rates a message."""
    if not value.strip():
        return None
    try:
        rated = float(value)
    except ValueError:
        rated = nan
    if not -1 <= rated <= 1:
        notes.append(f"interaction.sentiment: {short(value)} is no number from -1 to 1; left out")
        return None
    return rated


def _language(value: str) -> str | None:
    """Return a language code, of which some sources write `uk_UA`."""
    written = value.strip().replace("_", "-")[:35]
    return written if written and written.replace("-", "").isalnum() and written.isascii() else None
