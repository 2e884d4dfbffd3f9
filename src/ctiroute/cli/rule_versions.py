"""`ctiroute rules versions|diff|rollback`: who changed the rules when, what they changed, and the way back."""

from __future__ import annotations

import getpass
import json
import os
import socket
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from rich.table import Table

from ctiroute.app.rule_versions import (
    MAX_VERSIONS,
    NOW,
    Rollback,
    UnknownVersion,
    before,
    diff,
    find,
    go_back,
    plan,
    texts_now,
)
from ctiroute.app.service import utc_now
from ctiroute.cli.loop import run
from ctiroute.cli.output import EXIT_NO, EXIT_OK, EXIT_USAGE, add_config, complain, counted, err, out, settings_of
from ctiroute.errors import ConfigurationError
from ctiroute.model import RulesVersion
from ctiroute.store import open_store

if TYPE_CHECKING:
    import argparse
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
    from pathlib import Path

    from ctiroute.cli.output import Commands
    from ctiroute.settings import Settings
    from ctiroute.store.base import Store

    Work = Callable[[Store, Settings], Awaitable[int]]

_SHOWN = 20


def add(actions: Commands) -> None:
    """Add the commands to those of `rules`."""
    listing = actions.add_parser(
        "versions",
        help="list which rules came into use when, and by whom",
        description="Lists the rules that came into use, the latest first. The service keeps each version, with all its files, "
        "when it takes it.",
    )
    add_config(listing)
    listing.add_argument("--limit", type=int, default=_SHOWN, metavar="N", help=f"how many (default: {_SHOWN})")
    listing.add_argument("--json", action="store_true", help="print a JSON array")
    listing.set_defaults(run=_versions)
    comparing = actions.add_parser(
        "diff",
        help="show what changed between two versions",
        description="Prints what changed from version A to B as a unified diff; with A alone, what A changed of the version before it. "
        "Exit code 0: nothing; 1: something.",
        epilog="example: ctiroute rules diff 1f0c now",
    )
    add_config(comparing)
    comparing.add_argument("a", metavar="A", help="a version as `rules versions` shows it, its first digits, or now: what is in the folder")
    comparing.add_argument("b", metavar="B", nargs="?", help="the same")
    comparing.set_defaults(run=_diff)
    returning = actions.add_parser(
        "rollback",
        help="put an earlier version back in place",
        description="Writes the files of an earlier version into the folder of the rules, as if in one step; a running service takes them "
        "by itself. It shows what it would do, and asks first. Files that no kept version holds, a bad save say, are saved beside. "
        "Exit code 1: there is no such version, the answer was no, or the folder cannot be written to.",
    )
    add_config(returning)
    returning.add_argument(
        "version", metavar="VERSION", nargs="?", help="as `rules versions` shows it (default: the last that was in use before)"
    )
    returning.add_argument("--dry-run", action="store_true", help="only say what would be done")
    returning.add_argument("--yes", action="store_true", help="do not ask first; needed where nobody can be asked")
    returning.set_defaults(run=_rollback)


def _versions(arguments: argparse.Namespace) -> int:
    async def do(store: Store, _settings: Settings) -> int:
        used = await store.get_rules_versions(max(1, min(arguments.limit, MAX_VERSIONS)))
        if arguments.json:
            print(json.dumps([_plain(each) for each in used], ensure_ascii=False))
        elif not used:
            out.print("no version is kept yet: the service keeps one when it starts")
        else:
            table = Table("version", "in use since (UTC)", "how", "who", "node")
            for each in used:
                table.add_row(each.version, f"{each.used_at:%Y-%m-%d %H:%M:%S}", each.how, each.who, each.node)
            out.print(table)
        return EXIT_OK

    return run(_with(arguments, do))


def _diff(arguments: argparse.Namespace) -> int:
    async def do(store: Store, settings: Settings) -> int:
        first = await _texts(store, settings, arguments.a)
        if arguments.b is not None:
            old, new = first, await _texts(store, settings, arguments.b)
        else:
            if arguments.a == NOW:
                latest = await store.get_rules_versions(1)
                earlier = await store.get_rules_version(latest[0].version) if latest else None
            else:
                earlier = await before(store, (await find(store, arguments.a)).version)
            old, new = ("nothing", {}) if earlier is None else (earlier.version, earlier.files), first
        text = diff(old[1], new[1], old[0], new[0])
        if text:
            sys.stdout.write(text)
        return EXIT_NO if text else EXIT_OK

    return run(_with(arguments, do))


def _rollback(arguments: argparse.Namespace) -> int:
    if not (arguments.dry_run or arguments.yes or sys.stdin.isatty()):
        complain("there is nobody to ask whether to go on: add --yes, or --dry-run to see what would be done")
        return EXIT_USAGE

    async def do(store: Store, settings: Settings) -> int:
        planned = await plan(store, settings.rules, arguments.version)
        _say(planned, settings.rules)
        if arguments.dry_run or not (planned.swap.written or planned.swap.removed):
            return EXIT_OK
        if not arguments.yes and not _agreed():
            err.print("nothing was done")
            return EXIT_NO
        try:
            done = await go_back(store, settings.rules, planned, utc_now())
        except OSError as error:
            complain(f"{settings.rules} cannot be written to: {error.strerror or error}; nothing has changed. Run this as its owner")
            return EXIT_NO
        who = os.environ.get("SUDO_USER") or getpass.getuser()
        await store.put_rules_version(
            RulesVersion(done.after.version, utc_now(), who, "rollback", socket.gethostname(), done.after.files)
        )  # first, so that it does not pass for a save
        if done.swap.saved_to is not None:
            out.print(f"what was there is saved in {done.swap.saved_to}", markup=False, soft_wrap=True)
        out.print(f"version {done.after.version} is in place; a running service takes it within a second", markup=False, soft_wrap=True)
        return EXIT_OK

    return run(_with(arguments, do))


def _say(planned: Rollback, path: Path) -> None:
    after = planned.after
    by = f" ({after.how} by {after.who})" if after.who else ""
    was = planned.before or "what is there now, which is no version that is kept"
    out.print(f"{path}: from {was}", markup=False, soft_wrap=True)
    out.print(f"  to {after.version}, in use since {after.used_at:%Y-%m-%d %H:%M:%S} UTC{by}", markup=False, soft_wrap=True)
    for verb, names in (("write", planned.swap.written), ("remove", planned.swap.removed)):
        for name in names:
            out.print(f"  {verb:6} {name}", markup=False, soft_wrap=True)
    same = len(planned.swap.unchanged)
    out.print(f"  leave  {counted(same, 'file')} as {'it is' if same == 1 else 'they are'}", markup=False)


def _agreed() -> bool:
    err.print("Put it in place? \\[y/N] ", end="")
    try:
        return input().strip().lower() in {"y", "yes"}
    except EOFError:
        return False


async def _texts(store: Store, settings: Settings, named: str) -> tuple[str, Mapping[str, str]]:
    if named == NOW:
        return NOW, texts_now(settings.rules)
    found = await find(store, named)
    return found.version, found.files


async def _with(arguments: argparse.Namespace, work: Work) -> int:
    settings = settings_of(arguments)
    try:
        async with _store(settings) as store:
            return await work(store, settings)
    except UnknownVersion as error:
        complain(str(error))
    except ConfigurationError as error:
        for fault in error.faults:
            complain(str(fault))
    return EXIT_NO


@asynccontextmanager
async def _store(settings: Settings) -> AsyncIterator[Store]:
    store = open_store(settings.store_url)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


def _plain(used: RulesVersion) -> dict[str, str]:
    return {
        "version": used.version,
        "used_at": used.used_at.isoformat(),
        "how": used.how,
        "who": used.who,
        "node": used.node,
    }
