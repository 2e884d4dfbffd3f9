"""`ctiroute rules explain`: each rule, each condition, the value seen and where it came from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from ctiroute.app.rule_cases import read_suite
from ctiroute.app.rule_explain import explain_call, explain_case, explain_number
from ctiroute.app.rule_files import read_rules
from ctiroute.app.service import utc_now
from ctiroute.cli.explained import as_json, show
from ctiroute.cli.loop import run
from ctiroute.cli.output import EXIT_NO, EXIT_OK, EXIT_USAGE, add_config, complain, settings_of
from ctiroute.documents import Scalar, did_you_mean
from ctiroute.errors import ConfigurationError, Fault
from ctiroute.rules.cases import moment

if TYPE_CHECKING:
    import argparse
    from datetime import datetime, tzinfo

    from ctiroute.app.rule_explain import Explanation
    from ctiroute.cli.output import Commands
    from ctiroute.settings import Settings

FROM_CASE, FROM_CALL, FROM_NOBODY = "the case", "what was kept of the call", "nobody: there is no number to look up"


def add(actions: Commands) -> None:
    """Add the command to those of `rules`."""
    parser = actions.add_parser(
        "explain",
        help="show why a call goes where it goes",
        description="Shows each rule, each condition, the value it saw and where that came from: for a number with what is known of it "
        "now, for a past call with what was known then, or for a case of your own. No phone rings.",
        epilog="example: ctiroute rules explain --phone +380671234567 --at '2026-11-20 12:00'. Exit code 1: there is no such call or case.",
    )
    add_config(parser)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--phone", metavar="NUMBER", help="who would call; anonymous works, too")
    what.add_argument("--call", metavar="CALL_ID", help="a past call, as CTI_CALL_ID and the screens name it")
    what.add_argument("--case", metavar="FILE:NAME", help="a case of a test file; NAME#2 is the second row of a table")
    parser.add_argument("--dialed", default="", metavar="NUMBER", help="with --phone: the number that is dialled")
    parser.add_argument("--at", metavar="TIME", help='with --phone: as if it were "2026-11-20 12:00", in the timezone of the rules')
    parser.add_argument("--rules", type=Path, metavar="PATH", help="other rules than those of the settings")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=_explain)


def _explain(arguments: argparse.Namespace) -> int:
    if arguments.phone is None and (arguments.at or arguments.dialed):
        complain("--at and --dialed belong to --phone")
        return EXIT_USAGE
    if arguments.case is not None:
        explained, known_from, missing = _of_case(arguments.case, arguments.rules), FROM_CASE, ""
    else:
        settings = settings_of(arguments)
        rules = arguments.rules or settings.rules
        if arguments.phone is not None:
            explained, known_from, missing = _of_number(arguments, settings, rules), FROM_NOBODY, ""
        else:
            explained, known_from = run(explain_call(settings, rules, arguments.call)), FROM_CALL
            missing = f"nothing is kept of a call {arguments.call}"
    if explained is None:
        if missing:
            complain(missing)
        return EXIT_NO
    return say(explained, known_from, as_object=arguments.json)


def say(explained: Explanation, known_from: str, *, as_object: bool) -> int:
    """Print an explanation."""
    if as_object:
        print(json.dumps(as_json(explained, known_from), ensure_ascii=False))
    else:
        show(explained, known_from)
    return EXIT_OK


def _of_number(arguments: argparse.Namespace, settings: Settings, rules: Path) -> Explanation:
    now = utc_now() if arguments.at is None else read_time(arguments.at, read_rules(rules).zone)
    explained = run(explain_number(settings, rules, arguments.phone, arguments.dialed, now))
    if arguments.at is None:
        return explained
    return explained.noted("the clock is set; what is known of the caller is that of today")


def read_time(written: str, zone: tzinfo) -> datetime:
    """Read a time of the command line. Raises `ConfigurationError`."""
    try:
        return moment(zone)(Scalar(written, written, "--at", 0, 0))
    except ConfigurationError as error:
        raise ConfigurationError([Fault("--at", 0, 0, one.message, one.found, one.hint) for one in error.faults]) from None


def _of_case(named: str, rules: Path | None) -> Explanation | None:
    file, _, name = named.partition(":")
    path = Path(file)
    if not path.is_file():
        raise ConfigurationError([Fault(file, 0, 0, "there is no such file", hint="write --case rules/10-campaigns.test.yml:NAME")])
    suite = read_suite(path)
    ruleset = suite.ruleset if rules is None else read_rules(rules)
    case = next((one for one in suite.cases if one.name == name), None)
    if case is None:
        names = [one.name for one in suite.cases]
        complain(f"{file}: there is no case {name!r}; {did_you_mean(name, names, listing=True)}")
        return None
    return explain_case(case.given, ruleset)
