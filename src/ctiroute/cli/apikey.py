"""`ctiroute apikey create|list|revoke`: by which other programs of the company may talk to us."""

from __future__ import annotations

import argparse
import json
import re
from datetime import timedelta
from typing import TYPE_CHECKING

from rich.table import Column, Table

from ctiroute.app.service import utc_now
from ctiroute.cli.loop import with_store
from ctiroute.cli.output import EXIT_NO, EXIT_OK, add_config, complain, out, settings_of
from ctiroute.model import Scope
from ctiroute.web.api.keys import new_key

if TYPE_CHECKING:
    from datetime import datetime

    from ctiroute.cli.output import Commands
    from ctiroute.model import ApiKey


_MAX_NAME = 100


def add(commands: Commands) -> None:
    """Add the commands."""
    parser = commands.add_parser(
        "apikey", help="make, list and revoke API keys", description="Keys of other programs, for /api/v1: campaigns and gateways."
    )
    actions = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    creating = actions.add_parser(
        "create",
        help="make a key",
        description="Makes a key and prints it, this once: only a hash of it is kept. A running service takes it at once.",
        epilog="example: ctiroute apikey create 'sms gateway' --scope receipts --expires 365d",
    )
    add_config(creating)
    creating.add_argument("name", type=_name, metavar="NAME", help="whose key it is, for people")
    creating.add_argument(
        "--scope",
        action="append",
        choices=[scope.value for scope in Scope],
        required=True,
        help="what it may do: bring touches in, tell what became of them, look at rules, change them; may repeat",
    )
    creating.add_argument("--expires", type=_days, metavar="DAYSd", help="after which it is not taken any more: 365d (default: never)")
    creating.add_argument("--json", action="store_true", help="print one JSON object")
    creating.set_defaults(run=_create)
    listing = actions.add_parser(
        "list", help="list keys", description="Lists all keys, without their secrets, and when each was last used."
    )
    add_config(listing)
    listing.add_argument("--json", action="store_true", help="print a JSON array")
    listing.set_defaults(run=_list)
    revoking = actions.add_parser("revoke", help="end a key", description="Ends a key: a running service refuses it at once.")
    add_config(revoking)
    revoking.add_argument("key_id", metavar="ID", help="as `apikey list` shows it")
    revoking.set_defaults(run=_revoke)


def _create(arguments: argparse.Namespace) -> int:
    now, lasts = utc_now(), arguments.expires
    key, token, secret_hash = new_key(arguments.name, map(Scope, arguments.scope), now, None if lasts is None else now + lasts)
    with_store(settings_of(arguments), lambda store: store.put_api_key(key, secret_hash))
    if arguments.json:
        print(json.dumps({**_plain(key), "key": token}, ensure_ascii=False))
        return EXIT_OK
    print(token)
    out.print(f"key {key.key_id} of {key.name!r}: keep the line above, it is not shown again", markup=False, soft_wrap=True)
    return EXIT_OK


def _list(arguments: argparse.Namespace) -> int:
    keys = with_store(settings_of(arguments), lambda store: store.get_api_keys())
    if arguments.json:
        print(json.dumps([_plain(key) for key in keys], ensure_ascii=False))
        return EXIT_OK
    if not keys:
        out.print("no keys yet; make one: ctiroute apikey create NAME --scope touches")
        return EXIT_OK
    table, now = Table(Column("id", no_wrap=True), "name", "scopes", "made", "expires", "last used", "state"), utc_now()
    for key in keys:
        state = "in force" if key.is_valid(now) else "revoked" if key.revoked_at else "expired"
        times = (_short(key.created_at), _short(key.expires_at) or "never", _short(key.last_used_at) or "never")
        table.add_row(key.key_id, key.name, ", ".join(sorted(key.scopes)), *times, state)
    out.print(table)
    return EXIT_OK


def _revoke(arguments: argparse.Namespace) -> int:
    if not with_store(settings_of(arguments), lambda store: store.revoke_api_key(arguments.key_id, utc_now())):
        complain(f"there is no key {arguments.key_id!r}; `ctiroute apikey list` shows all")
        return EXIT_NO
    out.print(f"key {arguments.key_id} is revoked", markup=False)
    return EXIT_OK


def _plain(key: ApiKey) -> dict[str, object]:
    return {
        "key_id": key.key_id,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "created_at": key.created_at.isoformat(),
        "expires_at": key.expires_at and key.expires_at.isoformat(),
        "revoked_at": key.revoked_at and key.revoked_at.isoformat(),
        "last_used_at": key.last_used_at and key.last_used_at.isoformat(),
    }


def _short(at: datetime | None) -> str:
    return "" if at is None else f"{at:%Y-%m-%d %H:%M}"


def _name(text: str) -> str:
    if not (text.strip() and len(text) <= _MAX_NAME and text.isprintable()):
        raise argparse.ArgumentTypeError(f"a name is 1 to {_MAX_NAME} characters that can be printed")
    return text


def _days(text: str) -> timedelta:
    found = re.fullmatch(r"([1-9][0-9]{0,4})d", text, re.ASCII)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of days: write 365d")
    return timedelta(days=int(found[1]))
