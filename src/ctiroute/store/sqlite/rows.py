"""Rows <-> values. Knows the columns' order in `sql/`; never runs a statement.

This is on the call path, so enumerations are looked up in dictionaries (a tenth of the price of calling the class).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from ctiroute.model import (
    ApiKey,
    CallRecord,
    Customer,
    Identifier,
    Interaction,
    InteractionEvent,
    InteractionStatus,
    Medium,
    MissedCall,
    NodeRules,
    OfferTerms,
    Operator,
    Outcome,
    PastCall,
    Role,
    RulesVersion,
    Scope,
    Status,
    Touch,
    TouchStatus,
    WrapUp,
)
from ctiroute.store import rules_rows
from ctiroute.store.touch_rows import to_json, to_microseconds

if TYPE_CHECKING:
    from collections.abc import Iterable

Row = tuple[Any, ...]

MAX_EVENTS = 5  # of one interaction are kept, the newest; a screen shows three

_MEDIA = {member.value: member for member in Medium}
_TOUCH_STATUSES = {member.value: member for member in TouchStatus}
_INTERACTION_STATUSES = {member.value: member for member in InteractionStatus}
_STATUSES = {member.value: member for member in Status}
_OUTCOMES = {member.value: member for member in Outcome}
_decode_map = msgspec.json.Decoder(dict[str, str]).decode
_decode_events = msgspec.json.Decoder(tuple[tuple[int, str, str], ...]).decode
_decode_texts = msgspec.json.Decoder(tuple[str, ...]).decode
_from_timestamp = datetime.fromtimestamp  # half the price of adding a timedelta
_encode = msgspec.json.Encoder().encode


def from_microseconds(value: int) -> datetime:
    """Return the aware UTC time. Exact until 2242, where a float has less than two digits behind the microsecond."""
    return _from_timestamp(value / 1e6, UTC)


def _to_time(at: datetime | None) -> int | None:
    return None if at is None else to_microseconds(at)


def _from_time(value: int | None) -> datetime | None:
    return None if value is None else from_microseconds(value)


def _from_json(text: str) -> dict[str, str]:
    return {} if text == "{}" else _decode_map(text)


def identifier_values(identifier: Identifier) -> Row:
    """Return an identifier as (kind, value)."""
    return identifier.kind, identifier.value


def identifier_of(kind: str, value: str) -> Identifier:
    """Return an identifier."""
    return Identifier(kind, value)


# --- customers


def customer_values(customer: Customer) -> Row:
    """Return a customer for `put_customer`."""
    return customer.customer_id, customer.name, customer.language, to_json(customer.attributes)


def customer_of(customer_id: str, name: str, language: str | None, attributes: str, identifiers: Iterable[Identifier]) -> Customer:
    """Return a customer."""
    return Customer(customer_id, name, language, _from_json(attributes), tuple(identifiers))


# --- touches


def touch_of(row: Row, identifier: Identifier) -> Touch:
    """Return a touch from a row of `find_touches`."""
    touch_id, campaign, campaign_title, medium, sent_at, status, title, text, terms, fields, *later = row
    delivered_at, customer_id, read_at, clicked_at = later
    return Touch(
        touch_id,
        campaign,
        campaign_title,
        _MEDIA[medium],
        identifier,
        _from_timestamp(sent_at / 1e6, UTC),
        _TOUCH_STATUSES[status],
        OfferTerms(title, text, terms, {} if fields == "{}" else _decode_map(fields)),
        None if delivered_at is None else _from_timestamp(delivered_at / 1e6, UTC),
        customer_id,
        None if read_at is None else _from_timestamp(read_at / 1e6, UTC),
        None if clicked_at is None else _from_timestamp(clicked_at / 1e6, UTC),
    )


# --- interactions


def interaction_values(interaction: Interaction, clocks: str = "") -> Row:
    """Return an interaction for `put_interaction`; `clocks` say when each thing was told, "": it comes whole."""
    identifier = interaction.identifier
    return (
        interaction.interaction_id,
        interaction.customer_id,
        int(interaction.status is InteractionStatus.CLOSED),
        to_microseconds(interaction.updated_at),
        interaction.medium.value,
        interaction.topic,
        interaction.title,
        interaction.status.value,
        to_microseconds(interaction.opened_at),
        interaction.owner,
        interaction.outcome,
        to_json(interaction.form),
        _encode([(to_microseconds(event.at), event.kind, event.text) for event in interaction.events[:MAX_EVENTS]]).decode(),
        interaction.source,
        interaction.external_id,
        interaction.revision,
        _encode(interaction.flags).decode() if interaction.flags else "[]",
        clocks,
        identifier and identifier.kind,
        identifier and identifier.value,
    )


def interaction_of(row: Row) -> Interaction:
    """Return an interaction from a row of `find_interactions_*`."""
    interaction_id, customer_id, medium, topic, title, status, opened_at, updated_at, owner, outcome, form, events, kind, value, *more = row
    source, external_id, revision, flags = more
    return Interaction(
        interaction_id,
        customer_id,
        _MEDIA[medium],
        topic,
        title,
        _INTERACTION_STATUSES[status],
        _from_timestamp(opened_at / 1e6, UTC),
        _from_timestamp(updated_at / 1e6, UTC),
        owner,
        outcome,
        {} if form == "{}" else _decode_map(form),
        () if events == "[]" else tuple([InteractionEvent(from_microseconds(at), kind, text) for at, kind, text in _decode_events(events)]),
        None if kind is None else Identifier(kind, value),
        source,
        external_id,
        revision,
        () if flags == "[]" else _decode_texts(flags),
    )


# --- calls


def past_call_of(row: Row) -> PastCall:
    """Return a past call from a row of `find_calls`."""
    call_id, received_at, outcome, *rest = row
    return PastCall(call_id, from_microseconds(received_at), None if outcome is None else _OUTCOMES[outcome], *rest)


def call_values(record: CallRecord) -> Row:
    """Return a call for `put_call`."""
    return (
        record.call_id,
        record.pbx,
        record.caller_phone,
        record.caller_raw,
        record.dialed,
        _to_time(record.received_at),
        record.status and record.status.value,
        record.rule,
        record.queue,
        record.customer_id,
        record.touch_id,
        record.interaction_id,
        record.operator_id,
        record.decision_ms,
        record.outcome and record.outcome.value,
        _to_time(record.answered_at),
        _to_time(record.ended_at),
        record.snapshot,
    )


def call_of(row: Row) -> CallRecord:
    """Return a call from a row of `get_call`. By position, in the order of the fields: a replay reads hundreds of thousands."""
    call_id, pbx, phone, raw, dialed, received, status = row[:7]
    rule, queue, customer_id, touch_id, interaction_id, operator_id, decision_ms, outcome, answered, ended, snapshot = row[7:]
    return CallRecord(
        call_id,
        pbx,
        phone,
        raw,
        dialed,
        None if received is None else _from_timestamp(received / 1e6, UTC),
        None if status is None else _STATUSES[status],
        rule,
        queue,
        customer_id,
        touch_id,
        interaction_id,
        operator_id,
        decision_ms,
        None if outcome is None else _OUTCOMES[outcome],
        None if answered is None else _from_timestamp(answered / 1e6, UTC),
        None if ended is None else _from_timestamp(ended / 1e6, UTC),
        snapshot,
    )


def missed_values(missed: MissedCall) -> Row:
    """Return a missed call for `put_missed`."""
    return (
        missed.pop_id,
        missed.operator_id,
        missed.call_id,
        missed.caller_number,
        missed.caller_name,
        missed.headline,
        to_microseconds(missed.offered_at),
        missed.rang_s,
    )


def missed_of(row: Row) -> MissedCall:
    """Return a missed call from a row of `missed_since`."""
    pop_id, operator_id, call_id, caller_number, caller_name, headline, offered_at, rang_s = row
    return MissedCall(pop_id, operator_id, call_id, caller_number, caller_name, headline, from_microseconds(offered_at), rang_s)


def wrap_up_values(wrap_up: WrapUp) -> Row:
    """Return a wrap-up for `put_wrap_up`."""
    return wrap_up.call_id, wrap_up.operator_id, wrap_up.note, wrap_up.code, to_microseconds(wrap_up.noted_at)


# --- operators


def operator_values(operator: Operator, password_hash: str | None) -> Row:
    """Return an operator for `put_operator`."""
    return (
        operator.operator_id,
        operator.name,
        _encode(operator.interfaces).decode(),
        operator.extension,
        operator.member_name,
        operator.language,
        operator.role.value,
        operator.team,
        password_hash,
    )


def operator_of(row: Row) -> Operator:
    """Return an operator from a row of `get_operators`."""
    operator_id, name, interfaces, extension, member_name, language, role, team = row
    return Operator(operator_id, name, _decode_texts(interfaces), extension, member_name, language, Role(role), team)


# --- API keys


def api_key_values(key: ApiKey, secret_hash: bytes) -> Row:
    """Return a key for `put_api_key`."""
    return (
        key.key_id,
        key.name,
        _encode(sorted(key.scopes)).decode(),
        to_microseconds(key.created_at),
        _to_time(key.expires_at),
        _to_time(key.revoked_at),
        _to_time(key.last_used_at),
        secret_hash,
    )


def api_key_of(row: Row) -> ApiKey:
    """Return a key."""
    key_id, name, scopes, created_at, expires_at, revoked_at, last_used_at, _ = row
    return ApiKey(
        key_id,
        name,
        frozenset(map(Scope, _decode_texts(scopes))),
        from_microseconds(created_at),
        _from_time(expires_at),
        _from_time(revoked_at),
        _from_time(last_used_at),
    )


def rules_version_values(used: RulesVersion) -> Row:
    """Return a use of rules for `put_rules_version`."""
    at = to_microseconds(used.used_at)
    return rules_rows.use_id(used), used.version, at, used.who, used.how, used.node, rules_rows.pack(used.files), used.how == "start"


def rules_version_of(row: Row) -> RulesVersion:
    """Return a use of rules, with its files where the row has them."""
    version, used_at, who, how, node = row[:5]
    return RulesVersion(version, from_microseconds(used_at), who, how, node, rules_rows.unpack(row[5]) if len(row) > 5 else {})  # noqa: PLR2004


def node_rules_of(row: Row) -> NodeRules:
    """Return which rules a node uses."""
    node, version, since, seen_at = row
    return NodeRules(node, version, from_microseconds(since), from_microseconds(seen_at))
