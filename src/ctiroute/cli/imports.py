"""`ctiroute import touches|customers`: files of the company into the store, with progress and a file of refused rows."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from ctiroute.app.service import utc_now
from ctiroute.cli.loop import run
from ctiroute.cli.output import EXIT_NO, EXIT_OK, EXIT_USAGE, add_config, complain, counted, err, out, settings_of
from ctiroute.model import Medium
from ctiroute.store import open_store
from ctiroute.store.importing import (
    CUSTOMER_COLUMNS,
    TOUCH_COLUMNS,
    ImportOptions,
    ImportProgress,
    ImportResult,
    import_customers,
    import_touches,
)

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from datetime import tzinfo

    from ctiroute.cli.output import Commands
    from ctiroute.settings import Settings

_KINDS = {
    "touches": (import_touches, "what was sent: a row for each message", TOUCH_COLUMNS),
    "customers": (import_customers, "customers with their numbers and attributes", CUSTOMER_COLUMNS),
}


def add(commands: Commands) -> None:
    """Add the commands."""
    parser = commands.add_parser(
        "import", help="import touches or customers from CSV", description="Reads a CSV into the store. Importing it again changes nothing."
    )
    actions = parser.add_subparsers(title="commands", metavar="KIND", required=True)
    for kind, (_, purpose, columns) in _KINDS.items():
        action = actions.add_parser(
            kind,
            help=purpose,
            description=f"Imports {purpose}. Encoding, separator and the usual headers are recognised; columns nobody knows are kept as "
            f"{'fields of the offer' if kind == 'touches' else 'attributes'}. Every row is checked before the first is written.",
            epilog=f"columns: {', '.join(columns)}. Details: docs/reference/import.md",
        )
        add_config(action)
        action.add_argument("file", type=Path, metavar="FILE.csv", help="the file")
        action.add_argument("--map", action="append", default=[], metavar="OURS=HEADER", help="a header we would not recognise; may repeat")
        action.add_argument("--timezone", default="UTC", help="of times without an offset, such as Europe/Kyiv (default: UTC)")
        action.add_argument("--encoding", help="where recognising it fails: cp1251, utf-8, ...")
        action.add_argument("--delimiter", help="where recognising it fails: , ; or a tab")
        action.add_argument("--max-rejects", type=int, default=100, metavar="N", help="one more, and nothing is kept (default: 100)")
        action.add_argument("--rejects", type=Path, metavar="FILE", help="where refused rows go (default: FILE.rejects.csv)")
        action.add_argument("--json", action="store_true", help="print the result as one JSON object")
        if kind == "touches":
            action.add_argument("--campaign", default="", help="campaign key, when the file has no such column")
            action.add_argument(
                "--medium", choices=[medium.value for medium in Medium], default="sms", help="of rows that name none (default: sms)"
            )
        action.set_defaults(run=_import, kind=kind, campaign="", medium="sms")


def _import(arguments: argparse.Namespace) -> int:
    file: Path = arguments.file
    if not file.is_file():
        complain(f"{file} is a folder, and a file is wanted" if file.is_dir() else f"there is no file {file}")
        return EXIT_USAGE
    columns = dict(pair.split("=", 1) for pair in arguments.map if "=" in pair)
    if len(columns) < len(arguments.map):
        complain("--map wants OURS=HEADER, as in --map phone='Client number'")
        return EXIT_USAGE
    zone = _zone(arguments.timezone)
    if zone is None:
        complain(f"there is no timezone {arguments.timezone!r}; write it as Europe/Kyiv")
        return EXIT_USAGE
    rejects: Path = arguments.rejects or file.with_suffix(".rejects.csv")
    options = ImportOptions(
        columns=columns,
        timezone=zone,
        medium=Medium(arguments.medium),
        campaign=arguments.campaign,
        encoding=arguments.encoding,
        delimiter=arguments.delimiter,
        max_rejects=arguments.max_rejects,
        rejects=rejects,
    )
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[rows]:,} rows"),
        TimeRemainingColumn(),
        console=err,
        transient=True,
        disable=not sys.stderr.isatty(),  # where nobody watches, even an empty bar would leave an empty line
    ) as bars:
        bar = bars.add_task("checking", total=None, rows=0)

        def progress(done: ImportProgress) -> None:
            bars.update(
                bar,
                description="writing " if done.writing else "checking",
                completed=done.bytes_done,
                total=done.bytes_total,
                rows=done.rows_done,
            )

        result = run(_run(arguments.kind, file, settings_of(arguments), options, progress))
    if arguments.json:
        print(json.dumps({**asdict(result), "rejects": str(rejects) if result.rejected else None}))
    else:
        out.print(
            f"{counted(result.read, 'row')}: {result.added:,} added, {result.updated:,} known before, {result.rejected:,} refused",
            markup=False,
        )
        if result.rejected:
            out.print(f"refused rows with their reasons: {rejects}", markup=False, soft_wrap=True)
    if result.read and result.rejected == result.read:
        sys.stderr.write("no row could be used\n")
        return EXIT_NO
    return EXIT_OK


async def _run(
    kind: str, file: Path, settings: Settings, options: ImportOptions, progress: Callable[[ImportProgress], None]
) -> ImportResult:
    work = _KINDS[kind][0]
    store = open_store(settings.store_url)
    await store.open()
    try:
        return await work(file, store, settings.region, utc_now(), options, progress)
    finally:
        await store.close()


def _zone(name: str) -> tzinfo | None:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
