"""`ctiroute config check|show`: what the service would run with."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ctiroute.cli.output import EXIT_OK, add_config, out, settings_of

if TYPE_CHECKING:
    import argparse

    from ctiroute.cli.output import Commands


def add(commands: Commands) -> None:
    """Add the commands."""
    parser = commands.add_parser("config", help="check and show settings", description="ctiroute.yml with CTIROUTE_* variables over it.")
    actions = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    check = actions.add_parser(
        "check", help="find every mistake", description="Reads the settings as `serve` would. Exit code 2: they are wrong."
    )
    add_config(check)
    check.set_defaults(run=_check)
    show = actions.add_parser("show", help="print the settings in force", description="Prints every setting as JSON, secrets hidden.")
    add_config(show)
    show.set_defaults(run=_show)


def _check(arguments: argparse.Namespace) -> int:
    settings_of(arguments)
    out.print("the settings can be used", style="green")
    return EXIT_OK


def _show(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    print(json.dumps({**_hidden(asdict(settings)), "store": settings.store_url.rpartition("@")[2]}, indent=2, default=str))
    return EXIT_OK


def _hidden(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: ("•••" if key == "secret" and inner else _hidden(inner)) for key, inner in value.items()}
    return [_hidden(inner) for inner in value] if isinstance(value, list | tuple) else value
