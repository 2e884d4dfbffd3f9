"""The JSON Schema of a mapping file, by which editors complete and check it. Draft-07, which yaml-language-server knows best.

What a schema cannot say (that a signed time has to be named where it stands) is for `load_mapping`, which is also the last word.
"""

from __future__ import annotations

from typing import Any

from ctiroute.connectors.webhook.mapping.conversions import CONVERSIONS
from ctiroute.connectors.webhook.mapping.interaction import PLAIN
from ctiroute.connectors.webhook.mapping.load import BODIES, MOST_BODY_KIB
from ctiroute.connectors.webhook.mapping.outreach import TEXTS
from ctiroute.connectors.webhook.mapping.path import MAX_PATH
from ctiroute.connectors.webhook.mapping.signature import ALGORITHMS, ENCODINGS
from ctiroute.connectors.webhook.mapping.value import MAX_VALUE

DIALECT = "http://json-schema.org/draft-07/schema#"
_TEXT: dict[str, Any] = {"type": ["string", "number"]}
_WORD: dict[str, Any] = {"type": ["string", "number", "boolean"]}
_VALUE: dict[str, Any] = {"$ref": "#/definitions/value"}
_PATH: dict[str, Any] = {"$ref": "#/definitions/path"}
_SPAN: dict[str, Any] = {"type": "string", "pattern": "^[0-9wdhms ]+$"}


def schema() -> dict[str, Any]:
    """Return the schema of one mapping file, ready for `json.dumps`."""
    return {
        "$schema": DIALECT,
        "title": "ctiroute mapping",
        "description": "What the messages of one vendor mean.",
        **_object(
            {
                "about": _told(_TEXT, "One line for people."),
                "signature": _told(
                    {"$ref": "#/definitions/signature"}, "How a request proves who sent it; the secret stands in the settings."
                ),
                "kinds": _told({"type": "array", "minItems": 1, "items": {"$ref": "#/definitions/kind"}}, "What is made of which message."),
                "body": _told(_one_or_list({"enum": list(BODIES)}), "How a body is written; json unless it says otherwise."),
                "timezone": _told({"type": "string"}, "Of times without an offset, such as Europe/Kyiv."),
                "max_body_kib": _told({"type": "integer", "minimum": 1, "maximum": MOST_BODY_KIB}, "A larger body is refused unread."),
                "challenge": _told(
                    _object({"token": _TEXT, "answer": _TEXT}, "token", "answer"), "A vendor's question at set-up, by names of parameters."
                ),
            },
            "about",
            "signature",
            "kinds",
        ),
        "definitions": {
            "path": {"type": ["string", "number"], "maxLength": MAX_PATH},
            "value": _value(),
            "conditions": {"type": "object", "additionalProperties": _condition()},
            "signature": _signature(),
            "kind": _kind(),
        },
    }


def _value() -> dict[str, Any]:
    several = {"type": "array", "minItems": 1, "items": _VALUE}
    return {
        "description": "A path; or a mapping with one source.",
        "if": {"type": "object"},
        "then": {
            **_object(
                {
                    "path": _told(_PATH, "Where it stands."),
                    "text": _told(_TEXT, "A constant."),
                    "first": _told(several, "The first of these that is there."),
                    "join": _told(several, "Those of these that are there."),
                    "with": _told({"type": "string"}, "What stands between joined values; a space unless it says otherwise."),
                    "as": _told(
                        _one_or_list({"enum": list(CONVERSIONS)}), "; ".join(f"{c.name}: {c.summary}" for c in CONVERSIONS.values())
                    ),
                    "values": _told(_free(_TEXT), "What stands there, and what is kept in its place."),
                    "otherwise": _told(_TEXT, "For what the table does not name."),
                    "default": _told(_TEXT, "When nothing is there."),
                    "max": _told({"type": "integer", "minimum": 1, "maximum": MAX_VALUE}, "Characters that are kept."),
                }
            ),
            "oneOf": [{"required": [source]} for source in ("path", "text", "first", "join")],
        },
        "else": _PATH,
    }


def _condition() -> dict[str, Any]:
    more = {"not": _one_or_list(_WORD), "present": {"type": "boolean"}, "starts": _TEXT, "same": _PATH}
    return {"if": {"type": "object"}, "then": {**_object(more), "minProperties": 1}, "else": _one_or_list(_WORD)}


def _signature() -> dict[str, Any]:
    token = _object({"header": _TEXT, "query": _TEXT, "value": _VALUE, "prefix": {"type": "string"}})
    keyed = {
        "hmac": _told({"enum": list(ALGORITHMS)}, "A keyed digest of what was sent."),
        "header": _told(_TEXT, "Where it stands."),
        "value": _told(_VALUE, "Where it stands, when that is no header."),
        "prefix": _told(_TEXT, "What stands before it: sha256=."),
        "encoding": _told({"enum": list(ENCODINGS)}, "hex unless it says otherwise."),
        "over": _told(
            {"type": "string"}, 'What is signed: "{body}" unless it says otherwise; {timestamp} and {nonce} may stand there, too.'
        ),
        "timestamp": _told(_VALUE, "Where the signed time stands."),
        "nonce": _told(_VALUE, "Where the signed nonce stands."),
        "tolerance": _told(_SPAN, "How far that time may be from ours; 5m unless it says otherwise."),
        "token": _told({**token, "minProperties": 1}, "The secret itself."),
        "basic": _told(_TEXT, "A user, whose password is the secret."),
    }
    one = {"oneOf": [{"required": [kind]} for kind in ("hmac", "token", "basic")]}
    return {"if": {"type": "object"}, "then": {**_object(keyed), **one}, "else": {"const": "none"}}


def _kind() -> dict[str, Any]:
    message = _object({"kind": _TEXT, "text": _VALUE, "id": _VALUE, "at": _VALUE}, "text")
    verified = {"if": {"type": "object"}, "then": {"$ref": "#/definitions/conditions"}, "else": {"type": "boolean"}}
    plain = dict.fromkeys(PLAIN, _VALUE)
    told = {"id": _VALUE, "medium": _VALUE, "from": _free(_VALUE), "verified": verified, **plain, "form": _free(_VALUE), "message": message}
    touch = {"campaign": _VALUE, "id": _VALUE, "to": _free(_VALUE), "medium": _VALUE, "status": _VALUE, "sent_at": _VALUE}
    made = {
        "interaction": _told(_object({**told, "at": _VALUE}, "id", "medium"), "A message, form or change of state of one conversation."),
        "receipt": _told(
            _object(dict.fromkeys(("touch_id", "campaign", "id", "status", "at"), _VALUE), "status"), "What became of a touch."
        ),
        "touch": _told(
            _object({**touch, **dict.fromkeys(TEXTS, _VALUE), "fields": _free(_VALUE)}, "campaign", "id", "to", "medium"),
            "Something was sent.",
        ),
    }
    return {
        **_object(
            {
                "name": _told({"type": "string", "pattern": "^[a-z][a-z0-9-]{0,39}$"}, "In metrics and messages."),
                "each": _told(_PATH, "Once for each place it leads to."),
                "when": _told({"$ref": "#/definitions/conditions"}, "What has to stand where."),
                **made,
            },
            "name",
        ),
        "oneOf": [{"required": [one]} for one in made],
    }


def _object(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    made: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**made, "required": list(required)} if required else made


def _free(inner: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "minProperties": 1, "additionalProperties": inner}


def _one_or_list(inner: dict[str, Any]) -> dict[str, Any]:
    return {"if": {"type": "array"}, "then": {"type": "array", "minItems": 1, "items": inner}, "else": inner}


def _told(inner: dict[str, Any], description: str) -> dict[str, Any]:
    return {"description": description, "allOf": [inner]} if "$ref" in inner else {**inner, "description": description}
