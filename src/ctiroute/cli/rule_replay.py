"""`ctiroute rules replay`: what changed rules would have done to past calls."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from ctiroute.app.replay import Judge, Replay
from ctiroute.app.rule_files import read_rules
from ctiroute.app.service import utc_now
from ctiroute.cli.loop import run
from ctiroute.cli.output import EXIT_NO, EXIT_OK, EXIT_USAGE, add_config, complain, counted, err, settings_of
from ctiroute.cli.replay_words import say
from ctiroute.errors import ConfigurationError, StoreError
from ctiroute.store import open_store

if TYPE_CHECKING:
    from ctiroute.cli.output import Commands
    from ctiroute.model import CallRecord
    from ctiroute.rules import Ruleset
    from ctiroute.store.base import Store
    from ctiroute.web.api.rules_found import ReplayReport

DAYS = 7  # a whole week: each day has its own habits


def add(actions: Commands) -> None:
    """Add the command to those of `rules`."""
    parser = actions.add_parser(
        "replay",
        help="what changed rules would have done to past calls",
        description="Decides every stored call again, with the rules in use and with a candidate, on what was known of it at its time, and "
        "prints which calls would have gone elsewhere, the load of each queue by hour before and after, and what that would have meant "
        "for waits: an estimate. Nothing is changed. Ctrl-C prints what was found so far. Exit code 1: the candidate cannot be used, the "
        "replay was stopped, or --fail-if-changed found a change.",
        epilog="example: ctiroute rules replay rules.new --days 14",
    )
    add_config(parser)
    parser.add_argument("candidate", type=Path, metavar="CANDIDATE", help="a directory of *.yml files, or one file")
    parser.add_argument("--against", type=Path, metavar="PATH", help="rules to compare with (default: those of the settings)")
    parser.add_argument("--days", type=_days, metavar="N", help=f"calls of the last N days (default: {DAYS})")
    parser.add_argument("--since", type=_moment, metavar="TIME", help="calls from this time on: 2026-11-20 or 2026-11-20T09:00, in UTC")
    parser.add_argument("--until", type=_moment, metavar="TIME", help="calls before this time (default: now)")
    parser.add_argument("--limit", type=_count, metavar="N", help="stop after N calls, the oldest first")
    parser.add_argument("--fail-if-changed", action="store_true", help="exit code 1 when any call would go elsewhere or be shown otherwise")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=_replay)


def _replay(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    until = arguments.until or utc_now()
    since = arguments.since or until - timedelta(days=arguments.days or DAYS)
    if arguments.since and arguments.days:
        complain("--since and --days say the same thing: leave one out")
        return EXIT_USAGE
    if since >= until:
        complain("there is no time between --since and --until")
        return EXIT_USAGE
    candidate = _rules(arguments.candidate, "the candidate")
    against = _rules(arguments.against or settings.rules, "the rules to compare with")
    if candidate is None or against is None:
        return EXIT_NO
    report = run(_judge(settings.store_url, candidate, against, (since, until), arguments.limit))
    if arguments.json:
        print(json.dumps(msgspec.to_builtins(report), ensure_ascii=False))
    else:
        say(report, candidate.zone)
    stopped = not report.complete and arguments.limit is None
    return EXIT_NO if stopped or (arguments.fail_if_changed and report.changed) else EXIT_OK


def _rules(path: Path, what: str) -> Ruleset | None:
    try:
        return read_rules(path, forms=True)
    except ConfigurationError as error:
        for fault in error.faults:
            err.print(str(fault), markup=False, soft_wrap=True)
        complain(f"{what} cannot be used: {counted(len(error.faults), 'mistake')}")
        return None


async def _judge(url: str, candidate: Ruleset, against: Ruleset, stretch: tuple[datetime, datetime], limit: int | None) -> ReplayReport:
    async with AsyncExitStack() as stack:
        store = open_store(url)
        if await store.schema_version() == 0:
            raise StoreError("there is no store at the place the settings name")
        stack.push_async_callback(store.close)
        await store.open()
        operators = {operator.operator_id: operator for operator in await store.get_operators()}
        replay = Replay(Judge(candidate, operators), Judge(against, operators), *stretch)
        complete = await _watched(replay, store, limit)
    return replay.tally.report(*stretch, complete=complete)


async def _watched(replay: Replay, store: Store, limit: int | None) -> bool:
    """Replay with a bar on the terminal, until Ctrl-C."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    with suppress(NotImplementedError, RuntimeError):  # not on this platform, or not in the main thread: Ctrl-C ends without a report
        loop.add_signal_handler(signal.SIGINT, stop.set)
    columns = TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn()
    whole = (replay.until - replay.since).total_seconds()
    try:
        with Progress(*columns, console=err, disable=not err.is_terminal) as bars:
            bar = bars.add_task("replaying", total=whole)  # by time: counting the calls first would take as long

            def progress(last: CallRecord) -> bool:
                at = last.received_at
                if at is not None:
                    bars.update(bar, completed=(at - replay.since).total_seconds(), description=f"{replay.tally.judged:,} calls")
                return not stop.is_set()

            complete = await replay.run(store, limit, progress)
            if complete:
                bars.update(bar, completed=whole)
            return complete
    finally:
        with suppress(NotImplementedError, RuntimeError):
            loop.remove_signal_handler(signal.SIGINT)


def _days(text: str) -> float:
    try:
        days = float(text)
    except ValueError:
        days = 0
    if not 0 < days <= 3650:  # noqa: PLR2004 - ten years
        raise argparse.ArgumentTypeError(f"{text!r} is no number of days")
    return days


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of calls")
    return int(text)


def _moment(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no time: write 2026-11-20 or 2026-11-20T09:00") from None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
