"""The routes of interactions, histories, continue-links and routing as OpenAPI 3.1 paths. A test carries out their examples."""

from __future__ import annotations

from typing import Any

from ctiroute.model import Interaction
from ctiroute.web.api.interactions_wire import (
    Continued,
    ContinueLink,
    History,
    InteractionChange,
    InteractionClose,
    InteractionEvents,
    InteractionList,
    InteractionTaken,
    LinesTaken,
    NewEvent,
    NewInteraction,
    RequestStatus,
)
from ctiroute.web.api.openapi_parts import BODIED, answer, body, operation, path, query
from ctiroute.web.api.route import RouteAsked, Routed

SCHEMAS = (
    NewInteraction, NewEvent, InteractionChange, InteractionClose, InteractionTaken, LinesTaken, InteractionList, InteractionEvents,
    RequestStatus, History, ContinueLink, Continued, Interaction, RouteAsked, Routed,
)  # fmt: skip

EXAMPLE = {
    "medium": "web",
    "source": "web-form",
    "external_id": "f-1",
    "event_id": "f-1-step-2",
    "at": "2026-03-01T12:30:00Z",
    "identifiers": [{"kind": "phone", "value": "+380671234567"}, {"kind": "visitor", "value": "v-81"}],
    "topic": "credit-application",
    "title": "Application for credit",
    "form": {"amount": "50000", "income": ""},
    "kind": "form",
    "text": "Filled in step 2 of 4",
}
_LINES = (
    '{"medium": "chat", "source": "chat", "external_id": "c-7", "event_id": "m-1", "text": "Good day", "at": "2026-03-01T12:31:00Z"}\n'
    '{"medium": "chat", "source": "chat", "external_id": "c-7", "event_id": "m-2", "text": "Hello?", "at": "2026-03-01T12:32:00Z"}\n'
)
_READ, _WRITE = "Needs the scope `interactions:read`.", "Needs the scope `interactions:write`."
_TOLD_AGAIN = (
    "Known again by source, external_id and event_id: telling it again changes nothing, and the order of telling does not matter. What was "
    "closed reopens by the customer's words (kind `message` or `form`) later than the close."
)
_REVISIONS = (
    "Say which revision you saw, in the header If-Match or in the body. When it has changed since, nothing is done, and the answer (412, "
    "or 409 for one in the body) holds what it is now as `current`."
)
_IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "description": "The revision you saw, in quotes.",
    "required": False,
    "schema": {"type": "string", "pattern": '^(\\*|(W/)?"[1-9][0-9]{0,8}")$'},
}
_LIMIT = query("limit", "How many.", {"type": "integer", "default": 50, "minimum": 1, "maximum": 200})


def paths() -> dict[str, Any]:
    """Return the paths."""
    return {**_interactions(), **_of_one(), **_others()}


def _interactions() -> dict[str, Any]:
    text = {"type": "string", "maxLength": 200}
    created = answer("InteractionTaken", *BODIED, status="201", description="It was made.", tagged=True)
    return {
        "/api/v1/interactions": {
            "post": operation(
                "addInteraction",
                "Tell of a conversation",
                f"{_TOLD_AGAIN} {_WRITE}",
                answer("InteractionTaken", *BODIED, description="It was known; this is what became of it.", tagged=True) | created,
                body=body("NewInteraction", EXAMPLE),
            ),
            "get": operation(
                "listInteractions",
                "The interactions of a customer, or the one a source calls so",
                _READ,
                answer("InteractionList", 400),
                parameters=[
                    query("customer_id", "Whose.", text, "K1"),
                    query("source", "Who told of it; with external_id.", text),
                    query("external_id", "What the source calls it.", text),
                    _LIMIT,
                ],
            ),
        },
        "/api/v1/interactions/bulk": {
            "post": operation(
                "addInteractions",
                "Tell of many conversations",
                f"JSON lines, or one array; each stands for itself, and is answered for itself. At most 2,000. {_TOLD_AGAIN} {_WRITE}",
                answer("LinesTaken", *BODIED),
                body={
                    "required": True,
                    "description": "May be packed, with Content-Encoding: gzip.",
                    "content": {
                        "application/x-ndjson": {"schema": {"type": "string"}, "example": _LINES},
                        "application/json": {"schema": {"type": "array", "items": {"$ref": "#/components/schemas/NewInteraction"}}},
                    },
                },
            )
        },
    }


def _of_one() -> dict[str, Any]:
    one = path("interaction_id", "The interaction's id.")
    base = "/api/v1/interactions/{interaction_id}"
    return {
        base: {
            "get": operation("getInteraction", "One interaction", _READ, answer("Interaction", 404, tagged=True), parameters=[one]),
            "patch": operation(
                "changeInteraction",
                "Change what you have seen",
                f"What is not named stays. {_REVISIONS} {_WRITE}",
                answer("Interaction", *BODIED, 404, 409, 412, 428, tagged=True),
                parameters=[one, _IF_MATCH],
                body=body("InteractionChange", {"form": {"income": "12000"}, "revision": 1}),
            ),
        },
        f"{base}/events": {
            "get": operation("listEvents", "What happened in it", _READ, answer("InteractionEvents", 400, 404), parameters=[one, _LIMIT]),
            "post": operation(
                "addEvent",
                "Tell what more happened in it",
                f"{_TOLD_AGAIN} {_WRITE}",
                answer("InteractionTaken", *BODIED, 404, tagged=True),
                parameters=[one],
                body=body("NewEvent", {"event_id": "m-3", "text": "I will call you", "at": "2026-03-01T12:40:00Z"}),
            ),
        },
        f"{base}/close": {
            "post": operation(
                "closeInteraction",
                "It is over",
                f"Without a revision it is closed whatever it is now. {_REVISIONS} {_WRITE}",
                answer("Interaction", *BODIED, 404, 409, 412, tagged=True),
                parameters=[one, _IF_MATCH],
                body=body("InteractionClose", {"outcome": "sold", "text": "Signed in the branch"}),
            )
        },
        f"{base}/status": {
            "get": operation(
                "getRequestStatus",
                "How it stands, in words",
                f"For bots and phone menus. {_READ}",
                answer("RequestStatus", 404),
                parameters=[one],
            )
        },
        f"{base}/continue-link": {
            "post": operation(
                "makeContinueLink",
                "A link by which the customer goes on with the form",
                f"Signed, and over after `continue_link.hours`; webhooks are told of it as `interaction.link`. {_WRITE}",
                answer("ContinueLink", 404, 409),
                parameters=[one],
            )
        },
    }


def _others() -> dict[str, Any]:
    return {
        "/api/v1/continue/{token}": {
            "get": operation(
                "continueForm",
                "The form behind a link",
                "For the company's own page. Needs the scope `continue`, which opens nothing without a token.",
                answer("Continued", 404, 409, tagged=True),
                parameters=[path("token", "From the link.")],
            )
        },
        "/api/v1/history": {
            "get": operation(
                "getHistory",
                "A customer's history over all media",
                f"Touches, interactions and calls of whoever has this identifier, or of one customer, the newest first. {_READ}",
                answer("History", 400, 404, 422),
                parameters=[
                    query("kind", "Of the identifier.", {"type": "string", "default": "phone", "pattern": "^[a-z][a-z0-9_-]{0,31}$"}),
                    query("value", "The identifier.", {"type": "string", "minLength": 1, "maxLength": 200}, "+380671234567"),
                    query("customer_id", "In place of an identifier.", {"type": "string", "maxLength": 200}),
                    _LIMIT,
                ],
            )
        },
        "/api/v1/route": {
            "post": operation(
                "route",
                "Who this is, what is open, and where it should go",
                "The rules, the deadline and the look-up of a call, for any medium; rules tell it by `medium:`. A record is kept under "
                "call_id, which counts as nobody's call. Needs the scope `route`.",
                answer("Routed", *BODIED),
                body=body("RouteAsked", {"medium": "telegram", "identifier": {"kind": "telegram", "value": "4242"}, "conversation": "c-7"}),
            )
        },
    }
