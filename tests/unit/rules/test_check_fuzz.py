"""No file makes the check crash, or take long: whatever is saved, an answer comes."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from coverage import Coverage
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ctiroute.app.rule_check import check
from ctiroute.cli.findings import as_github, as_json, as_sarif, as_text
from ctiroute.rules.lint import Known
from tests.examples import examples

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", examples(120)))
LONGEST_S = 2.0
ROOT = Path(__file__).parents[3]
GOOD = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "rules").glob("*.yml"))]
BAD = [path.read_bytes().decode("utf-8", "replace") for path in sorted((ROOT / "tests" / "data" / "rules" / "bad").glob("*.yml"))]
WORDS = [
    "touch:",
    "any: [",
    "not: {",
    "&a ",
    "*a",
    "${x}",
    "{{",
    "}",
    "- ",
    "\t",
    "\0",
    "\u202e",
    "!!python/object:os.system",
    "9" * 400,
    "*" * 60,
]
KNOWN = Known({"queue": frozenset({"promo"}), "campaign": frozenset({"a"})}, {"touches": 1}, frozenset({"kk"}), frozenset({"city"}))


def asked(folder: Path, *texts: str | bytes) -> float:
    """Check a folder of these files in every format; return the seconds it took to find what there is."""
    for file in folder.glob("*.yml"):
        file.unlink()
    for number, text in enumerate(texts):
        (folder / f"{number}.yml").write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
    began = time.thread_time()  # what other programs do meanwhile is not ours
    report = check(folder, KNOWN)
    took = time.thread_time() - began
    assert report.ruleset is not None or report.findings
    assert list(as_text(report, folder))
    assert as_json(report)
    assert as_sarif(report)
    list(as_github(report))
    return took


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.randoms(use_true_random=False), st.integers(1, 8))
def test_a_file_that_was_mangled_is_answered(tmp_path: Path, dice: random.Random, changes: int) -> None:
    """Lines gone, doubled and moved, words of the language put in at any place, parts of other files."""
    text = dice.choice(GOOD + BAD)
    for _ in range(changes):
        lines = text.split("\n")
        at = dice.randrange(len(lines))
        match dice.randrange(6):
            case 0:
                del lines[at]
            case 1:
                lines.insert(at, lines[dice.randrange(len(lines))])
            case 2:
                lines[at] = " " * dice.randrange(9) + lines[at].strip()
            case 3:
                place = dice.randrange(len(lines[at]) + 1)
                lines[at] = lines[at][:place] + dice.choice(WORDS) + lines[at][place:]
            case 4:
                lines[at:at] = dice.choice(GOOD + BAD).split("\n")[: dice.randrange(1, 12)]
            case _:
                place = dice.randrange(len(lines[at]) + 1)
                lines[at] = lines[at][:place] + lines[at][place + 1 + dice.randrange(4) :]
        text = "\n".join(lines)
    assert asked(tmp_path, text, "default: {menu: main}") < LONGEST_S


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.binary(max_size=400), st.text(max_size=400)))
def test_bytes_of_any_kind_are_answered(tmp_path: Path, content: str | bytes) -> None:
    """Also those that are no text."""
    assert asked(tmp_path, content) < LONGEST_S


def nested(depth: int) -> str:
    """Return a rule whose conditions are nested, each level twice the work of the one below for whoever compares naively."""
    when = "{customer: known}"
    for _ in range(depth):
        when = f"{{any: [{when}, {{not: {when}}}]}}" if len(when) < 20_000 else f"{{not: {when}}}"
    return (
        f"rules: [{{name: a, when: {when}, then: {{queue: a}}}}, {{name: b, when: {{not: {when}}}, then: {{queue: a}}}}]\ndefault: {{}}\n"
    )


def tower(levels: int) -> str:
    """Return named conditions, each of which uses the one before ten times."""
    lines = ["conditions:", "  c0: {customer: known}"]
    lines += [f"  c{level}: {{any: [{', '.join([f'{{use: c{level - 1}}}'] * 10)}]}}" for level in range(1, levels)]
    lines += [
        "rules:",
        *(f"  - {{name: r{n}, when: {{use: c{levels - 1}, repeat: {{within: {n + 1}h}}}}, then: {{queue: a}}}}" for n in range(50)),
    ]
    return "\n".join([*lines, "default: {}", ""])


def many(count: int, when: Callable[[int], str]) -> str:
    """Return many rules."""
    lines = (f"  - {{name: r{number}, when: {when(number)}, then: {{queue: a}}}}" for number in range(count))
    return "\n".join(["rules:", *lines, "default: {}", ""])


HOSTILE = {
    "nested": nested(12),
    "tower": tower(6),
    "aliases": "\n".join([f"a0: &a0 [{'x,' * 9}x]", *(f"a{n}: &a{n} [{f'*a{n - 1},' * 9}x]" for n in range(1, 9))]),
    "brackets": "[" * 100_000,
    "large": "x: " + "y" * 2**20,
    "patterns": many(300, lambda n: f"{{touch: {{campaign: '{'*a' * 60}{n}', within: 1d}}}}"),
    "alike": many(1500, lambda n: f"{{repeat: {{within: {3000 - n}m, count: {n % 20 + 1}}}}}"),
    "many": many(1500, lambda n: f"{{touch: {{campaign: 'c*{n}', within: {n + 1}m}}, customer: {{attributes: {{city: c{n}}}}}}}"),
    "template": "rules: [{name: a, when: {}, then: {pop: {headline: '" + "{touch.age}" * 1500 + "'}}}]\ndefault: {}\n",
    "spaces": "rules: [{name: a, when: {touch: {within: '" + "1 " * 5000 + "'}}, then: {}}]\n",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_that_is_meant_to_take_long_does_not(name: str, tmp_path: Path) -> None:
    """Within two seconds each; the bounds say so, not luck."""
    slow = 4 if Coverage.current() is not None else 1  # every line is counted then
    assert asked(tmp_path, HOSTILE[name]) < LONGEST_S * slow
