"""Test files on disk -> results. Knows where cases lie: beside the rules, in files that end in `.test.yml`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ctiroute.app.rule_files import CASES, MAX_FILES, SUFFIXES, compile_texts, is_cases, read_rules
from ctiroute.documents import MAX_BYTES
from ctiroute.engine.decide import decide
from ctiroute.errors import Fault, RulesError
from ctiroute.rules import Ruleset
from ctiroute.rules.cases import Case, Result, load_cases, run_cases

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ctiroute.model import Decision
    from ctiroute.rules.cases import Given


@dataclass(frozen=True, slots=True)
class Suite:
    """Rules, and the cases that try them."""

    ruleset: Ruleset
    cases: tuple[Case, ...]
    files: tuple[Path, ...]  # of the cases

    def run(self) -> tuple[Result, ...]:
        """Ask the rules about each case, with what decides real calls."""
        return run_cases(self.cases, self.ruleset, ask)


def ask(given: Given, ruleset: Ruleset) -> Decision:
    """Decide about made-up facts as about a real call."""
    return decide(given.request, given.context, ruleset, given.now, given.operators, given.queues, given.available)


def read_suite(path: Path) -> Suite:
    """Return rules and cases of a folder, of one rule file, or of one test file (with the rules beside it).

    Raises `RulesError` with every fault found: those of the rules alone when there are any, for the cases ask about rules.
    """
    place, only = (path.parent, path) if is_cases(path) else (path, None)
    ruleset = read_rules(place)
    files = _files(place)
    sources: list[tuple[str, bytes]] = []
    faults: list[Fault] = []
    for file in files:
        try:
            with file.open("rb") as stream:
                sources.append((str(file), stream.read(MAX_BYTES + 1)))  # one more than allowed: it is refused with the reason
        except OSError as error:
            faults.append(Fault(str(file), 0, 0, f"cannot be read: {error.strerror or error}"))
    if only is not None and only not in files:
        faults.append(Fault(str(only), 0, 0, "there is no such file"))
    if faults:
        raise RulesError(faults)
    cases = load_cases(sources, ruleset)
    if only is not None:  # fixtures may stand in the other files
        cases, files = tuple(case for case in cases if case.file == str(only)), (only,)
    return Suite(ruleset, cases, files)


def suite_of(texts: Mapping[str, str]) -> Suite:
    """Return rules and cases of texts that lie in no folder. Raises `RulesError` as `read_suite` does."""
    ruleset = compile_texts(texts)
    files = tuple(Path(name) for name in texts if is_cases(Path(name)))
    return Suite(ruleset, load_cases([(str(file), texts[str(file)].encode()) for file in files], ruleset), files)


def _files(path: Path) -> tuple[Path, ...]:
    if path.is_file():
        beside = (path.with_name(f"{path.stem}{CASES}{suffix}") for suffix in sorted(SUFFIXES))
        return tuple(file for file in beside if file.is_file())
    found = tuple(sorted(file for file in path.iterdir() if is_cases(file) and not file.name.startswith(".")))
    if len(found) > MAX_FILES:
        raise RulesError([Fault(str(path), 0, 0, f"holds more than {MAX_FILES} files of cases")])
    return found
