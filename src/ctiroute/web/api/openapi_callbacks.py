"""The routes of callback orders as OpenAPI 3.1 paths. A test carries out their examples."""

from __future__ import annotations

from typing import Any

from ctiroute.web.api.callbacks_wire import CallbackList, CallbackMove, CallbackView, NewCallback
from ctiroute.web.api.openapi_parts import BODIED, answer, body, operation, path, query

SCHEMAS = (NewCallback, CallbackMove, CallbackView, CallbackList)

EXAMPLE = {
    "phone": "+380671234567",
    "due_at": "2026-03-02T14:30:00+02:00",
    "queue": "promo",
    "note": "Asks for 24 parts",
    "interaction_id": "i-7",
    "external_id": "form-81",
    "ordered_by": "the form on the site",
}
_READ, _WRITE = "Needs the scope `callbacks:read`.", "Needs the scope `callbacks:write`."
_ORDER = (
    "The time is moved out of the customer's quiet hours. Ordered again by the same key with the same `external_id`, or for a phone with "
    "an open order for the same `matter` (or interaction, or touch), it is the same order: the answer is 200 with that one as it stands."
)
_ID = path("callback_id", "An order's id.")


def paths() -> dict[str, Any]:
    """Return the paths."""
    created, known = answer("CallbackView", *BODIED, status="201", description="Ordered."), answer("CallbackView")
    return {
        "/api/v1/callbacks": {
            "post": operation(
                "orderCallback", "Promise to ring a customer", f"{_ORDER} {_WRITE}", {**created, **known}, body=body("NewCallback", EXAMPLE)
            ),
            "get": operation(
                "listCallbacks",
                "Orders, the latest first",
                _READ,
                answer("CallbackList", 400),
                parameters=[
                    query("phone", "Of this phone.", {"type": "string", "maxLength": 40}),
                    query("customer_id", "Of this customer.", {"type": "string", "maxLength": 200}),
                    query("open", "Open ones, or closed ones; without it, both.", {"type": "string", "enum": ["true", "false"]}),
                    query("before", "`next` of the page before.", {"type": "string", "pattern": "^[a-z0-9]{1,64}$"}),
                    query("limit", "How many.", {"type": "integer", "default": 50, "minimum": 1, "maximum": 200}),
                ],
            ),
        },
        "/api/v1/callbacks/{callback_id}": {
            "get": operation("getCallback", "One order with its attempts", _READ, answer("CallbackView", 404), parameters=[_ID]),
            "patch": operation(
                "moveCallback",
                "Another time for an order",
                f"Refused with 409 when it rings already, or is over. {_WRITE}",
                answer("CallbackView", *BODIED, 404, 409),
                parameters=[_ID],
                body=body("CallbackMove", {"due_at": "2026-03-03T10:00:00+02:00"}),
            ),
            "delete": operation(
                "cancelCallback",
                "Cancel an order",
                f"Refused with 409 when it rings already, or is over. {_WRITE}",
                answer("CallbackView", 404, 409),
                parameters=[_ID],
            ),
        },
    }
