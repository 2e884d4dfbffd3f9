"""`ctiroute db upgrade|current`: the store's schema."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctiroute.cli.loop import run
from ctiroute.cli.output import EXIT_OK, add_config, out, settings_of
from ctiroute.store import open_store

if TYPE_CHECKING:
    import argparse

    from ctiroute.cli.output import Commands
    from ctiroute.settings import Settings


def add(commands: Commands) -> None:
    """Add the commands."""
    parser = commands.add_parser(
        "db", help="bring the store's schema up to date", description="The store's schema. `serve` upgrades it by itself."
    )
    actions = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, purpose, work in (
        ("upgrade", "run the migrations that have not run yet", _upgrade),
        ("current", "print the number of the newest migration, and change nothing", _current),
    ):
        action = actions.add_parser(name, help=purpose, description=f"To {purpose}.")
        add_config(action)
        action.set_defaults(run=work)


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


def _say(settings: Settings, what: str) -> None:
    out.print(f"{what}: {settings.store_url.rpartition('@')[2]}", markup=False, soft_wrap=True)
