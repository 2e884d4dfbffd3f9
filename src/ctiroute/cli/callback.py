"""`ctiroute callback add|list|show|cancel`: promises to ring customers, in the store itself; a running service places them."""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING, TypeVar

import msgspec
from rich.table import Column, Table

from ctiroute.app.callback_orders import CallbackOrders
from ctiroute.app.rule_files import read_rules
from ctiroute.app.service import utc_now
from ctiroute.cli.loop import run
from ctiroute.cli.output import EXIT_NO, EXIT_OK, add_config, complain, counted, out, settings_of
from ctiroute.connectors.announce.outbox import Outbox
from ctiroute.errors import CallbackRefused, ConfigurationError
from ctiroute.model import CallbackFilter, FirstRung
from ctiroute.model.callback import CallbackAsked
from ctiroute.store import open_store
from ctiroute.web.api.callbacks_wire import view_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ctiroute.cli.output import Commands
    from ctiroute.model import CallbackOrder
    from ctiroute.settings import Settings

T = TypeVar("T")

_MOST = 500


def add(commands: Commands) -> None:
    """Add the commands."""
    parser = commands.add_parser(
        "callback", help="order, list and cancel callbacks", description="Promises to ring customers. A running service places them."
    )
    actions = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    adding = actions.add_parser(
        "add",
        help="order a callback",
        description="Orders a callback, out of the customer's quiet hours. One that is open for the same phone and matter is returned "
        "as it stands. A running service notices it within 15 seconds.",
        epilog="example: ctiroute callback add +380671234567 --at '2026-03-01 14:30' --queue promo --note 'Asks for 24 parts'. "
        "Exit code 1: it was refused, and why.",
    )
    add_config(adding)
    adding.add_argument("phone", metavar="PHONE", help="whom to ring, as people write it")
    adding.add_argument(
        "--at", type=_time, metavar="TIME", help="not before; without an offset it is of the rules' timezone (default: now)"
    )
    adding.add_argument("--until", type=_time, metavar="TIME", help="not after (default: as the settings say)")
    adding.add_argument("--queue", metavar="NAME", help="whose operators are rung")
    adding.add_argument("--operator", metavar="ID", help="who is rung before the queue")
    adding.add_argument("--first", choices=[first.value for first in FirstRung], help="whose phone rings first")
    adding.add_argument("--matter", default="", metavar="TEXT", help="what it is about; a phone has one open order for each")
    adding.add_argument("--note", default="", metavar="TEXT", help="for the operator")
    adding.add_argument("--interaction", metavar="ID", help="the interaction it is about")
    adding.add_argument("--customer", metavar="ID", help="which of several customers with that phone")
    adding.add_argument("--json", action="store_true", help="print one JSON object")
    adding.set_defaults(run=_add)
    listing = actions.add_parser(
        "list", help="list callbacks", description="Lists orders, the latest first: open ones, unless asked for all."
    )
    add_config(listing)
    listing.add_argument("--phone", metavar="PHONE", help="of one customer only")
    listing.add_argument("--all", action="store_true", help="those that are over, too")
    listing.add_argument("--json", action="store_true", help="print a JSON array")
    listing.set_defaults(run=_list)
    showing = actions.add_parser("show", help="show one callback", description="Shows an order with each attempt and how it ended.")
    add_config(showing)
    showing.add_argument("callback_id", metavar="ID", help="as `callback list` shows it")
    showing.add_argument("--json", action="store_true", help="print one JSON object")
    showing.set_defaults(run=_show)
    cancelling = actions.add_parser(
        "cancel", help="cancel a callback", description="Cancels an order. Exit code 1: it rings already, or is over."
    )
    add_config(cancelling)
    cancelling.add_argument("callback_id", metavar="ID", help="as `callback list` shows it")
    cancelling.set_defaults(run=_cancel)


def _add(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    zone = _zone(settings)
    asked = CallbackAsked(
        source="cli",
        phone=arguments.phone,
        customer_id=arguments.customer,
        due_at=_aware(arguments.at, zone),
        until=_aware(arguments.until, zone),
        queue=arguments.queue,
        owner=arguments.operator,
        first=arguments.first and FirstRung(arguments.first),
        matter=arguments.matter,
        note=arguments.note,
        interaction_id=arguments.interaction,
    )
    try:
        order, new = _with_orders(settings, zone, lambda orders: orders.take(asked))
    except CallbackRefused as error:
        complain(f"it was not ordered: {error}")
        return EXIT_NO
    if arguments.json:
        print(json.dumps({**_plain(order), "new": new}, ensure_ascii=False))
        return EXIT_OK
    how = "is ordered" if new else "was ordered before"
    out.print(f"callback {order.callback_id} {how}, for {_short(order.due_at, zone)}", markup=False, soft_wrap=True)
    return EXIT_OK


def _list(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    zone = _zone(settings)
    wanted = CallbackFilter(phone=arguments.phone, is_open=None if arguments.all else True, limit=_MOST)
    found = _with_orders(settings, zone, lambda orders: orders.find(wanted))
    if arguments.json:
        print(json.dumps([_plain(order) for order in found], ensure_ascii=False))
        return EXIT_OK
    if not found:
        out.print("no callbacks; order one: ctiroute callback add PHONE --queue NAME")
        return EXIT_OK
    table = Table(Column("id", no_wrap=True), "state", "due", "phone", "for", "attempts", "note")
    for order in found:
        tried = f"{len(order.attempts)} of {order.most_attempts}"
        place = order.owner or order.queue or ""
        table.add_row(order.callback_id, order.state.value, _short(order.due_at, zone), order.phone, place, tried, order.note[:60])
    out.print(table)
    return EXIT_OK


def _show(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    zone = _zone(settings)
    order = _with_orders(settings, zone, lambda orders: orders.get(arguments.callback_id))
    if order is None:
        return _unknown(arguments.callback_id)
    if arguments.json:
        print(json.dumps(_plain(order), ensure_ascii=False))
        return EXIT_OK
    facts = {
        "callback": order.callback_id,
        "state": order.state.value,
        "phone": order.phone,
        "customer": order.customer_id,
        "promised": f"{_short(order.asked_at, zone)} by {order.ordered_by or order.source}",
        "due": _short(order.due_at, zone),
        "until": _short(order.until, zone),
        "queue": order.queue,
        "operator": order.owner,
        "first": order.first.value,
        "about": order.interaction_id or order.touch_id or order.call_id,
        "note": order.note,
    }
    for name, value in facts.items():
        if value:
            out.print(f"{name + ':':10}{value}", markup=False, soft_wrap=True)
    for number, each in enumerate(order.attempts, start=1):
        how = each.outcome.value.replace("_", " ") if each.outcome is not None else "not over"
        who = f", {each.operator_id} answered" if each.operator_id else ""
        out.print(f"attempt {number}: {_short(each.started_at, zone)}, {how}{who}, call {each.call_id}", markup=False, soft_wrap=True)
    return EXIT_OK


def _cancel(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    try:
        order = _with_orders(settings, UTC, lambda orders: orders.cancel(arguments.callback_id))
    except CallbackRefused as error:
        complain(f"it was not cancelled: {error}")
        return EXIT_NO
    if order is None:
        return _unknown(arguments.callback_id)
    out.print(f"callback {order.callback_id} is cancelled after {counted(len(order.attempts), 'attempt')}", markup=False)
    return EXIT_OK


def _unknown(callback_id: str) -> int:
    complain(f"there is no callback {callback_id!r}; `ctiroute callback list --all` shows all")
    return EXIT_NO


def _with_orders(settings: Settings, zone: tzinfo, work: Callable[[CallbackOrders], Awaitable[T]]) -> T:
    async def do() -> T:
        store = open_store(settings.store_url)
        await store.open()
        try:
            return await work(
                CallbackOrders(
                    store, settings.callbacks, settings.region, lambda: zone, utc_now, announcer=Outbox(store, settings.webhooks)
                )
            )
        finally:
            await store.close()

    return run(do())


def _zone(settings: Settings) -> tzinfo:
    """Return the company's timezone, which stands in its rules; UTC while these cannot be read."""
    try:
        return read_rules(settings.rules).zone
    except ConfigurationError:
        return UTC


def _plain(order: CallbackOrder) -> dict[str, object]:
    plain: dict[str, object] = msgspec.to_builtins(view_of(order))
    return plain


def _time(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no time: write 2026-03-01T14:30, perhaps with +02:00") from None


def _aware(at: datetime | None, zone: tzinfo) -> datetime | None:
    if at is None:
        return None
    return (at if at.tzinfo is not None else at.replace(tzinfo=zone)).astimezone(UTC)


def _short(at: datetime, zone: tzinfo) -> str:
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M}"
