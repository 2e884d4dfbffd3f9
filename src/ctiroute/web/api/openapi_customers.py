"""The routes of customers and of the context as OpenAPI 3.1 paths. A test carries out their examples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ctiroute.model import CustomerCard, IdentityChange, IdentityKind
from ctiroute.web.api.customers_wire import ContextFound, IdentityChanges, LinkAsked, MergeAsked, SplitAsked, UndoAsked
from ctiroute.web.api.openapi_parts import BODIED, answer, body, operation, query

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMAS = (ContextFound, CustomerCard, IdentityChange, IdentityChanges, LinkAsked, MergeAsked, SplitAsked, UndoAsked, IdentityKind)

PHONE = {"kind": "phone", "value": "+380671234567"}
MERGE: Mapping[str, Any] = {"into": "C-1", "other": "C-2", "why": "the same person, married"}
SPLIT: Mapping[str, Any] = {
    "customer_id": "C-1",
    "identifiers": [{"kind": "loyalty-card", "value": "4711"}],
    "new_id": "C-7",
    "name": "Her son",
}
LINK: Mapping[str, Any] = {"identifier": PHONE, "customer_id": "C-1", "why": "asked on the phone"}
_READ, _WRITE = "Needs the scope `customers:read`.", "Needs the scope `customers:write`."
_AUDITED = "It is kept in the audit, and can be undone."
_TEXT = {"type": "string", "maxLength": 200}


def paths() -> dict[str, Any]:
    """Return the paths."""
    return {
        "/api/v1/context": {
            "get": operation(
                "getContext",
                "Who is this, and what is known",
                "What a call by this identifier would bring: the customer or the candidates with confidence and evidence, touches, "
                f"interactions and calls over all identifiers of theirs. Give one of the parameters, or `kind` and `value`. {_READ}",
                answer("ContextFound", 400, 422),
                parameters=[
                    query("phone", "With its country code, or of the configured region.", _TEXT, "+380671234567"),
                    query("email", "An address.", _TEXT),
                    query("kind", "Of `value`: phone, email, telegram, visitor, account, or your own.", _TEXT),
                    query("value", "The identifier.", _TEXT),
                    query("limit", "How many of each.", {"type": "integer", "default": 20, "minimum": 1, "maximum": 200}),
                ],
            )
        },
        "/api/v1/customers": {
            "get": operation(
                "getCustomer",
                "Who a customer is, and why we think so",
                f"Each identifier with who says so, and whether they have made sure; who was merged; what was denied. {_READ}",
                answer("CustomerCard", 400, 404),
                parameters=[query("customer_id", "The company's own key.", _TEXT, "C-1", required=True)],
            )
        },
        "/api/v1/customers/changes": {
            "get": operation(
                "getIdentityChanges",
                "What was changed of who is who",
                f"The latest first. {_READ}",
                answer("IdentityChanges", 400),
                parameters=[
                    query("customer_id", "Only of this customer.", _TEXT),
                    query("before", "The last change_id of the page before.", {"type": "integer", "minimum": 1, "maximum": 999_999_999}),
                    query("limit", "How many.", {"type": "integer", "default": 50, "minimum": 1, "maximum": 200}),
                ],
            )
        },
        "/api/v1/customers/merge": _change("mergeCustomers", "Two customers are one", "MergeAsked", MERGE),
        "/api/v1/customers/split": _change("splitCustomer", "One customer is two", "SplitAsked", SPLIT),
        "/api/v1/customers/confirm": _change("confirmLink", "An identifier is this customer's", "LinkAsked", LINK),
        "/api/v1/customers/deny": _change("denyLink", "An identifier is not this customer's", "LinkAsked", LINK),
        "/api/v1/customers/undo": _change("undoIdentityChange", "An earlier change was a mistake", "UndoAsked", {"change_id": 1}),
    }


def _change(name: str, summary: str, schema: str, example: Mapping[str, Any]) -> dict[str, Any]:
    answers = answer("IdentityChange", 409, *BODIED, description="It is done.")
    return {"post": operation(name, summary, f"{_AUDITED} {_WRITE}", answers, body=body(schema, example))}
