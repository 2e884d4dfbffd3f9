"""`ctiroute erase`: forgets a person who asks for it, and says what it did."""

from __future__ import annotations

import json
import sys
from random import Random
from typing import TYPE_CHECKING

from rich.table import Table

from ctiroute.app.service import utc_now
from ctiroute.cli.loop import run
from ctiroute.cli.output import EXIT_NO, EXIT_OK, EXIT_USAGE, add_config, complain, err, out, settings_of
from ctiroute.errors import StoreError
from ctiroute.model import Identifier, IdentifierKind, Subject
from ctiroute.model.identifying import parse_identifier
from ctiroute.store import open_store
from ctiroute.store.redis import HotCopy, SharedMemory, open_link

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from ctiroute.cli.output import Commands
    from ctiroute.model import Erasure
    from ctiroute.settings import Settings

# What is done with each kind of record, in the order of the report.
_DONE = (
    ("customers", "customers, with their attributes", "removed"),
    ("touches", "touches: what was sent, and to whom", "removed"),
    ("interactions", "interactions, with forms and messages", "removed"),
    ("calls", "calls: number, customer, what was known", "made anonymous"),
    ("missed_calls", "missed calls: number, name, headline", "made anonymous"),
    ("wrap_ups", "operators' notes on these calls", "emptied"),
    ("callbacks", "callback orders", "removed"),
    ("deliveries", "what other systems were told, or were to be", "removed"),
    ("identity_changes", "who was taken for whom, in the audit", "removed"),
    ("snapshots", "what was known at calls of others near", "removed"),
)
NOT_REACHED = (
    "files that commands wrote: refused rows of imports, imports that can be resumed, exports",
    "backups and copies of the store, and what was imported from: an import of the same file brings the person back",
    "Asterisk's own call records and recordings, and other systems that were told",
)


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "erase",
        help="forget a person who asks for it",
        description="Forgets a person over every identifier: customer, touches, interactions and notes are removed; of calls it stays that "
        "there was one. What belongs to others who share a number is kept, and named. It shows what it would do, and asks first. Running "
        "nodes forget within seconds. Exit code 1: the number is several customers' and one has to be named, the answer was no, or Redis "
        "was away.",
        epilog="example: ctiroute erase --phone +380671234567",
    )
    add_config(parser)
    for kind in IdentifierKind:
        parser.add_argument(f"--{kind}", action="append", default=[], metavar=kind.upper(), help=f"whoever has this {kind}; may repeat")
    parser.add_argument(
        "--identifier",
        action="append",
        default=[],
        metavar="KIND=VALUE",
        help="the same of a kind of your own: loyalty-card=4711; may repeat",
    )
    parser.add_argument("--customer", action="append", default=[], metavar="ID", help="the company's own key of a customer; may repeat")
    parser.add_argument("--dry-run", action="store_true", help="only say what would be done")
    parser.add_argument("--yes", action="store_true", help="do not ask first; needed where nobody can be asked")
    parser.add_argument("--json", action="store_true", help="print the report as one JSON object")
    parser.set_defaults(run=_erase)


def _erase(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    identifiers: list[Identifier] = []
    given = [(kind.value, raw) for kind in IdentifierKind for raw in getattr(arguments, kind.value)]
    for kind, raw in (*given, *(pair.partition("=")[::2] for pair in arguments.identifier)):
        try:
            identifiers.append(parse_identifier(kind, raw, settings.region))
        except ValueError as error:
            complain(f"{kind} {raw!r} {error}")
            return EXIT_USAGE
    subject = Subject(tuple(identifiers), tuple(arguments.customer))
    if not identifiers and not subject.customer_ids:
        complain("say whom to forget: --phone, --email, --customer, ...")
        return EXIT_USAGE
    if not (arguments.dry_run or arguments.yes or sys.stdin.isatty()):
        complain("there is nobody to ask whether to go on: add --yes, or --dry-run to see what would be done")
        return EXIT_USAGE
    return run(_carry_out(arguments, settings, subject))


async def _carry_out(arguments: argparse.Namespace, settings: Settings, subject: Subject) -> int:
    store = open_store(settings.store_url)
    await store.open()
    try:
        found = await store.find_erasable(subject)
        if found.candidates:
            _say(found, arguments)
            return EXIT_NO
        if not (arguments.dry_run or arguments.yes):
            _table(found, "what would be done")
            if not _agreed():
                err.print("nothing was done")
                return EXIT_NO
        done = found if arguments.dry_run else await store.erase(subject, utc_now())
    finally:
        await store.close()
    away = "" if arguments.dry_run or not settings.redis else await _forget_copy(settings.redis, done.identifiers)
    _say(done, arguments)
    if away:
        complain(f"{away}; what Redis holds of the person goes within a day, or when this is run again")
        return EXIT_NO
    return EXIT_OK


async def _forget_copy(url: str, identifiers: Sequence[Identifier]) -> str:
    """Take the person out of Redis, where no node may run that would; return why it could not be done, "" when it could."""
    link = open_link(url, "erase", Random())  # noqa: S311 - spreads waits, guards nothing
    try:
        await HotCopy(link, link, utc_now).forget(identifiers)
        await SharedMemory(link, link).forget_news()
    except StoreError as error:
        return str(error)
    finally:
        await link.close()
    return ""


def _agreed() -> bool:
    err.print("This cannot be undone. Erase? Write yes: ", end="")
    return sys.stdin.readline().strip().lower() == "yes"


def _say(erasure: Erasure, arguments: argparse.Namespace) -> None:
    if arguments.json:
        print(json.dumps(_as_json(erasure, dry_run=arguments.dry_run), ensure_ascii=False))
    elif erasure.candidates:
        complain(f"this is several customers': {', '.join(erasure.candidates)}; nothing was done. Name whom to forget with --customer")
    else:
        _table(erasure, "what would be done" if arguments.dry_run else "what was done")


def _table(erasure: Erasure, title: str) -> None:
    whose = [*(f"customer {one}" for one in erasure.customer_ids), *(f"{one.kind} {one.value}" for one in erasure.identifiers)]
    out.print(f"{title}, for {', '.join(whose) or 'nobody we know'}", markup=False, soft_wrap=True)
    table = Table("records", "", "count", box=None, pad_edge=False)
    for name, what, done in _DONE:
        table.add_row(what, done, f"{getattr(erasure, name):,}")
    out.print(table)
    for kept in erasure.kept:
        out.print(f"kept: {kept.count:,} {kept.kind}: {kept.why}", markup=False, soft_wrap=True)
    out.print("not reached:")
    for place in NOT_REACHED:
        out.print(f"  {place}", markup=False, soft_wrap=True)


def _as_json(erasure: Erasure, *, dry_run: bool) -> dict[str, object]:
    return {
        "dry_run": dry_run,
        "customers": list(erasure.customer_ids),
        "identifiers": [{"kind": one.kind, "value": one.value} for one in erasure.identifiers],
        "done": {name: getattr(erasure, name) for name, _, _ in _DONE},
        "kept": [{"kind": kept.kind, "count": kept.count, "why": kept.why} for kept in erasure.kept],
        "candidates": list(erasure.candidates),
        "not_reached": list(NOT_REACHED),
    }
