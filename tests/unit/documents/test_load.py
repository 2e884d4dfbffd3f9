"""YAML text -> tree."""

from __future__ import annotations

import sys
import time
import tracemalloc

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ctiroute.documents import MAX_BYTES, MAX_DEPTH, Mapping, Node, Scalar, Sequence, load
from ctiroute.errors import DocumentError, Fault

SLOW = 6 if sys.gettrace() else 1  # a coverage run traces every line


def plain(node: Node) -> object:
    """Return the tree as Python values."""
    match node:
        case Scalar():
            return node.value
        case Sequence():
            return [plain(item) for item in node.items]
        case Mapping():
            return {key.text: plain(value) for key, value in node}


def first_fault(text: str | bytes) -> str:
    """Return the first complaint about `text`."""
    with pytest.raises(DocumentError) as caught:
        load(text, "f.yml")
    return str(caught.value.faults[0])


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("0", 0),
        ("-12", -12),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ("010", "010"),
        ("0o7", "0o7"),
        ("0x1f", "0x1f"),
        ("+380671234567", "+380671234567"),
        ("380671234567", 380671234567),
        ("1234567890123456789", "1234567890123456789"),
        ("1e999", "1e999"),
        (".5", ".5"),
        (".inf", ".inf"),
        ("-", "-"),
        ("12:30", "12:30"),
        ("2026-11-22", "2026-11-22"),
        ("no", "no"),
        ("yes", "yes"),
        ("on", "on"),
        ("1_000", "1_000"),
        ("'5'", "5"),
        ('"true"', "true"),
        ("<<", "<<"),
        ("=", "="),
    ],
)
def test_scalars_are_read_as_yaml_1_2(written: str, value: object) -> None:
    """A plain scalar is a number only as JSON writes one; YAML 1.1's surprises stay text."""
    if written == "-":
        written = "'-'"
    tree = load(f"key: {written}\n", "f.yml")
    assert isinstance(tree, Mapping)
    node = tree.get("key")
    assert node is not None
    assert plain(node) == value
    assert type(plain(node)) is type(value)


def test_every_node_knows_its_place() -> None:
    """Line and column are 1-based and count characters, not bytes."""
    tree = load("назва: так\nlist:\n  - {a: 1}\n", "f.yml")
    assert isinstance(tree, Mapping)
    name, items = tree.get("назва"), tree.get("list")
    assert isinstance(name, Scalar)
    assert (name.file, name.line, name.column) == ("f.yml", 1, 8)
    assert isinstance(items, Sequence)
    assert isinstance(items.items[0], Mapping)
    assert (items.items[0].line, items.items[0].column) == (3, 5)


def test_an_empty_file_is_nothing() -> None:
    """An empty document and one of comments alone are a null scalar; a byte order mark is not text."""
    for text in ("", "# nothing\n", "---\n", b"\xef\xbb\xbf"):
        assert plain(load(text, "f.yml")) is None


def test_aliases_share_the_node() -> None:
    """An alias is the same node, with the place of the original."""
    assert plain(load("a: &x {k: v}\nb: *x\nc: [*x, &y 5, *y]\n", "f.yml")) == {"a": {"k": "v"}, "b": {"k": "v"}, "c": [{"k": "v"}, 5, 5]}


def test_all_repeated_keys_are_named() -> None:
    """Repeated keys are mistakes, each with its place; a number and the same number in quotes are one key."""
    with pytest.raises(DocumentError) as caught:
        load("a: 1\nb: {x: 1, x: 2}\na: 3\n1: p\n'1': q\n", "f.yml")
    assert [(f.line, f.column, f.found) for f in caught.value.faults] == [(2, 11, "x"), (3, 1, "a"), (5, 1, "1")]
    assert "the first is on line 1" in caught.value.faults[1].hint


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a: b: c", "f.yml:1:5: mapping values are not allowed"),
        ("a: [1", "f.yml:2:1: while parsing a flow sequence"),
        ("\ta: 1", "f.yml:1:1: while scanning for the next token found character that cannot start any token; indent with spaces"),
        ("a: *x", "f.yml:1:4: nothing is named &x; a text that begins with * needs quotes"),
        ("a: !!int 3", "f.yml:1:4: tags are not used here"),
        ("a: !x {}", "f.yml:1:4: tags are not used here"),
        ("--- a\n--- b\n", "f.yml:2:1: a file holds one document"),
        ("a: &a [*a]", "f.yml:1:8: *a stands inside what it names"),
        ("{[a]: 1}", "f.yml:1:2: a list or a mapping cannot be a key"),
        ("? {a: b}\n: 1\n", "f.yml:1:3: a list or a mapping cannot be a key"),
        ("ab: \x01\n", "f.yml:1:5: is not text"),
        ("a: '\\q'\nb: \"\\q\"", "f.yml:2:5: while parsing a quoted scalar found unknown escape character"),
        ("%YAML 3.0\n---\na", "f.yml:1:1: found incompatible YAML document"),
        ("a: 1\nb: '\ud800'", "f.yml:2:5: is not UTF-8 text (found 'byte 0xed')"),
        (b"a: 1\nb: \xff\n", "f.yml:2:4: is not UTF-8 text (found 'byte 0xff'); save the file as UTF-8"),
    ],
)
def test_what_is_not_yaml_is_named_with_its_place_and_remedy(text: str | bytes, complaint: str) -> None:
    """A mistake of syntax gives file, line, column and what to do."""
    assert first_fault(text).startswith(complaint)


BOMB = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n" + "".join(f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))
DEEP_BY_ALIAS = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 200))
HOSTILE = {
    "bomb": (BOMB, "aliases counted"),
    "deep flow": ("[" * 500, f"is nested more than {MAX_DEPTH} deep"),
    "deep mappings": ("{a: " * 500, f"is nested more than {MAX_DEPTH} deep"),
    "deep block": ("".join(" " * n + "a:\n" for n in range(500)), f"is nested more than {MAX_DEPTH} deep"),
    "deep by alias": (DEEP_BY_ALIAS, "deep, aliases counted"),
    "many aliases": ("a: &a 1\nb: [" + "*a, " * 5000 + "1]", "uses more than 1000 aliases"),
    "one mebibyte": ("x" * MAX_BYTES, "is too large: 1,048,576 bytes"),
    "anchors": ("".join(f"- &a{n} 1\n" for n in range(20_000)) + "- *none\n", "nothing is named"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_documents_are_refused_cheaply(name: str) -> None:
    """A bomb, 500 levels or a mebibyte is refused within 200 ms of processor time and 32 MiB."""
    text, complaint = HOSTILE[name]
    took = []
    for _ in range(3):  # the quickest counts: it is the one the machine disturbed least
        started = time.process_time()
        assert complaint in first_fault(text)
        took.append(time.process_time() - started)
    tracemalloc.start()
    try:
        assert complaint in first_fault(text)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 32 * 2**20
    assert min(took) < 0.2 * SLOW


def test_many_mistakes_stop_the_reading() -> None:
    """Fifty repeated keys are enough to report."""
    with pytest.raises(DocumentError) as caught:
        load("a: 1\n" * 500, "f.yml")
    assert len(caught.value.faults) == 50


def test_too_many_values_are_refused() -> None:
    """A dense file just below the size bound is stopped at the bound of values."""
    assert "holds more than 200,000 values" in first_fault("[" + "a," * 300_000 + "]")


@given(st.one_of(st.binary(max_size=300), st.text(max_size=300), st.text(alphabet="{}[]:,-&*!|>'\"%@`#?ab1 \n\t", max_size=120)))
def test_no_input_escapes_as_anything_else(text: bytes | str) -> None:
    """Whatever the bytes, the answer is a tree or a DocumentError with at least one fault."""
    faults: tuple[Fault, ...] = ()
    try:
        plain(load(text, "f.yml"))
    except DocumentError as error:
        faults = error.faults
        told = bool(faults)
    else:
        told = True
    assert told
    assert all(found.line >= 0 and found.message for found in faults)


SAME = ["a: [1, '2', 010, {b: ~}]\nc: &x |\n  text\nd: *x\n", "a: b: c", "a: [1\n", "ab: \x01", "[" * 500, "a: *x", "a: 1\na: 2"]


@pytest.mark.parametrize("text", SAME)
def test_without_libyaml_nothing_but_the_wording_differs(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """PyYAML's own parser gives the same tree, and the same places for mistakes."""

    def outcome() -> object:
        try:
            return plain(load(text, "f.yml"))
        except DocumentError as error:
            return [(fault.line, fault.column) for fault in error.faults]

    with_libyaml = outcome()
    monkeypatch.setattr(sys.modules["ctiroute.documents.load"], "_Loader", yaml.Loader)
    assert outcome() == with_libyaml
