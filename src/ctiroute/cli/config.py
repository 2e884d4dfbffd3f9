"""`ctiroute config check|show`: what the service would run with, and whether it could. Opens nothing and writes nothing."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ctiroute.app.intake import read_mappings
from ctiroute.app.retention import beyond_retention
from ctiroute.app.rule_files import read_rules
from ctiroute.cli.output import EXIT_OK, add_config, counted, out, place_of, settings_of, warn
from ctiroute.errors import ConfigurationError, Fault, StoreError
from ctiroute.store import open_store

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from ctiroute.cli.output import Commands
    from ctiroute.settings import Settings

SECRET_KEYS = frozenset({"secret", "verify_token"})


def add(commands: Commands) -> None:
    """Add the commands."""
    parser = commands.add_parser("config", help="check and show settings", description="ctiroute.yml with CTIROUTE_* variables over it.")
    actions = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    check = actions.add_parser(
        "check",
        help="find every mistake",
        description="Reads the settings, and the rules and mappings they name, as `serve` would, and looks whether the store and the "
        "data directory can be written by whoever runs this. Opens no port and changes nothing. Exit code 2: `serve` would not start.",
    )
    add_config(check)
    check.set_defaults(run=_check)
    show = actions.add_parser("show", help="print the settings in force", description="Prints every setting as JSON, secrets hidden.")
    add_config(show)
    show.set_defaults(run=_show)


def _check(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    faults = [*_store_faults(settings)]
    media = settings.connectors
    try:
        read_mappings([one.mapping for one in media.hooks] + [one.mapping for one in media.imap] + [one.mapping for one in media.telegram])
    except ConfigurationError as error:
        faults += error.faults
    try:
        ruleset = read_rules(settings.rules)
    except ConfigurationError as error:
        raise ConfigurationError([*faults, *error.faults]) from error
    if faults:
        raise ConfigurationError(faults)
    for fault in beyond_retention(ruleset, settings.retention):
        warn(str(fault))
    out.print(f"the settings can be used, with {counted(len(ruleset.rules), 'rule')} and a default", style="green", markup=False)
    return EXIT_OK


def _store_faults(settings: Settings) -> Iterator[Fault]:
    """Yield why the data directory and the store could not be written. Nothing is made: who checks may be another user than who serves."""
    yield from _folder_faults("data_dir", settings.data_dir)
    try:
        open_store(settings.store_url)  # says whether there is such a store, and does not connect yet
    except StoreError as error:
        yield Fault("store", 0, 0, str(error))
        return
    file = Path("/" + settings.store_url.partition("://")[2].lstrip("/"))
    if os.access(file, os.F_OK) and not os.access(file, os.R_OK | os.W_OK):
        yield Fault("store", 0, 0, "cannot be written by this user", str(file), "run the command as the user of the service")
    elif file.parent != settings.data_dir:
        yield from _folder_faults("store", file.parent)


def _folder_faults(setting: str, folder: Path) -> Iterator[Fault]:
    """Yield why a folder could not be written, or made where it is not there yet."""
    there = next(place for place in (folder, *folder.parents) if os.access(place, os.F_OK))
    if not there.is_dir():
        yield Fault(setting, 0, 0, "is in a place that is no folder", str(there), "name another folder")
    elif not os.access(there, os.W_OK | os.X_OK):
        what = "cannot be written" if there == folder else f"cannot be made in {there}"
        yield Fault(setting, 0, 0, f"{what} by this user", str(folder), "run the command as the user of the service, or make it his")


def _show(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    places = {"store": place_of(settings.store_url), "redis": place_of(settings.redis)}
    print(json.dumps({**_hidden(asdict(settings)), **places}, indent=2, default=str))
    return EXIT_OK


def _hidden(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: ("•••" if key in SECRET_KEYS and inner else _hidden(inner)) for key, inner in value.items()}
    return [_hidden(inner) for inner in value] if isinstance(value, list | tuple) else value
