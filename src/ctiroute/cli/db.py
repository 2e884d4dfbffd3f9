"""`ctiroute db upgrade|current`: the store's schema."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctiroute.cli.loop import run
from ctiroute.cli.output import EXIT_OK, add_config, out, settings_of
from ctiroute.store import open_store

if TYPE_CHECKING:
    import argparse

    from ctiroute.cli.output import Commands


def add(commands: Commands) -> None:
    """Add the commands."""
    parser = commands.add_parser(
        "db", help="bring the store's schema up to date", description="The store's schema. `serve` upgrades it by itself."
    )
    actions = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, purpose in (("upgrade", "run the migrations that have not run yet"), ("current", "print the number of the newest migration")):
        action = actions.add_parser(name, help=purpose, description=f"To {purpose}.")
        add_config(action)
        action.set_defaults(run=_current)


def _current(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)

    async def current() -> int:
        store = open_store(settings.store_url)
        await store.open()
        try:
            return await store.schema_version()
        finally:
            await store.close()

    out.print(f"schema {run(current())} at {settings.store_url.rpartition('@')[2]}", markup=False)
    return EXIT_OK
