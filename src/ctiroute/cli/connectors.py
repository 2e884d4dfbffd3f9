"""`ctiroute connectors list|check|try|schema`: which media tell us things, whether mappings are right, and what a message would leave.

Opens no store and no connection.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ctiroute.cli.output import EXIT_NO, EXIT_OK, add_config, complain, out, settings_of
from ctiroute.cli.told import as_json, in_words, signed_by
from ctiroute.connectors.imap.mail import read_mail
from ctiroute.connectors.webhook.files import read_mapping, ready_names
from ctiroute.connectors.webhook.mapping import Reading, Refused, Unsigned, bring, place_of, verify
from ctiroute.connectors.webhook.mapping.bodies import FORM, read_body
from ctiroute.connectors.webhook.mapping.schema import schema
from ctiroute.errors import ConfigurationError, Fault, MappingError, PayloadError
from ctiroute.store.importing import external_touch_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ctiroute.cli.output import Commands
    from ctiroute.connectors.webhook.mapping import Mapping
    from ctiroute.settings import Settings

STDIN = "-"


def add(commands: Commands) -> None:
    """Add the commands."""
    parser = commands.add_parser(
        "connectors", help="check how messages of other media are read", description="Works on mapping files without a running service."
    )
    actions = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_list(actions)
    _add_check(actions)
    _add_try(actions)
    _add_schema(actions)


def _add_list(actions: Commands) -> None:
    parser = actions.add_parser(
        "list",
        help="show the mappings that are shipped, and the connectors of the settings",
        description="Prints the mappings that are shipped with what each reads and how its requests prove who sent them; with -c also the "
        "connectors that the settings name.",
    )
    add_config(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=_list)


def _add_check(actions: Commands) -> None:
    parser = actions.add_parser(
        "check",
        help="find every mistake in mapping files",
        description="Reads mapping files as the service would and prints every mistake as FILE:LINE:COLUMN with what to write instead. "
        "Without files it reads those that the settings name. Exit code 0: they can be used; 1: they cannot.",
    )
    add_config(parser)
    parser.add_argument("mapping", nargs="*", metavar="MAPPING", help="files, or names of mappings that are shipped")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=_check)


def _add_try(actions: Commands) -> None:
    parser = actions.add_parser(
        "try",
        help="show what a message would leave in the store",
        description="Reads one body of a request through a mapping and prints what would be kept of it. Nothing is kept. Exit code 0: "
        "something would be kept; 1: nothing would, or the signature is wrong.",
        epilog="example: ctiroute connectors try telegram update.json",
    )
    parser.add_argument("mapping", metavar="MAPPING", help="a file, or the name of a mapping that is shipped")
    parser.add_argument("payload", metavar="PAYLOAD", help="a file with the body of a request; - reads standard input")
    parser.add_argument("--mail", action="store_true", help="the file is a mail as it was received (.eml), for mappings of mailboxes")
    parser.add_argument(
        "--header", action="append", default=[], type=_header, metavar="'NAME: VALUE'", help="a header of the request; may be repeated"
    )
    parser.add_argument(
        "--query", action="append", default=[], type=_parameter, metavar="NAME=VALUE", help="a parameter of its address; may be repeated"
    )
    parser.add_argument("--secret-file", type=Path, metavar="FILE", help="check the signature with the secret in this file")
    parser.add_argument("--source", metavar="NAME", help="the connector's name (default: that of the mapping)")
    parser.add_argument("--region", default="UA", metavar="CC", help="country of numbers without a country code (default: %(default)s)")
    parser.add_argument("--at", type=_time, metavar="TIME", help='as if it had arrived at "2026-11-20 12:00" UTC')
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=_try)


def _add_schema(actions: Commands) -> None:
    parser = actions.add_parser(
        "schema",
        help="print the JSON Schema of mapping files, for editors",
        description="Prints the JSON Schema (draft-07) of a mapping file. Put it beside your mappings and write as the first line of each: "
        "# yaml-language-server: $schema=mappings.schema.json",
    )
    parser.set_defaults(run=_schema)


def _schema(_arguments: argparse.Namespace) -> int:
    sys.stdout.write(json.dumps(schema(), indent=2, ensure_ascii=False) + "\n")
    return EXIT_OK


def _list(arguments: argparse.Namespace) -> int:
    ready = [(name, read_mapping(name)) for name in ready_names()]
    named = list(_named(settings_of(arguments)))
    if arguments.json:
        shipped = [{"name": name, "about": one.about, "signature": signed_by(one.signature)} for name, one in ready]
        print(json.dumps({"ready": shipped, "connectors": [asdict(one) for one in named]}, ensure_ascii=False))
        return EXIT_OK
    width = max(len(name) for name in (*(name for name, _ in ready), *(one.name for one in named)))
    for name, one in ready:
        _say(f"{name:{width}}  {one.about}")
        _say(f"{'':{width}}  signed by {signed_by(one.signature)}")
    if named:
        _say("")
        _say("Connectors of the settings:")
    for each in named:
        _say(f"{each.name:{width}}  {each.way}, mapping {each.mapping}" + ("" if each.secret else ", no secret is set"))
    return EXIT_OK


def _check(arguments: argparse.Namespace) -> int:
    faults: list[Fault] = []
    right: list[str] = []
    for each in arguments.mapping or dict.fromkeys(one.mapping for one in _named(settings_of(arguments))):
        try:
            read_mapping(each)
        except MappingError as error:
            faults += error.faults
        else:
            right.append(each)
    if arguments.json:
        print(json.dumps({"ok": not faults, "right": right, "faults": [asdict(one) for one in faults]}, ensure_ascii=False))
    else:
        for fault in faults:
            _say(str(fault))
        for each in right:
            _say(f"{each}: can be used")
        if not (faults or right):
            _say("the settings name no connectors; write the mapping to check")
    return EXIT_NO if faults else EXIT_OK


@dataclass(frozen=True, slots=True)
class _Named:
    """A connector of the settings, without what must not be shown."""

    name: str
    way: str  # how its messages come
    mapping: str
    secret: bool  # there is one


def _named(settings: Settings) -> Iterator[_Named]:
    media = settings.connectors
    for hook in media.hooks:
        yield _Named(hook.name, f"POST /hooks/{hook.name}", hook.mapping, bool(hook.secret))
    for box in media.imap:
        yield _Named(box.name, f"mailbox {box.username} at {box.host}", box.mapping, bool(box.secret))
    for bot in media.telegram:
        yield _Named(bot.name, f"asked of {bot.api}", bot.mapping, bool(bot.secret))


def _say(line: str) -> None:
    out.print(line, markup=False, soft_wrap=True)


def _try(arguments: argparse.Namespace) -> int:
    mapping = read_mapping(arguments.mapping)
    body = _body(arguments.payload)
    how = Reading(arguments.region, arguments.at or datetime.now(UTC), touch_id=external_touch_id)
    try:
        place = place_of(_payload(arguments, mapping, body, how), dict(arguments.header), dict(arguments.query))
        if arguments.secret_file is not None:
            verify(mapping.signature, _secret(arguments.secret_file), body, place, how)
    except (PayloadError, Refused) as error:
        complain(str(error))
        return EXIT_NO
    brought = bring(mapping, arguments.source or Path(mapping.file).stem, place, how)
    checked = arguments.secret_file is not None or isinstance(mapping.signature, Unsigned)
    if arguments.json:
        print(json.dumps({**as_json(brought), "signature_checked": checked}, ensure_ascii=False))
    else:
        for line in in_words(brought):
            _say(line)
        if not checked:
            _say("(the signature was not checked: --secret-file does)")
    return EXIT_OK if brought else EXIT_NO


def _payload(arguments: argparse.Namespace, mapping: Mapping, body: bytes, how: Reading) -> object:
    """Return what the paths lead through. Raises `PayloadError`."""
    if arguments.mail:
        return read_mail(body, how.now.isoformat())
    told = (value for name, value in arguments.header if name.lower() == "content-type")
    return read_body(body, next(told, FORM if mapping.bodies == ("form",) else ""), mapping.bodies)


def _body(named: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if named == STDIN else Path(named).read_bytes()
    except OSError as error:
        raise ConfigurationError([Fault(named, 0, 0, f"cannot be read: {error.strerror or error}")]) from error


def _secret(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError([Fault(str(path), 0, 0, f"cannot be read: {error}")]) from error


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise argparse.ArgumentTypeError(f"{text!r} is no header: write 'Name: value'")
    return name.strip(), value.strip()


def _parameter(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"{text!r} is no parameter: write name=value")
    return name, value


def _time(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f'{text!r} is no time: write "2026-11-20 12:00"') from None
    return (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).astimezone(UTC)
