"""/api/openapi.json: all routes of the API as OpenAPI 3.1, its schemas made from `wire`. A test carries out its examples."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec
from aiohttp import web

from ctiroute import __version__
from ctiroute.web.api import (
    openapi_callbacks,
    openapi_customers,
    openapi_interactions,
    openapi_rules,
    openapi_session,
    openapi_webhooks,
)
from ctiroute.web.api.wire import ProblemDocument, ReceiptLine, ReceiptsTaken, TouchesTaken, TouchProgress

if TYPE_CHECKING:
    from collections.abc import Mapping

_CSV_EXAMPLE = 'phone,sent_at,external_id,title,terms\n+380671234567,2026-03-01T14:30:00+02:00,m-1,Autumn instalments,"0 %, 24 months"\n'
_NDJSON_EXAMPLE = (
    '{"phone": "+380671234567", "sent_at": "2026-03-01T14:30:00+02:00", "external_id": "m-1", "title": "Autumn instalments"}\n'
)
_RECEIPTS_EXAMPLE = (
    '{"campaign": "autumn-sms", "external_id": "m-1", "status": "delivered", "at": "2026-03-01T12:30:02Z"}\n'
    '{"touch_id": "autumn-sms:m-1", "status": "read", "at": "2026-03-01T12:34:00Z"}\n'
)
_TOUCHES = (
    "Rows as in a file for `ctiroute import touches`, in CSV or as a JSON object a line; the campaign stands in the address. Every row is "
    "checked before the first is kept. Sending rows again changes nothing: a touch is known again by its touch_id, its external_id, or by "
    "recipient and time."
)
_RECEIPTS = (
    "A JSON object a line; each stands for itself. A status never goes back, and of two times for the same the earlier stays: order and "
    "repetition do not matter."
)


async def openapi(_request: web.Request) -> web.Response:
    """GET: the document."""
    return web.Response(body=_encoded(), content_type="application/json")


@cache
def _encoded() -> bytes:
    return msgspec.json.encode(document())


def document() -> dict[str, Any]:
    """Return the document as plain JSON values."""
    _, schemas = msgspec.json.schema_components(
        (
            TouchProgress,
            ReceiptLine,
            TouchesTaken,
            ReceiptsTaken,
            ProblemDocument,
            *openapi_rules.SCHEMAS,
            *openapi_customers.SCHEMAS,
            *openapi_callbacks.SCHEMAS,
            *openapi_webhooks.SCHEMAS,
            *openapi_interactions.SCHEMAS,
            *openapi_session.SCHEMAS,
        ),
        ref_template="#/components/schemas/{name}",
    )
    campaign = _parameter("key", "path", "The campaign's key, what rules match by.", {"type": "string", "maxLength": 200}, "autumn-sms")
    touch_id = _parameter("touch_id", "path", "The touch's id: CAMPAIGN:EXTERNAL_ID.", {"type": "string"}, "autumn-sms:m-1")
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "ctiroute",
            "version": __version__,
            "summary": "Touches, conversations and questions of the company's other programs; rules, for those who look after them.",
        },
        "security": [{"key": []}],
        "paths": {
            "/api/v1/campaigns/{key}/touches": {
                "post": {
                    "operationId": "addTouches",
                    "summary": "Bring in what was sent",
                    "description": f"{_TOUCHES} Needs the scope `touches`.",
                    "parameters": [
                        campaign,
                        _parameter("medium", "query", "Of rows that name none.", {"type": "string", "default": "sms"}),
                        _parameter("timezone", "query", "Of times without an offset.", {"type": "string", "default": "UTC"}),
                        _parameter("max_rejects", "query", "One more bad row, and nothing is kept.", {"type": "integer", "default": 100}),
                    ],
                    "requestBody": _body({"text/csv": _CSV_EXAMPLE, "application/x-ndjson": _NDJSON_EXAMPLE}),
                    "responses": _answers("TouchesTaken", "What was taken.", 400, 401, 403, 408, 413, 415, 422, 429, 503),
                }
            },
            "/api/v1/touches/receipts": {
                "post": {
                    "operationId": "addReceipts",
                    "summary": "Tell what became of many touches",
                    "description": f"{_RECEIPTS} Needs the scope `receipts`.",
                    "requestBody": _body({"application/x-ndjson": _RECEIPTS_EXAMPLE}),
                    "responses": _answers("ReceiptsTaken", "What was taken.", 400, 401, 403, 408, 413, 415, 429, 503),
                }
            },
            "/api/v1/touches/{touch_id}": {
                "patch": {
                    "operationId": "addReceipt",
                    "summary": "Tell what became of one touch",
                    "description": "Needs the scope `receipts`.",
                    "parameters": [touch_id],
                    "requestBody": {
                        "required": True,
                        "content": {
                            "application/json": {
                                "schema": {"$ref": "#/components/schemas/TouchProgress"},
                                "example": {"status": "clicked", "at": "2026-03-01T12:35:10Z"},
                            }
                        },
                    },
                    "responses": _answers("", "Noted.", 400, 401, 403, 404, 408, 415, 429, 503),
                }
            },
            **openapi_rules.paths(),
            **openapi_interactions.paths(),
            **openapi_customers.paths(),
            **openapi_callbacks.paths(),
            **openapi_webhooks.paths(),
            **openapi_session.paths(),
        },
        "components": {
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "From `ctiroute apikey create`."},
                **openapi_session.SECURITY,
            },
            "responses": {
                "Problem": {
                    "description": "An error, by RFC 9457.",
                    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}},
                }
            },
            "schemas": schemas,
        },
    }


def _parameter(name: str, place: str, description: str, schema: Mapping[str, Any], example: str | None = None) -> dict[str, Any]:
    parameter = {"name": name, "in": place, "description": description, "required": place == "path", "schema": dict(schema)}
    return parameter if example is None else {**parameter, "example": example}


def _body(examples: Mapping[str, str]) -> dict[str, Any]:
    return {
        "required": True,
        "description": "May be packed, with Content-Encoding: gzip.",
        "content": {kind: {"schema": {"type": "string"}, "example": example} for kind, example in examples.items()},
    }


def _answers(schema: str, description: str, *problems: int) -> dict[str, Any]:
    answers: dict[str, Any] = {str(status): {"$ref": "#/components/responses/Problem"} for status in problems}
    if not schema:
        return {"204": {"description": description}, **answers}
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {"200": {"description": description, "content": content}, **answers}
