"""`ctiroute db upgrade|current|copy|purge`: the store's schema, all of it, and what is old in it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry

from ctiroute.app.retention import Purger, cuts_of, in_words
from ctiroute.app.service import utc_now
from ctiroute.cli import db_copy
from ctiroute.cli.loop import run
from ctiroute.cli.output import EXIT_OK, add_config, out, place_of, settings_of
from ctiroute.store import open_store

if TYPE_CHECKING:
    import argparse

    from ctiroute.cli.output import Commands
    from ctiroute.model import Purged
    from ctiroute.settings import Settings


def add(commands: Commands) -> None:
    """Add the commands."""
    parser = commands.add_parser(
        "db",
        help="upgrade, move and tidy up the store",
        description="The store: its schema, which `serve` upgrades by itself, and what is old in it.",
    )
    actions = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, purpose, work in (
        ("upgrade", "run the migrations that have not run yet", _upgrade),
        ("current", "print the number of the newest migration, and change nothing", _current),
    ):
        action = actions.add_parser(name, help=purpose, description=f"To {purpose}.")
        add_config(action)
        action.set_defaults(run=work)
    db_copy.add(actions)
    purging = actions.add_parser(
        "purge",
        help="remove what has been kept for long enough",
        description="Removes what is older than the settings under `retention` allow, as the service does by itself once an hour. "
        "It may run beside the service.",
    )
    add_config(purging)
    purging.add_argument("--dry-run", action="store_true", help="only count what would be removed")
    purging.add_argument("--json", action="store_true", help="print the counts as one JSON object")
    purging.set_defaults(run=_purge)


def _upgrade(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)

    async def upgrade() -> tuple[int, int]:
        store = open_store(settings.store_url)
        before = await store.schema_version()
        await store.open()
        try:
            return before, await store.schema_version()
        finally:
            await store.close()

    before, now = run(upgrade())
    _say(settings, f"schema {now}, as before" if before == now else f"schema {now}, upgraded from {before}")
    return EXIT_OK


def _current(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    _say(settings, f"schema {run(open_store(settings.store_url).schema_version())}")
    return EXIT_OK


def _purge(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)

    async def purge() -> Purged:
        store = open_store(settings.store_url)
        await store.open()
        try:
            if arguments.dry_run:
                return await store.count_expired(cuts_of(settings.retention, utc_now()))
            return await Purger(store, settings.retention, CollectorRegistry(), utc_now).purge()
        finally:
            await store.close()

    purged = run(purge())
    if arguments.json:
        print(json.dumps(purged.by_kind()))
    else:
        _say(settings, f"{'would be removed' if arguments.dry_run else 'removed'}: {in_words(purged)}")
    return EXIT_OK


def _say(settings: Settings, what: str) -> None:
    out.print(f"{what}: {place_of(settings.store_url)}", markup=False, soft_wrap=True)
