"""Findings as people, scripts, GitHub and other tools read them. Knows nothing of how they were found."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ctiroute import __version__
from ctiroute.cli.output import counted
from ctiroute.rules.headings import PAGE, link
from ctiroute.rules.lint import ERROR, LEVELS, LINTS, NOTE, WARNING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ctiroute.app.rule_check import Report
    from ctiroute.errors import Fault
    from ctiroute.rules.lint import Finding

LINT_PAGE = "docs/reference/rule-findings.md"
SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_NOUNS = {ERROR: "mistake", WARNING: "warning", NOTE: "note"}
_GITHUB = {ERROR: "error", WARNING: "warning", NOTE: "notice"}
_EXCERPT = 120  # characters of a line that is shown


def docs_of(finding: Finding) -> str:
    """Return where to read about a finding."""
    return f"{LINT_PAGE}#{finding.kind}" if finding.kind in LINTS else link(finding.kind)


def as_text(report: Report, path: Path) -> Iterator[str]:
    """Yield the lines for a terminal: each finding with its line of the file and where to read on, and how many there are."""
    lines = {file: text.split("\n") for file, text in report.texts.items()}
    for finding in report.findings:
        fault = finding.fault
        place = f"{fault.file}:{fault.line}:{fault.column}" if fault.line else fault.file
        rest = str(fault).removeprefix(place)
        yield f"{place}: {finding.level}{rest}"
        yield from _excerpt(lines.get(fault.file, []), fault.line, fault.column)
        yield f"    see {docs_of(finding)}"
    counts = [(level, sum(finding.level == level for finding in report.findings)) for level in LEVELS]
    said = ", ".join(counted(count, _NOUNS[level]) for level, count in counts if count)
    if said:
        yield said
    if report.ruleset is not None:
        yield f"{path}: {counted(len(report.ruleset.rules), 'rule')} and a default, version {report.ruleset.version}"


def _excerpt(lines: list[str], line: int, column: int) -> Iterator[str]:
    """Yield the line that is meant, with a mark below the place. Control characters of the file do not reach the terminal."""
    if not 0 < line <= len(lines):
        return
    text = "".join(sign if sign.isprintable() else " " for sign in lines[line - 1].rstrip("\r"))
    begin = max(0, column - _EXCERPT // 2) if len(text) > _EXCERPT else 0
    yield f"{line:>6} | {text[begin : begin + _EXCERPT]}"
    if column:
        yield f"       | {' ' * (column - 1 - begin)}^"


def as_json(report: Report) -> str:
    """Return one JSON object, for scripts."""
    findings = [{"level": one.level, "kind": one.kind, **asdict(one.fault), "docs": docs_of(one)} for one in report.findings]
    if report.ruleset is None:
        said: dict[str, Any] = {"ok": False, "faults": [asdict(one.fault) for one in report.findings if one.level == ERROR]}
    else:
        warnings = [asdict(one.fault) for one in report.findings if one.level == WARNING]
        said = {
            "ok": True,
            "version": report.ruleset.version,
            "rules": [rule.name for rule in report.ruleset.rules],
            "warnings": warnings,
        }
    return json.dumps({**said, "findings": findings}, ensure_ascii=False)


def as_github(report: Report) -> Iterator[str]:
    """Yield workflow commands: GitHub shows each at its line of the change under review.

    Source: docs.github.com, "Workflow commands for GitHub Actions"; a message must not hold a line's end, a property no : or comma.
    """
    for finding in report.findings:
        fault = finding.fault
        where = {"file": _relative(fault.file), "line": str(fault.line or 1), "title": f"ctiroute: {finding.kind}"}
        where |= {"col": str(fault.column)} if fault.column else {}
        properties = ",".join(f"{key}={_escaped(value, ':,')}" for key, value in where.items())
        yield f"::{_GITHUB[finding.level]} {properties}::{_escaped(f'{_sentence(fault)} See {docs_of(finding)}')}"


def _sentence(fault: Fault) -> str:
    """Return a mistake without its place, as a sentence."""
    found = f" (found {fault.found!r})" if fault.found else ""
    text = f"{fault.message}{found}{f'; {fault.hint}' if fault.hint else ''}"
    return text if text.endswith("?") else f"{text}."


def _escaped(text: str, more: str = "") -> str:
    for sign in "%\r\n" + more:
        text = text.replace(sign, f"%{ord(sign):02X}")
    return text


def as_sarif(report: Report) -> str:
    """Return a log in SARIF 2.1.0 (OASIS), which code hosts and editors show."""
    kinds = sorted({finding.kind for finding in report.findings})
    driver = {
        "name": "ctiroute rules check",
        "semanticVersion": __version__,
        "rules": [_sarif_rule(kind) for kind in kinds],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_sarif_result(finding, kinds.index(finding.kind)) for finding in report.findings],
    }
    return json.dumps({"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}, ensure_ascii=False, indent=2)


def _sarif_rule(kind: str) -> Mapping[str, Any]:
    lint = LINTS.get(kind)
    text = lint.summary if lint else f"A mistake in what {PAGE} tells of under this heading."
    where = f"{LINT_PAGE}#{kind}" if lint else link(kind)
    return {
        "id": kind,
        "shortDescription": {"text": text},
        "help": {"text": f"See {where}."},
        "defaultConfiguration": {"level": lint.level if lint else ERROR},
    }


def _sarif_result(finding: Finding, index: int) -> Mapping[str, Any]:
    fault = finding.fault
    place: dict[str, Any] = {"artifactLocation": {"uri": quote(_relative(fault.file))}}
    if fault.line:
        place["region"] = {"startLine": fault.line, **({"startColumn": fault.column} if fault.column else {})}
    return {
        "ruleId": finding.kind,
        "ruleIndex": index,
        "level": finding.level,
        "message": {"text": _sentence(fault)},
        "locations": [{"physicalLocation": place}],
    }


def _relative(file: str) -> str:
    """Return a file as seen from where the command runs, with forward slashes."""
    path = Path(file)
    here = Path.cwd()
    return (path.relative_to(here) if path.is_relative_to(here) else path).as_posix()
