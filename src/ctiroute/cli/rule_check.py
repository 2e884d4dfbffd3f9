"""`ctiroute rules check`: every mistake in rule files, each with its place and remedy."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from ctiroute.app.retention import beyond_retention
from ctiroute.app.rule_files import read_rules
from ctiroute.cli.output import EXIT_NO, EXIT_OK, counted, out, settings_of, warn
from ctiroute.errors import ConfigurationError

if TYPE_CHECKING:
    import argparse

    from ctiroute.cli.output import Commands


def add(actions: Commands) -> None:
    """Add the command to those of `rules`."""
    check = actions.add_parser(
        "check",
        help="find every mistake",
        description="Reads rule files as the service would, and prints every mistake as FILE:LINE:COLUMN with what to write instead. "
        "Exit code 0: they can be used; 1: they cannot. With -c it also warns of rules that look back further than the settings keep "
        "what they ask for.",
    )
    check.add_argument("-c", "--config", type=Path, metavar="FILE", help="settings to hold the rules against")
    check.add_argument("path", type=Path, nargs="?", default=Path("rules"), help="a directory of *.yml files, or one file (default: rules)")
    check.add_argument("--json", action="store_true", help="print one JSON object")
    check.set_defaults(run=_check)


def _check(arguments: argparse.Namespace) -> int:
    path: Path = arguments.path
    retention = settings_of(arguments).retention if arguments.config is not None else None
    try:
        ruleset = read_rules(path)
    except ConfigurationError as error:
        if arguments.json:
            print(json.dumps({"ok": False, "faults": [asdict(fault) for fault in error.faults]}, ensure_ascii=False))
        else:
            for fault in error.faults:
                out.print(str(fault), markup=False, soft_wrap=True)
            out.print(counted(len(error.faults), "mistake"), style="bold red")
        return EXIT_NO
    warnings = beyond_retention(ruleset, retention) if retention is not None else []
    if arguments.json:
        names = [rule.name for rule in ruleset.rules]
        said = {"ok": True, "version": ruleset.version, "rules": names, "warnings": [asdict(warning) for warning in warnings]}
        print(json.dumps(said, ensure_ascii=False))
    else:
        for warning in warnings:
            warn(str(warning))
        out.print(f"{path}: {counted(len(ruleset.rules), 'rule')} and a default, version {ruleset.version}", style="green", markup=False, soft_wrap=True)
    return EXIT_OK
