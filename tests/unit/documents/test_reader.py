"""Tree -> typed values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from ctiroute.documents import (
    Mapping,
    Node,
    Parser,
    Scalar,
    boolean,
    choice,
    did_you_mean,
    duration,
    fields,
    integer,
    list_of,
    load,
    localized,
    mapping_of,
    matching,
    number,
    one_or_list,
    overlay,
    resolve,
    text,
)
from ctiroute.errors import ConfigurationError


@dataclass(frozen=True)
class Link:
    """A value to read."""

    host: str
    port: int
    names: tuple[str, ...]


def read_link(node: Node) -> Link:
    """Read one link as rooms above do."""
    with fields(node, "a link") as f:
        host = f.require("host", text)
        port = f.get("port", integer(0, 65535), 4573)
        names = f.get("names", list_of(text), ())
        if "port" in f and port == 1:
            f.wrong(f.node, "port 1 is odd", "take another")
    return Link(host, port, names)


def value_of(written: str) -> Node:
    """Return the node of `key: written`."""
    tree = load(f"key: {written}\n", "f.yml")
    assert isinstance(tree, Mapping)
    node = tree.get("key")
    assert node is not None
    return node


def complaints(parser: Parser[Any], text_of: str) -> list[str]:
    """Return what `parser` says of a whole document."""
    with pytest.raises(ConfigurationError) as caught:
        parser(load(text_of, "f.yml"))
    return [str(found) for found in caught.value.faults]


def test_known_keys_are_read_and_defaults_fill_the_rest() -> None:
    """What is written is taken, what is not gets its default."""
    assert read_link(load("host: pbx\nnames: [a, 010]\n", "f.yml")) == Link("pbx", 4573, ("a", "010"))


def test_all_faults_come_in_one_run_in_file_order() -> None:
    """Unknown keys, wrong values and missing ones are told together, each with place, found text and remedy."""
    assert complaints(read_link, "prot: 1\nport: 99999\nnames: [a, [b], true]\n") == [
        "f.yml:1:1: host is missing",
        "f.yml:1:1: is not known in a link (found 'prot'); did you mean port?",
        "f.yml:2:7: expected a whole number from 0 to 65535 (found '99999')",
        "f.yml:3:12: expected text, not a list",
        "f.yml:3:17: expected text, not true or false (found 'true'); put it in quotes",
    ]


def test_faults_of_meaning_join_the_others() -> None:
    """A reader can add its own mistake."""
    assert complaints(read_link, "host: a\nport: 1\n") == ["f.yml:1:1: port 1 is odd; take another"]


def test_a_list_in_place_of_a_mapping_is_named() -> None:
    """The whole part is refused with what stands there."""
    assert complaints(read_link, "- a\n") == [
        "f.yml:1:1: expected a mapping for a link, not a list; write it as name: value, one under the other"
    ]


def test_an_unknown_key_with_no_neighbour_lists_the_known_ones() -> None:
    """Where nothing is near, all that is known is listed."""
    assert "known here: host, names, port" in complaints(read_link, "host: a\nzzzz: 1\n")[0]


@pytest.mark.parametrize(
    ("parser", "written", "value"),
    [
        (text, "abc", "abc"),
        (text, "100", "100"),
        (text, "'true'", "true"),
        (matching("[a-z]+", "small letters"), "abc", "abc"),
        (choice("ring", "answer"), "ring", "ring"),
        (integer(-5, 5), "-5", -5),
        (number(0, 1), "1", 1.0),
        (number(0, 1), "0.25", 0.25),
        (boolean, "true", True),
        (duration, "15m", timedelta(minutes=15)),
        (duration, "1h30m", timedelta(minutes=90)),
        (duration, "1d 2h", timedelta(hours=26)),
        (duration, "2w", timedelta(weeks=2)),
        (duration, "20s", timedelta(seconds=20)),
        (list_of(text, empty=True), "[]", ()),
        (one_or_list(text), "a", ("a",)),
        (one_or_list(text), "[a, b]", ("a", "b")),
        (mapping_of(integer(0, 9)), "{a: 1, b: 2}", {"a": 1, "b": 2}),
        (mapping_of(text, empty=True), "{}", {}),
        (localized(text), "hello", {"": "hello"}),
        (localized(text), "{en: hello, uk: вітаю, pt-BR: oi}", {"en": "hello", "uk": "вітаю", "pt-BR": "oi"}),
    ],
)
def test_parsers_take_good_values(parser: Parser[Any], written: str, value: object) -> None:
    """Each parser gives the typed value."""
    assert parser(value_of(written)) == value


@pytest.mark.parametrize(
    ("parser", "written", "complaint"),
    [
        (text, "", "expected text, not nothing"),
        (text, "'  '", "not an empty one"),
        (text, "{}", "expected text, not a mapping"),
        (matching("[a-z]+", "small letters", "no digits"), "a1", "expected small letters (found 'a1'); no digits"),
        (choice("ring", "answer"), "rings", "expected one of: ring, answer (found 'rings'); did you mean ring?"),
        (integer(0, 9), "1.5", "expected a whole number from 0 to 9 (found '1.5')"),
        (integer(0, 9), "true", "expected a whole number"),
        (integer(0, 9), "[]", "not a list"),
        (number(0, 1), "2", "expected a number from 0 to 1"),
        (number(0, 1), "true", "expected a number"),
        (number(0, 1), "{}", "not a mapping"),
        (boolean, "yes", "expected true or false (found 'yes'); write true"),
        (boolean, "off", "write false"),
        (boolean, "1", "expected true or false"),
        (boolean, "[]", "expected true or false"),
        (duration, "15", "expected a time span (found '15'); write a number with its unit: 20s, 15m, 2h, 1d"),
        (duration, "0m", "longer than nothing"),
        (duration, "m15", "expected a time span"),
        (duration, "true", "expected a time span"),
        (duration, "[]", "expected a time span"),
        (list_of(text), "a", "expected a list, not text"),
        (list_of(text), "[]", "at least one item"),
        (mapping_of(text), "[a]", "expected a mapping, not a list"),
        (mapping_of(text), "{}", "at least one entry"),
        (mapping_of(integer(0, 9)), "{a: x}", "expected a whole number"),
        (localized(text), "{english: hello}", "expected a language code"),
        (text, "true", "put it in quotes"),
        (text, "[" + "a" * 100 + "]", "not a list"),
        (integer(0, 9), "a" * 100, "a" * 59 + "…'"),
    ],
)
def test_parsers_refuse_bad_values(parser: Parser[Any], written: str, complaint: str) -> None:
    """Each parser says what it expected, what it found and how to mend it."""
    with pytest.raises(ConfigurationError) as caught:
        parser(value_of(written))
    assert complaint in str(caught.value)


@pytest.mark.parametrize("text_of", ["[" + "[], " * 1000 + "]", "{" + ", ".join(f"k{n}: []" for n in range(1000)) + "}"])
def test_not_every_fault_of_a_long_list_is_told(text_of: str) -> None:
    """Two hundred are enough."""
    parser = list_of(text) if text_of[0] == "[" else mapping_of(text)
    assert len(complaints(parser, text_of)) == 200


def test_a_failure_inside_is_not_covered_by_faults() -> None:
    """What breaks in a reader is seen as itself."""
    with pytest.raises(ZeroDivisionError), fields(load("a: 1", "f.yml"), "a thing") as f:
        f.get("b", lambda _: 1, 1 // 0)


def test_did_you_mean_is_silent_where_nothing_is_near() -> None:
    """No wild guesses."""
    assert did_you_mean("zzz", ["alpha"]) == ""
    assert did_you_mean("alhpa", ["alpha"]) == "did you mean alpha?"
    assert did_you_mean("zzz", [], listing=True) == ""


def test_overlay_sets_a_value_and_makes_the_way() -> None:
    """A value from the environment stands over the file's, and is named as its own source when wrong."""
    base = load("host: a\nport: 1\n", "f.yml")
    assert isinstance(base, Mapping)
    value = Scalar(resolve("70000"), "70000", "CTIROUTE_PORT", 0, 0)
    over = overlay(base, ("port",), value)
    with pytest.raises(ConfigurationError) as caught:
        read_link(over)
    assert str(caught.value) == "CTIROUTE_PORT: expected a whole number from 0 to 65535 (found '70000')"
    inner = overlay(base, ("web", "deep", "port"), value).get("web")
    assert isinstance(inner, Mapping)
    deep = inner.get("deep")
    assert isinstance(deep, Mapping)
    assert deep.get("port") is value
    with pytest.raises(ConfigurationError, match=r"CTIROUTE_PORT: cannot be set: host is text in f\.yml"):
        overlay(base, ("host", "x"), value)
    assert len(base) == 2
