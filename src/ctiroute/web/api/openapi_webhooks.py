"""The routes of webhooks out and of reports as OpenAPI 3.1 paths. A test carries out their examples."""

from __future__ import annotations

from typing import Any

from ctiroute.web.api.openapi_parts import BODIED, answer, body, operation, path, query
from ctiroute.web.api.webhooks_wire import MOST, DeliveryList, Replay, Replayed, ReportView, TestSent, WebhookList

SCHEMAS = (WebhookList, DeliveryList, Replay, Replayed, TestSent, ReportView)

_WEBHOOKS, _REPORTS = "Needs the scope `webhooks`.", "Needs the scope `reports`."


def paths() -> dict[str, Any]:
    """Return the paths."""
    report = answer("ReportView", 400, 404)
    report["200"]["content"]["text/csv"] = {"schema": {"type": "string"}}
    return {
        "/api/v1/campaigns/{key}/report": {
            "get": operation(
                "reportCampaign",
                "What became of a campaign",
                f"Counts the touches sent in a stretch of time, and the calls attributed to them that came soon enough. {_REPORTS}",
                report,
                parameters=[
                    path("key", "The campaign's key.", "autumn-sms"),
                    query("since", "Touches sent from then on; without it, for 30 days.", {"type": "string", "format": "date-time"}),
                    query("until", "And before then; without it, until now.", {"type": "string", "format": "date-time"}),
                    query(
                        "window_hours",
                        "Calls so soon after their touch.",
                        {"type": "number", "default": 24, "minimum": 0, "maximum": 99999},
                    ),
                    query("format", "A table for spreadsheets in place of JSON.", {"type": "string", "enum": ["json", "csv"]}),
                ],
            )
        },
        "/api/v1/webhooks": {
            "get": operation("listWebhooks", "The webhooks of the settings, and what waits for each", _WEBHOOKS, answer("WebhookList"))
        },
        "/api/v1/webhooks/deliveries": {
            "get": operation(
                "listDeliveries",
                "Events in the outbox, the latest first",
                f"Without what they say: that may be personal. {_WEBHOOKS}",
                answer("DeliveryList", 400),
                parameters=[
                    query("webhook", "Of this webhook.", {"type": "string", "maxLength": 40}),
                    query("state", "That stand so.", {"type": "string", "enum": ["waiting", "delivered", "dead"]}),
                    query("before", "`before` of the page before.", {"type": "integer", "minimum": 0, "maximum": 10**18 - 1}),
                    query("limit", "How many.", {"type": "integer", "default": 50, "minimum": 1, "maximum": MOST}),
                ],
            )
        },
        "/api/v1/webhooks/deliveries/replay": {
            "post": operation(
                "replayDeliveries",
                "Try again what was given up",
                "Named events are told anew even when they were delivered; without names, all that was given up, of one webhook or of all. "
                f"A repetition has the event id of the first telling. {_WEBHOOKS}",
                answer("Replayed", *BODIED),
                body=body("Replay", {"webhook": "mailer"}),
            )
        },
        "/api/v1/webhooks/{name}/test": {
            "post": operation(
                "testWebhook",
                "Send a test event",
                f"It goes through the outbox as any other. {_WEBHOOKS}",
                answer("TestSent", 404, status="202", description="Put in the outbox."),
                parameters=[path("name", "The webhook's name in the settings.", "mailer")],
            )
        },
    }
