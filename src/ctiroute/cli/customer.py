"""`ctiroute customer show|merge|split|confirm|deny|undo|changes`: who is who, and what people change of it."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING

import msgspec
from rich.table import Column, Table
from rich.text import Text

from ctiroute.app.service import utc_now
from ctiroute.cli.loop import with_store
from ctiroute.cli.output import EXIT_NO, EXIT_OK, EXIT_USAGE, add_config, complain, out, settings_of
from ctiroute.model import CallerQuery, Confirm, Deny, Identifier, IdentifierKind, Merge, Split, Undo
from ctiroute.model.confidence import reliability
from ctiroute.model.identifying import parse_identifier
from ctiroute.model.phone import clean

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from ctiroute.cli.output import Commands
    from ctiroute.model import Claim, CustomerCard, IdentityChange, IdentityOrder
    from ctiroute.settings import Settings
    from ctiroute.store.base import Store


_LISTED = 50
_WIDEST = 400  # characters of a cell


def add(commands: Commands) -> None:
    """Add the commands."""
    parser = commands.add_parser(
        "customer",
        help="look at a customer; merge, split, confirm, deny, undo",
        description="Who is who: what leads to a customer and why, and what people change of it. Every change is kept in the audit, "
        "and can be undone. A running service knows at once.",
    )
    actions = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    showing = _command(
        actions, "show", "show a customer", "Shows who a customer is, by what he is known, who says so and how sure that is.", _show
    )
    showing.add_argument("customer", metavar="ID", nargs="?", help="the company's own key")
    _add_identifiers(showing, "whoever has this")
    merging = _command(
        actions,
        "merge",
        "make two customers one",
        "Makes two customers one, under the first one's name and key. Whatever leads to either leads to both; imports go on by each "
        "one's key.",
        _merge,
        "ctiroute customer merge C-1001 C-2077 --why 'the same person, married'",
    )
    merging.add_argument("into", metavar="ID", help="who stays")
    merging.add_argument("other", metavar="OTHER", help="who becomes part of that one")
    splitting = _command(
        actions,
        "split",
        "make one customer two",
        "Gives some of a customer's identifiers to a new one, with the touches, conversations and calls that came by them.",
        _split,
        "ctiroute customer split C-1001 --phone +380671234567 --name 'Her son'",
    )
    splitting.add_argument("customer", metavar="ID", help="whose they are now")
    splitting.add_argument("--new", metavar="ID", default="", help="the company's own key for the new one (default: one is made up)")
    splitting.add_argument("--name", default="", help="of the new one")
    _add_identifiers(splitting, "the new one's")
    for name, summary, order in (("confirm", "say that an identifier is a customer's", Confirm), ("deny", "say that it is not", Deny)):
        linking = _command(
            actions,
            name,
            summary,
            "Confirms a link: it ranks first wherever several have the identifier."
            if order is Confirm
            else "Denies a link: the identifier does not lead to this customer any more, whatever a source says.",
            _link,
        )
        linking.add_argument("customer", metavar="ID", help="the company's own key")
        _add_identifiers(linking, "the identifier")
        linking.set_defaults(order=order)
    undoing = _command(actions, "undo", "take a change back", "Takes an earlier change back; what came since stays.", _undo)
    undoing.add_argument("change", metavar="NUMBER", type=int, help="as `customer changes` shows it")
    listing = _command(actions, "changes", "list what was changed", "Lists what was changed of who is who, the latest first.", _changes)
    listing.add_argument("customer", metavar="ID", nargs="?", help="only of this customer")
    listing.add_argument("--limit", type=int, default=_LISTED, help=f"how many (default: {_LISTED})")


def _command(
    actions: Commands, name: str, summary: str, description: str, work: Callable[[argparse.Namespace], int], example: str = ""
) -> argparse.ArgumentParser:
    parser = actions.add_parser(name, help=summary, description=description, epilog=f"example: {example}" if example else None)
    add_config(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")
    if work in {_merge, _split, _link}:
        parser.add_argument("--why", default="", help="for the audit, in your words")
    parser.set_defaults(run=work)
    return parser


def _add_identifiers(parser: argparse.ArgumentParser, whose: str) -> None:
    for kind in IdentifierKind:
        parser.add_argument(f"--{kind}", action="append", default=[], metavar=kind.upper(), help=f"{whose} {kind}")
    parser.add_argument("--identifier", action="append", default=[], metavar="KIND=VALUE", help="the same of a kind of your own")


def _show(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    try:
        identifiers = _identifiers(arguments, settings)
    except ValueError as error:
        complain(str(error))
        return EXIT_USAGE
    if (arguments.customer is None) == (not identifiers):
        complain("say whom to show: a customer's key, or an identifier (--phone, --email, ...)")
        return EXIT_USAGE
    cards = with_store(settings, lambda store: _cards(store, arguments.customer, identifiers))
    if arguments.json:
        print(msgspec.json.encode(cards).decode())
        return EXIT_OK if cards else EXIT_NO
    if not cards:
        complain("nobody we know")
        return EXIT_NO
    for card in cards:
        _table(card)
    return EXIT_OK


async def _cards(store: Store, customer_id: str | None, identifiers: Sequence[Identifier]) -> list[CustomerCard]:
    ids = [customer_id] if customer_id is not None else []
    for identifier in identifiers:
        now = utc_now()
        facts = await store.find_caller(CallerQuery(identifier, now, now, now))
        ids += [each.customer_id for each in facts.customers]
    cards = [await store.get_card(each) for each in dict.fromkeys(ids)]
    return [card for card in cards if card is not None]


def _merge(arguments: argparse.Namespace) -> int:
    return _change(arguments, Merge(arguments.into, arguments.other))


def _split(arguments: argparse.Namespace) -> int:
    try:
        identifiers = _identifiers(arguments, settings_of(arguments))
    except ValueError as error:
        complain(str(error))
        return EXIT_USAGE
    return _change(arguments, Split(arguments.customer, tuple(identifiers), arguments.new, arguments.name))


def _link(arguments: argparse.Namespace) -> int:
    try:
        identifiers = _identifiers(arguments, settings_of(arguments))
    except ValueError as error:
        complain(str(error))
        return EXIT_USAGE
    if len(identifiers) != 1:
        complain("name one identifier: --phone, --email, ...")
        return EXIT_USAGE
    return _change(arguments, arguments.order(identifiers[0], arguments.customer))


def _undo(arguments: argparse.Namespace) -> int:
    return _change(arguments, Undo(arguments.change))


def _changes(arguments: argparse.Namespace) -> int:
    found = with_store(settings_of(arguments), lambda store: store.identity_changes(arguments.customer, None, max(1, arguments.limit)))
    if arguments.json:
        print(msgspec.json.encode(found).decode())
        return EXIT_OK
    table = Table(Column("no.", justify="right"), "what", "when", "by", "why", "undone", box=None, pad_edge=False)
    for change in found:
        undone = "" if change.undone_at is None else f"{_short(change.undone_at)} by {change.undone_by}"
        words = (_text(_words(change)), _short(change.at), _text(change.by), _text(change.why), _text(undone))
        table.add_row(str(change.change_id), *words)
    out.print(table)
    return EXIT_OK


def _change(arguments: argparse.Namespace, order: IdentityOrder) -> int:
    why = getattr(arguments, "why", "")
    change = with_store(settings_of(arguments), lambda store: store.change_identity(order, utc_now(), _who(), why))
    if arguments.json:
        print(msgspec.json.encode(change).decode())
    elif isinstance(order, Undo):
        out.print(_text(f"change {change.change_id} is undone: {_words(change)}"), soft_wrap=True)
    else:
        hint = f"undo it with: ctiroute customer undo {change.change_id}"
        out.print(_text(f"{_words(change)} ({hint})"), soft_wrap=True)
    return EXIT_OK


def _table(card: CustomerCard) -> None:
    customer = card.customer
    out.print(_text(f"{customer.customer_id}: {customer.name or '(no name)'}"), soft_wrap=True)
    if card.merged:
        out.print(_text(f"with {', '.join(card.merged)}"), soft_wrap=True)
    table = Table("identifier", Column("sure", justify="right"), "who says so", box=None, pad_edge=False)
    for link in card.links:
        of = f", of {link.customer_id}" if link.customer_id != customer.customer_id else ""
        said = "; ".join(map(_claim, link.claims)) + of
        table.add_row(_text(f"{link.identifier.kind} {link.identifier.value}"), f"{reliability(link.claims):.0%}", _text(said))
    for identifier, denial in card.denied:
        table.add_row(_text(f"{identifier.kind} {identifier.value}"), "no", _text(f"denied by {denial.by}, {_short(denial.at)}"))
    out.print(table)


def _claim(claim: Claim) -> str:
    by = f" {claim.by}" if claim.by else ""
    return f"{claim.source}{by}" + (f", verified {_short(claim.verified_at)}" if claim.verified_at is not None else "")


def _words(change: IdentityChange) -> str:
    keys = ", ".join(f"{each.kind} {each.value}" for each in change.identifiers)
    match change.kind.value:
        case "merge":
            return f"{change.other_id} is part of {change.customer_id}"
        case "split":
            return f"{keys}: from {change.customer_id} to {change.other_id}"
        case "confirm":
            return f"{keys} is {change.customer_id}'s"
        case _:
            return f"{keys} is not {change.customer_id}'s"


def _identifiers(arguments: argparse.Namespace, settings: Settings) -> list[Identifier]:
    given = [(kind.value, raw) for kind in IdentifierKind for raw in getattr(arguments, kind.value)]
    given += [pair.partition("=")[::2] for pair in arguments.identifier]
    found = []
    for kind, raw in given:
        try:
            found.append(parse_identifier(kind, raw, settings.region))
        except ValueError as error:
            raise ValueError(f"{kind} {raw!r} {error}") from error
    return found


def _who() -> str:
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):  # a container's user without a name
        return "cli"


def _text(words: str) -> Text:
    """Return outside text as text: no markup, nothing that moves the cursor."""
    return Text(clean(words, _WIDEST))


def _short(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}"
