"""`ctiroute import touches|customers`: files of the company into the store, with progress and a file of refused rows."""

from __future__ import annotations

import argparse
import gc
import json
import os
import re
import sys
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

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
    parse_limit,
    read_profile,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import tzinfo

    from ctiroute.cli.output import Commands
    from ctiroute.settings import Settings

_KINDS = {
    "touches": (import_touches, "what was sent: a row for each message", TOUCH_COLUMNS),
    "customers": (import_customers, "customers with their numbers and attributes", CUSTOMER_COLUMNS),
}
_STDIN = Path("-")
_NICER = 5  # beside live calls on the same machine, those go first
_MOST_PROCESSES = 4  # that parse: from there on the database has more to do than they
_GARBAGE = 100_000  # values made until the next look for cycles: rows have none, and the default looks at each of them several times


def add(commands: Commands) -> None:
    """Add the commands."""
    parser = commands.add_parser(
        "import",
        help="import touches or customers from CSV or NDJSON",
        description="Reads files into the store. Importing one again changes nothing.",
    )
    actions = parser.add_subparsers(title="commands", metavar="KIND", required=True)
    for kind, (_, purpose, columns) in _KINDS.items():
        action = actions.add_parser(
            kind,
            help=purpose,
            description=f"Imports {purpose}. CSV or NDJSON, packed by gzip or not; encoding, separator and the usual headers are "
            f"recognised; columns nobody knows are kept as {'fields of the offer' if kind == 'touches' else 'attributes'}. Every row of a "
            "file is checked before the first is written.",
            epilog=f"columns: {', '.join(columns)}. Details: docs/reference/import.md",
        )
        add_config(action)
        action.add_argument("files", type=Path, nargs="+", metavar="FILE", help="the files, one after another; - is standard input")
        action.add_argument(
            "--profile", type=Path, metavar="FILE.yml", help="options of a source, written down once; those given here count"
        )
        action.add_argument(
            "--map", action="append", type=_pair, default=[], metavar="OURS=HEADER", help="a header we would not recognise; may repeat"
        )
        action.add_argument("--timezone", type=_zone, help="of times without an offset, such as Europe/Kyiv (default: UTC)")
        action.add_argument("--encoding", help="where recognising it fails: cp1251, utf-8, ...")
        action.add_argument("--delimiter", help="where recognising it fails: , ; or a tab")
        action.add_argument(
            "--max-rejects", type=_limit, metavar="N[%]", help="one more bad row, and nothing of the file is kept (default: 100)"
        )
        action.add_argument("--rejects", type=Path, metavar="FILE", help="where refused rows go (default: FILE.rejects.csv)")
        action.add_argument("--resume", action="store_true", help="go on where the same import was cut off, if it was")
        action.add_argument("--json", action="store_true", help="print the result of each file as one JSON object a line")
        if kind == "touches":
            action.add_argument("--campaign", help="campaign key, when the file has no such column")
            action.add_argument("--medium", choices=[medium.value for medium in Medium], help="of rows that name none (default: sms)")
        else:
            action.add_argument(
                "--source", type=_source, help="who says by what customers are known, such as crm: it replaces only what it said"
            )
            action.add_argument("--verified", action="store_true", default=None, help="that source has made sure of these identifiers")
        action.set_defaults(run=_import, kind=kind, campaign=None, medium=None)


def _import(arguments: argparse.Namespace) -> int:
    files: list[Path] = arguments.files
    for file in files:
        if file != _STDIN and not file.exists():
            complain(f"there is no file {file}")
            return EXIT_USAGE
        if file.is_dir():
            complain(f"{file} is a folder, and a file is wanted")
            return EXIT_USAGE
    if arguments.rejects and len(files) > 1:
        complain("--rejects names one file, and several are imported: leave it out, and each has its own beside it")
        return EXIT_USAGE
    settings = settings_of(arguments)
    options = _options(arguments, settings)
    with suppress(OSError):
        os.nice(_NICER)
    gc.freeze()
    gc.set_threshold(_GARBAGE)
    code = EXIT_OK
    for file in files:
        rejects: Path = arguments.rejects or (Path("stdin.rejects.csv") if file == _STDIN else file.with_suffix(".rejects.csv"))
        each = replace(options, rejects=rejects)
        try:
            result = _one(arguments.kind, sys.stdin.buffer if file == _STDIN else file, settings, each)
        except KeyboardInterrupt:
            complain("interrupted; what is written stays, and the same command with --resume goes on from there")
            return 130
        _say(file if len(files) > 1 else None, result, rejects, as_json=arguments.json)
        if result.read and result.rejected == result.read:
            sys.stderr.write("no row could be used\n")
            code = EXIT_NO
    return code


def _options(arguments: argparse.Namespace, settings: Settings) -> ImportOptions:
    """Return the profile's options with those of the command line over them."""
    options = read_profile(arguments.profile, arguments.kind) if arguments.profile else ImportOptions()
    given = {
        "timezone": arguments.timezone,
        "encoding": arguments.encoding,
        "delimiter": arguments.delimiter,
        "campaign": arguments.campaign,
        "source": getattr(arguments, "source", None),
        "verified": getattr(arguments, "verified", None),
        "medium": Medium(arguments.medium) if arguments.medium else None,
    }
    if arguments.max_rejects:
        given["max_rejects"], given["max_rejects_percent"] = arguments.max_rejects
    options = replace(options, **{name: value for name, value in given.items() if value is not None})
    options = replace(
        options,
        columns={**options.columns, **dict(arguments.map)},
        checkpoints=settings.data_dir / "imports",
        target=settings.store_url,
        resume=arguments.resume,
        processes=min(os.cpu_count() or 1, _MOST_PROCESSES),
    )
    # The embedded store has one writer at a time, so the service has its turn between two transactions; others need no such gap.
    return options if settings.store_url.startswith("sqlite:") else replace(options, breath=0.0)


def _one(kind: str, file: Path | IO[bytes], settings: Settings, options: ImportOptions) -> ImportResult:
    """Import one file under a bar that shows rows, rate and time left."""
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[rows]:,} rows, {task.fields[rate]:,.0f} a second"),
        TimeRemainingColumn(),
        console=err,
        transient=True,
        disable=not sys.stderr.isatty(),  # where nobody watches, even an empty bar would leave an empty line
    ) as bars:
        bar = bars.add_task("checking", total=None, rows=0, rate=0.0)
        began = {False: bars.get_time()}  # of each pass

        def progress(done: ImportProgress) -> None:
            seconds = bars.get_time() - began.setdefault(done.writing, bars.get_time())
            bars.update(
                bar,
                description="writing " if done.writing else "checking",
                completed=done.bytes_done,
                total=done.bytes_total,
                rows=done.rows_done,
                rate=done.rows_done / seconds if seconds else 0.0,
            )

        return run(_run(kind, file, settings, options, progress))


def _say(file: Path | None, result: ImportResult, rejects: Path, *, as_json: bool) -> None:
    if as_json:
        first = [{"line": line, "column": column, "reason": reason} for line, column, reason in result.first_rejects]
        named = {"file": str(file)} if file else {}
        print(json.dumps({**named, **asdict(result), "first_rejects": first, "rejects": str(rejects) if result.rejected else None}))
        return
    name = f"{file}: " if file else ""
    again = f" (the first {result.resumed_at:,} by an earlier run)" if result.resumed_at else ""
    said = f"{result.added:,} added, {result.updated:,} known before, {result.rejected:,} refused"
    out.print(f"{name}{counted(result.read, 'row')}{again}: {said}", markup=False, soft_wrap=True)
    if result.rejected:
        out.print(f"refused rows with their reasons: {rejects}", markup=False, soft_wrap=True)


async def _run(
    kind: str, file: Path | IO[bytes], settings: Settings, options: ImportOptions, progress: Callable[[ImportProgress], None]
) -> ImportResult:
    work = _KINDS[kind][0]
    store = open_store(settings.store_url)
    await store.open()
    try:
        return await work(file, store, settings.region, datetime.now(UTC), options, progress)
    finally:
        await store.close()


def _source(text: str) -> str:
    if re.fullmatch(r"[a-z0-9][a-z0-9_.-]{0,63}", text) is None:
        raise argparse.ArgumentTypeError("a source has small letters, digits and _ . - only, as in crm")
    return text


def _pair(text: str) -> tuple[str, str]:
    ours, equals, header = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError("wants OURS=HEADER, as in --map phone='Client number'")
    return ours, header


def _zone(text: str) -> tzinfo:
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise argparse.ArgumentTypeError(f"there is no timezone {text!r}; write it as Europe/Kyiv") from None


def _limit(text: str) -> tuple[int, float | None]:
    try:
        return parse_limit(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
