"""Results -> JUnit XML, as build servers read it (the Ant schema's elements, in the order it asks for)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ctiroute.rules.cases.run import Result

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0, 2.2: no reference can stand for these either


def junit(results: Sequence[Result], explain: Sequence[str], at: str) -> str:
    """Return the report. `explain` is the text of each result, shown where it failed; `at` the time of the run, ISO 8601."""
    by_file: dict[str, list[tuple[Result, str]]] = {}
    for result, text in zip(results, explain, strict=True):
        by_file.setdefault(result.case.file, []).append((result, text))
    failed = sum(not result.passed for result in results)
    lines = ['<?xml version="1.0" encoding="UTF-8"?>']
    lines.append(f'<testsuites name="ctiroute rules" tests="{len(results)}" failures="{failed}" errors="0" time="0">')
    for file, ran in by_file.items():
        failures = sum(not result.passed for result, _ in ran)
        counts = f'tests="{len(ran)}" failures="{failures}" errors="0" skipped="0" time="0" timestamp={_attribute(at)}'
        lines.append(f"  <testsuite name={_attribute(file)} {counts}>")
        for result, text in ran:
            lines += _case(result, text)
        lines.append("  </testsuite>")
    return "\n".join([*lines, "</testsuites>", ""])


def _case(result: Result, text: str) -> list[str]:
    case = result.case
    named = f"classname={_attribute(case.file)} name={_attribute(case.title)}"
    head = f'    <testcase {named} file={_attribute(case.file)} line="{case.line}" time="0"'
    if result.passed:
        return [f"{head}/>"]
    message = ", ".join(one.expectation.what for one in result.differences)
    return [
        f"{head}>",
        f'      <failure type="expectation" message={_attribute(f"not as expected: {message}")}>{escape(_clean(text))}</failure>',
        "    </testcase>",
    ]


def _attribute(value: str) -> str:
    return quoteattr(_clean(value))


def _clean(value: str) -> str:
    return _NOT_XML.sub("�", value)
