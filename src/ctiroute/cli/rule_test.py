"""`ctiroute rules test`: the admin's own cases against the rules, and what no case reaches."""

from __future__ import annotations

import argparse
import difflib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from ctiroute.app.rule_cases import read_suite
from ctiroute.app.service import utc_now
from ctiroute.cli.output import EXIT_NO, EXIT_OK, EXIT_USAGE, complain, counted, out
from ctiroute.errors import ConfigurationError
from ctiroute.rules.cases import cover
from ctiroute.rules.cases.junit import junit
from ctiroute.rules.cases.rewrite import Rewrite, rewrite
from ctiroute.rules.cases.words import failure, trace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ctiroute.app.rule_cases import Suite
    from ctiroute.cli.output import Commands
    from ctiroute.rules.cases import Coverage, Result

_FULL = 100


def add(actions: Commands) -> None:
    """Add the command to those of `rules`."""
    test = actions.add_parser(
        "test",
        help="run your own cases against the rules",
        description="Runs the cases in *.test.yml beside the rules: who calls, what is known, what the clock says, and where the call "
        "should go. Exit code 0: everything as expected; 1: it is not; 2: rules or cases cannot be read.",
    )
    test.add_argument(
        "path", type=Path, nargs="?", default=Path("rules"), help="a folder, a rule file, or a test file beside its rules (default: rules)"
    )
    test.add_argument("--json", action="store_true", help="print one JSON object")
    test.add_argument("--junit", type=Path, metavar="FILE", help="also write a report as build servers read it")
    test.add_argument("--coverage", action="store_true", help="show which rules and conditions no case reaches")
    test.add_argument("--fail-under", type=_percent, metavar="N", help="exit code 1 when less than N per cent is reached")
    test.add_argument("--update", action="store_true", help="show what would have to change in the expectations, and ask before writing it")
    test.add_argument("--yes", action="store_true", help="with --update: write without asking")
    test.set_defaults(run=_test)


def _percent(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= _FULL:
        raise argparse.ArgumentTypeError(f"{text!r} is no percentage: write a number from 0 to {_FULL}")
    return value


def _test(arguments: argparse.Namespace) -> int:
    try:
        suite = read_suite(arguments.path)
    except ConfigurationError as error:
        if not arguments.json:
            raise
        faults = [{"file": one.file, "line": one.line, "column": one.column, "message": one.message} for one in error.faults]
        print(json.dumps({"ok": False, "faults": faults}, ensure_ascii=False))
        return EXIT_USAGE
    if not suite.cases:
        complain(f"{arguments.path}: there are no cases; write them in a file that ends in .test.yml, beside the rules")
        return EXIT_USAGE
    results = suite.run()
    coverage = cover(results, suite.ruleset)
    if arguments.junit is not None and not _write(arguments.junit, junit(results, [failure(one) for one in results], _now())):
        return EXIT_USAGE
    if arguments.json:
        print(json.dumps(_as_json(suite, results, coverage), ensure_ascii=False))
    else:
        _show(results)
        if arguments.coverage:
            _show_coverage(coverage)
        _conclude(results, coverage)
    too_little = arguments.fail_under is not None and coverage.percent < arguments.fail_under
    if too_little and not arguments.json:
        out.print(f"reached {coverage.percent:.1f} %, asked for {arguments.fail_under:g} %", style="red")
    failed = any(not one.passed for one in results)
    if arguments.update and failed:
        failed = not _update(results, yes=arguments.yes)
    return EXIT_NO if failed or too_little else EXIT_OK


def _now() -> str:
    return utc_now().isoformat(timespec="seconds").removesuffix("+00:00")


def _write(path: Path, text: str) -> bool:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        complain(f"{path}: {error.strerror or error}")
        return False
    return True


def _line(text: str, style: str = "") -> None:
    out.print(Text(text, style=style), soft_wrap=True)


def _show(results: Sequence[Result]) -> None:
    """Say of each case that failed what was expected, what came, and why."""
    for result in results:
        if result.passed:
            continue
        _line(f"✗ {result.case.title}  {result.case.file}:{result.case.line}", "bold red")
        for one in result.differences:
            place = one.expectation.place
            _line(f"  {one.expectation.what}  {place.file}:{place.line}:{place.column}")
            _line(f"    expected  {one.expectation.wanted or 'nothing'}", "green")
            _line(f"    got       {one.seen or 'nothing'}", "red")
        _line("  why:")
        for line in trace(result.answer.decision.trace.rules):
            _line(f"    {line}", "dim")


def _show_coverage(coverage: Coverage) -> None:
    table = Table(box=None, pad_edge=False)
    for heading, side in (("rule", "left"), ("taken", "right"), ("reached", "right"), ("no case reaches", "left")):
        table.add_column(heading, justify="right" if side == "right" else "left", overflow="fold", no_wrap=heading == "rule")
    for rule in coverage.rules:
        missing = ", ".join(rule.missing)
        table.add_row(Text(rule.rule), str(rule.taken), f"{rule.reached} of {rule.points}", Text(missing, style="yellow"))
    missing = "" if coverage.default_taken else "never taken"
    table.add_row("default", str(coverage.default_taken), f"{bool(coverage.default_taken):d} of 1", Text(missing, style="yellow"))
    out.print(table)


def _conclude(results: Sequence[Result], coverage: Coverage) -> None:
    failed = sum(not one.passed for one in results)
    said = f"{counted(len(results), 'case')}, " + (f"{failed} failed" if failed else "all as expected")
    rules = f"{coverage.taken} of {counted(len(coverage.rules), 'rule')} taken, {coverage.percent:.1f} % of rules and conditions reached"
    out.print(f"{said}; {rules}", style="bold red" if failed else "green", soft_wrap=True)


def _as_json(suite: Suite, results: Sequence[Result], coverage: Coverage) -> dict[str, object]:
    return {
        "ok": all(one.passed for one in results),
        "version": suite.ruleset.version,
        "cases": [_case_json(one) for one in results],
        "coverage": {
            "percent": round(coverage.percent, 1),
            "default_taken": coverage.default_taken,
            "rules": [
                {"rule": one.rule, "file": one.file, "line": one.line, "taken": one.taken, "missing": one.missing} for one in coverage.rules
            ],
        },
    }


def _case_json(result: Result) -> dict[str, object]:
    said: dict[str, object] = {"name": result.case.name, "title": result.case.title, "file": result.case.file, "line": result.case.line}
    said |= {"passed": result.passed, "rule": result.answer.decision.rule}
    if not result.passed:
        said["differences"] = [
            {"what": one.expectation.what, "expected": one.expectation.wanted, "got": one.seen, "line": one.expectation.place.line}
            for one in result.differences
        ]
        said["why"] = trace(result.answer.decision.trace.rules)
    return said


def _update(results: Sequence[Result], *, yes: bool) -> bool:
    """Show what would be written, and write it if that is wanted. True: every expectation is as it came out now."""
    rewrites: list[tuple[Path, str, Rewrite]] = []
    for file in dict.fromkeys(one.case.file for one in results if not one.passed):
        before = Path(file).read_bytes().decode("utf-8")
        rewrites.append((Path(file), before, rewrite(before, [one for one in results if one.case.file == file])))
    left = [fault for _, _, one in rewrites for fault in one.left]
    changed = [(path, before, one.text) for path, before, one in rewrites if one.text != before]
    for path, before, after in changed:
        for line in difflib.unified_diff(before.splitlines(), after.splitlines(), str(path), str(path), lineterm=""):
            _line(line, "green" if line.startswith("+") else "red" if line.startswith("-") else "")
    for fault in left:
        complain(str(fault))
    if not changed:
        return False
    if not yes and not _agreed(len(changed)):
        complain("nothing was written" + ("" if sys.stdin.isatty() else ": this is no terminal; add --yes to write it"))
        return False
    done = True
    for path, _, after in changed:
        done = _write_bytes(path, after) and done
    out.print(f"{counted(len(changed), 'file')} written; read the change before you keep it")
    return done and not left


def _agreed(files: int) -> bool:
    if not sys.stdin.isatty():
        return False
    out.print(f"write {counted(files, 'file')}? The rules now do this, which need not be what you want. [y/N] ", end="", markup=False)
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def _write_bytes(path: Path, text: str) -> bool:
    try:
        path.write_bytes(text.encode("utf-8"))
    except OSError as error:
        complain(f"{path}: {error.strerror or error}")
        return False
    return True
