"""The signature of webhooks."""

from __future__ import annotations

import pytest

from ctiroute.connectors.announce.signature import sign, verify

SECRET, BODY, AT = "0123456789abcdef", b'{"id":"e-1"}', 1_772_366_400


def test_a_signature_is_what_others_compute() -> None:
    """The value openssl gives for the same key and text: printf '1772366400.{"id":"e-1"}' | openssl dgst -sha256 -hmac 0123456789abcdef."""
    assert sign(SECRET, AT, BODY) == "t=1772366400,v1=430b79c291fd36f04a6df3df250e0c11ce83a1b665dee8b5368564f0b730db50"


def test_what_we_sign_is_taken_in_time() -> None:
    """Within the tolerance, to either side; no later and no earlier."""
    signed = sign(SECRET, AT, BODY)
    assert verify(SECRET, signed, BODY, AT + 300)
    assert verify(SECRET, signed, BODY, AT - 300)
    assert not verify(SECRET, signed, BODY, AT + 301)
    assert not verify(SECRET, signed, BODY, AT - 301)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "t=,v1=",
        "t=1772366400",
        "v1=abc",
        "t=1772366400,v1=",
        "t=१,v1=x",
        "t=1772366400,v1=é",
        "t=9999999999999,v1=x",
        "t=-1,v1=x",
        "=,=,=",
    ],
)
def test_whatever_else_comes_is_refused(header: str) -> None:
    """Nothing raises."""
    assert not verify(SECRET, header, BODY, AT)


def test_time_and_body_are_both_signed() -> None:
    """Neither can be changed alone."""
    signed = sign(SECRET, AT, BODY)
    assert not verify(SECRET, signed.replace(str(AT), str(AT + 1)), BODY, AT)
    assert not verify(SECRET, signed, BODY + b"\n", AT)
    assert not verify("another secret 12", signed, BODY, AT)
