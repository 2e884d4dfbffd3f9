"""`ctiroute webhook list|replay|test`: what other systems are told, what they would not take, and whether they listen."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING

from rich.table import Column, Table

from ctiroute.app.service import utc_now
from ctiroute.cli.loop import run, with_store
from ctiroute.cli.output import EXIT_NO, EXIT_OK, EXIT_USAGE, add_config, complain, counted, out, settings_of
from ctiroute.connectors.announce.outbox import test_delivery
from ctiroute.connectors.announce.sending import Verdict, open_session, send
from ctiroute.model import DeliveryState

if TYPE_CHECKING:
    import argparse

    from ctiroute.cli.output import Commands
    from ctiroute.connectors.announce.sending import Answer
    from ctiroute.model import Delivery
    from ctiroute.settings import WebhookSettings


_MOST = 500


def add(commands: Commands) -> None:
    """Add the commands."""
    parser = commands.add_parser(
        "webhook",
        help="see what other systems were told, and tell them again",
        description="The outbox of the webhooks in the settings: what waits, what was delivered, what was given up.",
    )
    actions = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    listing = actions.add_parser(
        "list", help="list events in the outbox", description="Lists events, the latest first, with why the last attempt failed."
    )
    add_config(listing)
    listing.add_argument("--state", choices=[state.value for state in DeliveryState], help="only those that stand so")
    listing.add_argument("--webhook", metavar="NAME", help="only those of one webhook")
    listing.add_argument("--limit", type=int, default=50, metavar="N", help=f"how many at most, up to {_MOST} (default: 50)")
    listing.add_argument("--json", action="store_true", help="print a JSON array, with what was told")
    listing.set_defaults(run=_list)
    replaying = actions.add_parser(
        "replay",
        help="try again what was given up",
        description="Has events that were given up tried anew: all of them, those of one webhook, or those named by their ids; these also "
        "when they were delivered. A running service begins within a second. An event that is told again has the same event id.",
    )
    add_config(replaying)
    replaying.add_argument("delivery_ids", nargs="*", type=int, metavar="ID", help="as `webhook list` shows it")
    replaying.add_argument("--webhook", metavar="NAME", help="all that was given up of one webhook")
    replaying.add_argument("--all", action="store_true", help="all that was given up")
    replaying.set_defaults(run=_replay)
    testing = actions.add_parser(
        "test",
        help="send a test event now",
        description="Sends one event of the kind `test` to a webhook, at once and past the outbox, and says what came of it. "
        "Exit code 1: it was not taken.",
    )
    add_config(testing)
    testing.add_argument("name", metavar="NAME", help="of the webhook, as in the settings")
    testing.set_defaults(run=_test)


def _list(arguments: argparse.Namespace) -> int:
    state = None if arguments.state is None else DeliveryState(arguments.state)
    limit = max(1, min(arguments.limit, _MOST))
    found = with_store(settings_of(arguments), lambda store: store.get_deliveries(arguments.webhook, state, limit=limit))
    if arguments.json:
        print(json.dumps([plain(each, with_body=True) for each in found], ensure_ascii=False))
        return EXIT_OK
    if not found:
        out.print("nothing there")
        return EXIT_OK
    table = Table(Column("id", no_wrap=True), "webhook", "event", Column("event id", overflow="fold"), "at", "state", "tries", "last error")
    for each in found:
        due = f", again {_short(each.due_at)}" if each.state is DeliveryState.WAITING and each.attempts and each.due_at else ""
        table.add_row(
            str(each.delivery_id),
            each.webhook,
            each.kind,
            each.event_id,
            _short(each.at),
            f"{each.state.value}{due}",
            str(each.attempts),
            each.error,
        )
    out.print(table, markup=False)
    return EXIT_OK


def _replay(arguments: argparse.Namespace) -> int:
    if bool(arguments.delivery_ids) + bool(arguments.webhook) + arguments.all != 1:
        complain("say which: ids, --webhook NAME, or --all")
        return EXIT_USAGE
    ids = arguments.delivery_ids or None
    count = with_store(settings_of(arguments), lambda store: store.replay_deliveries(ids, arguments.webhook, utc_now()))
    out.print(f"{counted(count, 'event')} will be tried again")
    return EXIT_OK if count else EXIT_NO


def _test(arguments: argparse.Namespace) -> int:
    webhook = next((each for each in settings_of(arguments).webhooks if each.name == arguments.name), None)
    if webhook is None:
        complain(f"the settings have no webhook {arguments.name!r}")
        return EXIT_USAGE
    answer = run(_send(webhook))
    if answer.verdict is Verdict.TAKEN:
        out.print(f"{webhook.name}: taken, HTTP {answer.status}", markup=False)
        return EXIT_OK
    complain(f"{webhook.name}: {answer.error}")
    return EXIT_NO


async def _send(webhook: WebhookSettings) -> Answer:
    now = utc_now()
    async with open_session(webhook.timeout_s) as session:
        return await send(session, webhook, test_delivery(webhook.name, now), now)


def plain(delivery: Delivery, *, with_body: bool) -> dict[str, object]:
    """Return a delivery as JSON holds it."""
    kept = {name: value for name, value in asdict(delivery).items() if name not in {"body", "about"}}
    values = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in kept.items()}
    return {**values, "body": json.loads(delivery.body)} if with_body else values


def _short(at: datetime | None) -> str:
    return "" if at is None else f"{at:%Y-%m-%d %H:%M:%S}"
