"""Texts of test files -> cases, or every mistake in them. Reads no file itself.

    given:    facts of every case in the file
    fixtures: name -> facts; every file may use them
    cases:    name, use (fixtures), given, expect; or rows: a table, each row with what differs and what is expected

Layers are laid over each other before anything is read: the file's facts, the fixtures, the case's own, the row's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC
from typing import TYPE_CHECKING

from ctiroute.documents import Mapping, Node, Scalar, Sequence, did_you_mean, fault, fields, kind_of, load, overlay, refuse, text
from ctiroute.documents.parsers import one_or_list
from ctiroute.errors import ConfigurationError, Fault, RulesError
from ctiroute.rules.cases.case import Case
from ctiroute.rules.cases.expect import KEYS as EXPECT_KEYS
from ctiroute.rules.cases.expect import read_expect
from ctiroute.rules.cases.given import KEYS as GIVEN_KEYS
from ctiroute.rules.cases.given import merge, read_given

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import tzinfo

    from ctiroute.rules.ruleset import Ruleset

MAX_FAULTS = 200  # nobody reads more at once
MAX_CASES = 20_000  # with the rows of tables
MAX_ROW_TITLE = 80  # characters


@dataclass(slots=True)
class _File:
    """One file, before anything in it is read."""

    given: Mapping | None = None
    cases: tuple[Node, ...] = ()


@dataclass(slots=True)
class _Suite:
    """What all files hold together."""

    fixtures: dict[str, tuple[Scalar, Node]] = field(default_factory=dict)
    files: list[_File] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


def load_cases(sources: Iterable[tuple[str, bytes | str]], ruleset: Ruleset) -> tuple[Case, ...]:
    """Return the cases of all files, in the order of files and lines.

    `sources` are (name of the file, its text). Raises `RulesError` with every fault of every file.
    """
    suite = _Suite()
    for file, source in sorted(sources, key=lambda one: one[0]):
        try:
            suite.files.append(_read_file(load(source, file), suite))
        except ConfigurationError as error:
            suite.faults += error.faults
    zone = None if ruleset.zone is UTC else ruleset.zone
    cases: list[Case] = []
    for one in suite.files:
        cases += _cases(one, suite, ruleset, zone)
    if suite.faults:
        raise RulesError(sorted(dict.fromkeys(suite.faults), key=lambda it: (it.file, it.line, it.column))[:MAX_FAULTS])
    return tuple(cases)


def _read_file(root: Node, suite: _Suite) -> _File:
    if kind_of(root) == "nothing":
        return _File()
    with fields(root, "a file of cases") as f:
        given = f.get("given", _mapping, None)
        for key, value in f.get("fixtures", _mapping, None) or ():
            first = suite.fixtures.setdefault(key.text, (key, value))[0]
            if first is not key:
                f.wrong(key, "there is a fixture of this name already", f"see {first.file}:{first.line}")
        cases = f.get("cases", _items, ())
    return _File(given, cases)


def _mapping(node: Node) -> Mapping:
    if not isinstance(node, Mapping):
        refuse(node, f"expected a mapping, not {kind_of(node)}", "write it as name: value, one under the other")
    return node


def _items(node: Node) -> tuple[Node, ...]:
    if kind_of(node) == "nothing":
        return ()
    if not isinstance(node, Sequence):
        refuse(node, f"expected a list, not {kind_of(node)}", "write a dash before each")
    return node.items


def _cases(file: _File, suite: _Suite, ruleset: Ruleset, zone: tzinfo | None) -> list[Case]:
    found: list[Case] = []
    names: dict[str, Scalar] = {}
    for node in file.cases:
        if len(suite.faults) >= MAX_FAULTS:
            break
        try:
            found += _case(node, file, suite, ruleset, zone, names)
        except ConfigurationError as error:
            suite.faults += error.faults
        if len(found) > MAX_CASES:
            suite.faults.append(fault(node, f"a file holds at most {MAX_CASES:,} cases", "split it"))
            break
    return found


def _case(node: Node, file: _File, suite: _Suite, ruleset: Ruleset, zone: tzinfo | None, names: dict[str, Scalar]) -> list[Case]:
    with fields(node, "a case") as f:
        name = f.require("name", lambda one: _unique(one, names))
        fixtures = f.get("use", one_or_list(lambda one: _fixture(one, suite)), ())
        own = f.get("given", _mapping, None)
        expect = f.get("expect", _mapping, None)
        rows = f.get("rows", _items, None)
        if expect is None and rows is None and not f.faults:
            f.wrong(node, "expect is missing", "say what should happen: expect: {rule: the-name-of-a-rule}")
        if rows is not None and not rows:
            f.wrong(node, "a table has at least one row")
    base: Node = Mapping({}, node.file, node.line, node.column)
    for layer in (file.given, *fixtures, own):
        base = base if layer is None else merge(base, layer)
    wanted = expect or Mapping({}, node.file, node.line, node.column)
    if not isinstance(base, Mapping):
        refuse(base, "expected facts")
    if rows is None:
        return [_read(name, name, node, base, wanted, ruleset, zone)]
    made: list[Case] = []
    faults: list[Fault] = []
    for index, row in enumerate(rows, 1):
        try:
            given, expected, title = _row(row, base, wanted)
            made.append(_read(f"{name}#{index}", f"{name}: {title}", row, given, expected, ruleset, zone))
        except ConfigurationError as error:
            faults += error.faults
            if len(faults) >= MAX_FAULTS:
                break
    if faults:
        raise ConfigurationError(faults)
    return made


def _read(name: str, title: str, node: Node, given: Mapping, expect: Mapping, ruleset: Ruleset, zone: tzinfo | None) -> Case:
    """Read facts and expectations; the mistakes of both come together."""
    faults: list[Fault] = []
    facts = expects = None
    try:
        facts = read_given(given, zone)
    except ConfigurationError as error:
        faults += error.faults
    try:
        expects = read_expect(expect, ruleset)
    except ConfigurationError as error:
        faults += error.faults
    if facts is None or expects is None:
        raise ConfigurationError(faults)
    return Case(name, title, facts, expects, node.file, node.line)


def _row(row: Node, given: Mapping, expect: Mapping) -> tuple[Mapping, Mapping, str]:
    """Return facts, expectations and title of one row: keys lead to what they change, `touch.sent`, `customer.attributes.segment`."""
    if not isinstance(row, Mapping):
        refuse(row, f"expected a row, not {kind_of(row)}", "write it as {touch.sent: 12m ago, rule: the-name-of-a-rule}")
    faults: list[Fault] = []
    words: list[str] = []
    for key, value in row:
        path = tuple(key.text.split("."))
        try:
            if path[0] in GIVEN_KEYS:
                given = _put(given, path, key, value)
                words.append(f"{key.text} {value.text if isinstance(value, Scalar) else '…'}")
            elif path[0] in EXPECT_KEYS:
                expect = _expect(expect, path, key, value)
            else:
                faults.append(fault(key, "is not known in a row", did_you_mean(path[0], [*GIVEN_KEYS, *EXPECT_KEYS], listing=True)))
        except ConfigurationError as error:
            faults += error.faults
    if faults:
        raise ConfigurationError(faults)
    return given, expect, ", ".join(words)[:MAX_ROW_TITLE] or "as it is"


def _put(base: Mapping, path: tuple[str, ...], key: Scalar, value: Node) -> Mapping:
    """Return facts with `value` at `path`, laid over what is there; null takes it away. A mistake in the path is named at `key`."""
    if not all(path):
        refuse(key, "expected names with dots between them", "write touch.sent")
    put = merge(base, overlay(Mapping({}, value.file, value.line, value.column), path, value))
    return put if isinstance(put, Mapping) else base


def _expect(base: Mapping, path: tuple[str, ...], key: Scalar, value: Node) -> Mapping:
    """Return expectations with `value` at `path`; null expects nothing."""
    if not all(path):
        refuse(key, "expected names with dots between them", "write pop.headline")
    try:
        return overlay(base, path, value)
    except ConfigurationError:
        refuse(key, "leads into something that has no parts", "write the whole of it")


def _unique(node: Node, names: dict[str, Scalar]) -> str:
    value = text(node)
    if isinstance(node, Scalar):
        first = names.setdefault(value, node)
        if first is not node:
            refuse(node, "another case has this name", f"see {first.file}:{first.line}")
    return value


def _fixture(node: Node, suite: _Suite) -> Mapping:
    value = text(node)
    if value not in suite.fixtures:
        refuse(node, "there is no fixture of this name", did_you_mean(value, suite.fixtures, listing=True) or "define it under fixtures:")
    found = suite.fixtures[value][1]
    return _mapping(found)
