"""`ctiroute rules check`: every mistake in rule files, each with its place and remedy; and what is no mistake and yet not meant."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ctiroute.app.rule_check import check, known_by, known_live
from ctiroute.cli.findings import as_github, as_json, as_sarif, as_text
from ctiroute.cli.loop import run
from ctiroute.cli.output import EXIT_NO, EXIT_OK, out, settings_of, warn
from ctiroute.rules.lint import ERROR, WARNING, Known

if TYPE_CHECKING:
    import argparse

    from ctiroute.app.rule_check import Report
    from ctiroute.cli.output import Commands

TEXT, JSON, GITHUB, SARIF = "text", "json", "github", "sarif"


def add(actions: Commands) -> None:
    """Add the command to those of `rules`."""
    parser = actions.add_parser(
        "check",
        help="find every mistake, and what is likely not meant",
        description="Reads rule files as the service would, and prints every mistake as FILE:LINE:COLUMN with what to write instead. "
        "In rules without a mistake it looks for what is likely not meant: rules no call can reach, texts that are always empty, "
        "missing translations. With -c it also knows for how long records are kept; with --live it asks the store for campaigns and "
        "operators, and Asterisk for its queues. Exit code 0: the rules can be used; 1: they cannot, or --strict and a warning.",
    )
    parser.add_argument("-c", "--config", type=Path, metavar="FILE", help="settings to hold the rules against")
    parser.add_argument(
        "path", type=Path, nargs="?", default=Path("rules"), help="a directory of *.yml files, or one file (default: rules)"
    )
    parser.add_argument("--live", action="store_true", help="ask the store and Asterisk which names there are")
    parser.add_argument("--strict", action="store_true", help="exit code 1 for warnings, too")
    parser.add_argument("--format", choices=(TEXT, JSON, GITHUB, SARIF), default=TEXT, help="how findings are printed (default: text)")
    parser.add_argument("--json", action="store_const", dest="format", const=JSON, help="the same as --format json")
    parser.set_defaults(run=_check)


def _check(arguments: argparse.Namespace) -> int:
    known, missing = _known(arguments)
    for each in missing:
        warn(each)
    report = check(arguments.path, known)
    _print(report, arguments.path, arguments.format)
    levels = {finding.level for finding in report.findings}
    failed = ERROR in levels or (arguments.strict and (WARNING in levels or missing))
    return EXIT_NO if failed else EXIT_OK


def _known(arguments: argparse.Namespace) -> tuple[Known, list[str]]:
    if arguments.live:
        return run(known_live(settings_of(arguments)))
    return known_by(settings_of(arguments)) if arguments.config is not None else Known(), []


def _print(report: Report, path: Path, form: str) -> None:
    if form == JSON:
        print(as_json(report))
    elif form == SARIF:
        print(as_sarif(report))
    elif form == GITHUB:
        sys.stdout.writelines(f"{line}\n" for line in as_github(report))
    else:
        for line in as_text(report, path):
            out.print(line, markup=False, soft_wrap=True)
