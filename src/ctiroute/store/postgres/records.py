"""Rows <-> values of what is off the call path: records of calls, notes, operators, keys. Never runs a statement."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ctiroute.model import ApiKey, CallRecord, MissedCall, NodeRules, Operator, Outcome, Role, RulesVersion, Scope, Status, WrapUp
from ctiroute.store import rules_rows
from ctiroute.store.postgres.rows import from_optional, from_text, optional_time, to_optional, to_text, to_time

if TYPE_CHECKING:
    from ctiroute.store.postgres.rows import Row

_SCOPES = {member.value: member for member in Scope}
_decode_texts = msgspec.json.Decoder(tuple[str, ...]).decode
_encode = msgspec.json.Encoder().encode


def call_values(record: CallRecord, key: int | None) -> Row:
    """Return a call for `put_call`; `key` is that of the caller's phone."""
    return (
        to_text(record.call_id),
        to_text(record.pbx),
        key,
        optional_time(record.received_at),
        optional_time(record.answered_at),
        optional_time(record.ended_at),
        to_optional(record.caller_raw),
        to_optional(record.dialed),
        record.status and record.status.value,
        to_optional(record.rule),
        to_optional(record.queue),
        to_optional(record.customer_id),
        to_optional(record.touch_id),
        to_optional(record.interaction_id),
        to_optional(record.operator_id),
        record.decision_ms,
        record.outcome and record.outcome.value,
        record.snapshot,
    )


def call_of(row: Row) -> CallRecord:
    """Return a call from a row of `get_call`."""
    call_id, pbx, key, received_at, answered_at, ended_at, caller_raw, dialed, status, rule, queue, customer_id, touch_id = row[:13]
    interaction_id, operator_id, decision_ms, outcome, snapshot, phone = row[13:]
    return CallRecord(
        call_id=from_text(call_id),
        pbx=from_text(pbx),
        caller_phone=f"+{key}" if key is not None and key > 0 else from_optional(phone),
        caller_raw=from_optional(caller_raw),
        dialed=from_optional(dialed),
        received_at=received_at,
        status=None if status is None else Status(status),
        rule=from_optional(rule),
        queue=from_optional(queue),
        customer_id=from_optional(customer_id),
        touch_id=from_optional(touch_id),
        interaction_id=from_optional(interaction_id),
        operator_id=from_optional(operator_id),
        decision_ms=decision_ms,
        outcome=None if outcome is None else Outcome(outcome),
        answered_at=answered_at,
        ended_at=ended_at,
        snapshot=snapshot,
    )


def missed_values(missed: MissedCall) -> Row:
    """Return a missed call for `put_missed`."""
    texts = (missed.pop_id, missed.operator_id, missed.call_id, missed.caller_number, missed.caller_name, missed.headline)
    return (*map(to_text, texts), to_time(missed.offered_at), missed.rang_s)


def missed_of(row: Row) -> MissedCall:
    """Return a missed call from a row of `missed_since`."""
    pop_id, operator_id, call_id, caller_number, caller_name, headline = map(from_text, row[:6])
    return MissedCall(pop_id, operator_id, call_id, caller_number, caller_name, headline, row[6], row[7])


def wrap_up_values(wrap_up: WrapUp) -> Row:
    """Return a wrap-up for `put_wrap_up`."""
    return (*map(to_text, (wrap_up.call_id, wrap_up.operator_id, wrap_up.note, wrap_up.code)), to_time(wrap_up.noted_at))


# --- operators


def operator_values(operator: Operator, password_hash: str | None) -> Row:
    """Return an operator for `put_operator`."""
    return (
        to_text(operator.operator_id),
        to_text(operator.name),
        _encode(operator.interfaces).decode(),
        to_optional(operator.extension),
        to_optional(operator.member_name),
        to_text(operator.language),
        operator.role.value,
        to_text(operator.team),
        password_hash,
    )


def operator_of(row: Row) -> Operator:
    """Return an operator from a row of `get_operators`."""
    operator_id, name, interfaces, extension, member_name, language, role, team = row
    return Operator(
        from_text(operator_id),
        from_text(name),
        _decode_texts(interfaces),
        from_optional(extension),
        from_optional(member_name),
        from_text(language),
        Role(role),
        from_text(team),
    )


# --- API keys


def api_key_values(key: ApiKey, secret_hash: bytes) -> Row:
    """Return a key for `put_api_key`."""
    return (
        to_text(key.key_id),
        to_text(key.name),
        _encode(sorted(key.scopes)).decode(),
        to_time(key.created_at),
        optional_time(key.expires_at),
        optional_time(key.revoked_at),
        optional_time(key.last_used_at),
        secret_hash,
    )


def api_key_of(row: Row) -> tuple[ApiKey, bytes]:
    """Return a key and the hash of its secret from a row of `get_api_key`."""
    key_id, name, scopes, created_at, expires_at, revoked_at, last_used_at, secret_hash = row
    known = frozenset(_SCOPES[scope] for scope in _decode_texts(scopes) if scope in _SCOPES)
    return ApiKey(from_text(key_id), from_text(name), known, created_at, expires_at, revoked_at, last_used_at), secret_hash


# --- versions of the rules


def rules_version_values(used: RulesVersion) -> Row:
    """Return a use of rules for `put_rules_version`."""
    texts = map(to_text, (used.who, used.how, used.node))
    key = to_text(rules_rows.use_id(used))
    return key, to_text(used.version), to_time(used.used_at), *texts, rules_rows.pack(used.files), used.how == "start"


def rules_version_of(row: Row) -> RulesVersion:
    """Return a use of rules, with its files where the row has them."""
    version, used_at, who, how, node, *packed = row
    files = rules_rows.unpack(packed[0]) if packed else {}
    return RulesVersion(from_text(version), used_at, from_text(who), from_text(how), from_text(node), files)


def node_rules_of(row: Row) -> NodeRules:
    """Return which rules a node uses."""
    node, version, since, seen_at = row
    return NodeRules(from_text(node), from_text(version), since, seen_at)
