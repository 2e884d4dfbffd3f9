"""Bodies of requests: JSON, forms, multipart; whole, cut at every byte, and hostile."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctiroute.connectors.webhook.mapping.bodies import MAX_DEPTH, MAX_FIELD, MAX_FIELDS, read_body
from ctiroute.errors import PayloadError

FORM = "application/x-www-form-urlencoded; charset=utf-8"
MULTIPART = 'multipart/form-data; boundary="b0"'
BOTH = ("json", "form")
PARTS = (
    b'--b0\r\nContent-Disposition: form-data; name="subject"\r\n\r\n\xd0\xa2\xd0\xb5\xd0\xbc\xd0\xb0\r\n'
    b'--b0\r\nContent-Disposition: form-data; name="empty"\r\n\r\n\r\n'
    b'--b0\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
    b'--b0\r\nContent-Disposition: form-data; name="a"\r\n\r\n2\r\n'
    b'--b0\r\nContent-Disposition: form-data; name="f"; filename="c.pdf"\r\nContent-Type: application/pdf\r\n\r\n%PDF\r\n\r\n--b1\r\n'
    b"--b0--\r\n"
)


def test_json_is_as_it_is() -> None:
    """Also when the sender does not say so, or says text/plain."""
    for kind in ("application/json", "application/vnd.api+json; charset=utf-8", "", "text/plain"):
        assert read_body(b'{"a": [1, null, "x"]}', kind, ("json",)) == {"a": [1, None, "x"]}


def test_a_form_is_a_mapping_of_texts() -> None:
    """What stands twice is a list, what is empty stays there."""
    assert read_body(b"a=1&a=2&a=3&b=&c=%D0%96+x&d", FORM, BOTH) == {"a": ["1", "2", "3"], "b": "", "c": "Ж x", "d": ""}


def test_a_multipart_form_keeps_texts_and_names_files() -> None:
    """A file's bytes are not kept."""
    assert read_body(PARTS, MULTIPART, ("form",)) == {
        "subject": "Тема",
        "empty": "",
        "a": ["1", "2"],
        "f": {"filename": "c.pdf", "type": "application/pdf", "size": 12},
    }


def test_a_multipart_form_that_is_cut_off_is_refused() -> None:
    """At whichever byte."""
    for end in range(len(PARTS) - len("--\r\n")):
        with pytest.raises(PayloadError):
            read_body(PARTS[:end], MULTIPART, ("form",))


@pytest.mark.parametrize(
    ("body", "kind", "why"),
    [
        (b"{}", "image/png", "is image/png"),
        (b"", "application/json", "no JSON"),
        (b'{"a": 1}{', "application/json", "no JSON"),
        (b'{"a": "\xff"}', "application/json", "no JSON"),
        (b"[" * (MAX_DEPTH + 2) + b"]" * (MAX_DEPTH + 2), "application/json", "deep"),
        (b'{"a":' * 5000, "application/json", "deep|no JSON"),
        (b"a=1&" * (MAX_FIELDS + 1), FORM, "form"),
        (b"\xff=1", FORM, "form"),
        (PARTS, "multipart/form-data", "boundary"),
        (PARTS, "multipart/form-data; boundary=other", "boundary"),
        (PARTS, "multipart/form-data; boundary=\udcff", "boundary"),  # a byte that is no text, as headers come
        (b"--b0\r\n" + b"x" * 10_000 + b"\r\n--b0--", MULTIPART, "cut off"),
        (PARTS.replace(b"1", b"1" * (MAX_FIELD + 1)), MULTIPART, "is over"),
        (b"--b0\r\nX: y\r\n\r\n\r\n" * (MAX_FIELDS + 2) + b"--b0--", MULTIPART, "more than"),
    ],
)
def test_what_cannot_be_read_is_refused(body: bytes, kind: str, why: str) -> None:
    """With words for the log."""
    with pytest.raises(PayloadError, match=why):
        read_body(body, kind, BOTH)


def test_json_as_deep_as_allowed_is_read() -> None:
    """The bound is where the constant says."""
    assert read_body(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH, "application/json", BOTH)


@given(st.binary(max_size=300), st.sampled_from(["application/json", FORM, MULTIPART, "multipart/form-data; boundary=x", "?"]))
def test_only_the_documented_error_escapes(body: bytes, kind: str) -> None:
    """Whatever is sent."""
    with suppress(PayloadError):
        read_body(body, kind, BOTH)
