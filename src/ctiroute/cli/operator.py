"""`ctiroute operator add|list`: who takes calls and looks at a screen."""

from __future__ import annotations

import getpass
import json
import re
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.table import Table

from ctiroute.cli.loop import run
from ctiroute.cli.output import EXIT_OK, EXIT_USAGE, add_config, complain, out, settings_of
from ctiroute.model import Operator, Role
from ctiroute.settings import LANGUAGES
from ctiroute.store import open_store
from ctiroute.web.passwords import hash_password

if TYPE_CHECKING:
    import argparse

    from ctiroute.cli.output import Commands
    from ctiroute.settings import Settings

MIN_PASSWORD = 8  # characters; sign-in is throttled, so length matters more than symbols
_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.ASCII)


def add(commands: Commands) -> None:
    """Add the commands."""
    parser = commands.add_parser("operator", help="add and list operators", description="Operators: sign-in, phone and language.")
    actions = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    adding = actions.add_parser(
        "add",
        help="add an operator, or change one",
        description="Adds an operator, or replaces what is known of one. The password is asked for twice on a terminal, and read as one "
        "line from standard input otherwise; with --no-password it is left alone.",
        epilog="example: ctiroute operator add olena --name 'Olena K.' --interface PJSIP/1001 --language uk",
    )
    add_config(adding)
    adding.add_argument("operator_id", metavar="ID", help="sign-in name: lower case letters, digits, . _ -")
    adding.add_argument("--name", help="as colleagues know this person (default: the id)")
    adding.add_argument(
        "--interface", action="append", default=[], metavar="TECH/NAME", help="phone as queues name it, PJSIP/1001; may repeat"
    )
    adding.add_argument("--extension", help="number of the phone (default: the digits of the first interface)")
    adding.add_argument("--member-name", help="MemberName in queues.conf, where it tells operators apart")
    adding.add_argument("--language", choices=LANGUAGES, default="en", help="language of the screen")
    adding.add_argument("--role", choices=[role.value for role in Role], default=Role.OPERATOR.value, help="what this person may see")
    adding.add_argument("--team", default="", help="for supervisors")
    adding.add_argument("--no-password", action="store_true", help="keep the stored password; a new operator cannot sign in by one")
    adding.set_defaults(run=_add)
    listing = actions.add_parser("list", help="list operators", description="Lists operators with their phones.")
    add_config(listing)
    listing.add_argument("--json", action="store_true", help="print a JSON array")
    listing.set_defaults(run=_list)


def _add(arguments: argparse.Namespace) -> int:
    operator_id: str = arguments.operator_id
    if not _ID.fullmatch(operator_id):
        complain(f"{operator_id!r} cannot be a sign-in name: use lower case letters, digits, . _ -")
        return EXIT_USAGE
    interfaces: tuple[str, ...] = tuple(arguments.interface)
    if wrong := [each for each in interfaces if not re.fullmatch(r"[A-Za-z0-9]+/[A-Za-z0-9_.@/-]{1,100}", each)]:
        complain(f"{wrong[0]!r} is no interface: write it as Asterisk does, PJSIP/1001 or Local/1001@from-queue/n")
        return EXIT_USAGE
    extension: str | None = arguments.extension
    if extension is None and interfaces:
        found = re.search(r"/([0-9]+)", interfaces[0])
        extension = found.group(1) if found else None
    password = None if arguments.no_password else _ask_password()
    if password is not None and len(password) < MIN_PASSWORD:
        complain(f"the password is too short: at least {MIN_PASSWORD} characters")
        return EXIT_USAGE
    operator = Operator(
        operator_id=operator_id,
        name=arguments.name or operator_id,
        interfaces=interfaces,
        extension=extension,
        member_name=arguments.member_name,
        language=arguments.language,
        role=Role(arguments.role),
        team=arguments.team,
    )
    run(_put(settings_of(arguments), operator, hash_password(password) if password is not None else None))
    phone = ", ".join(interfaces) or "no phone yet (add --interface)"
    out.print(f"{operator_id} is known: {phone}; a running service sees it within 5 s", markup=False)
    return EXIT_OK


def _ask_password() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    while True:
        password = getpass.getpass("Password: ")
        if getpass.getpass("Once more: ") == password:
            return password
        complain("they differ")


async def _put(settings: Settings, operator: Operator, password_hash: str | None) -> None:
    store = open_store(settings.store_url)
    await store.open()
    try:
        await store.put_operator(operator, password_hash)
    finally:
        await store.close()


def _list(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)

    async def read() -> list[Operator]:
        store = open_store(settings.store_url)
        await store.open()
        try:
            return await store.get_operators()
        finally:
            await store.close()

    operators = run(read())
    if arguments.json:
        print(json.dumps([asdict(operator) for operator in operators], ensure_ascii=False))
        return EXIT_OK
    if not operators:
        out.print("no operators yet; add one: ctiroute operator add ID --interface PJSIP/1001")
        return EXIT_OK
    table = Table("id", "name", "phones", "extension", "language", "role")
    for each in operators:
        table.add_row(each.operator_id, each.name, ", ".join(each.interfaces), each.extension or "", each.language, each.role.value)
    out.print(table)
    return EXIT_OK
