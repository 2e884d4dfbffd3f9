"""Signatures as vendors make them, checked against known answers and against what somebody else would send."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from ctiroute.connectors.webhook.mapping import Reading, Refused, load_mapping, place_of, verify
from tests.unit.connectors.webhook.mappings import HOW, LEAST, NOW

if TYPE_CHECKING:
    from collections.abc import Mapping as Map

BODY = b'{"chat": 1}'
SECRET = "s3cret"


def check(signature: str, headers: Map[str, str], payload: object = None, *, secret: str = SECRET, how: Reading = HOW, **query: str) -> str:
    """Return what is unique of a request that is signed so."""
    mapping = load_mapping(f"about: test\nsignature: {signature}\nkinds:\n{LEAST}", "test.yml")
    return verify(mapping.signature, secret, BODY, place_of(payload, headers, query), how)


def digest(algorithm: str, over: bytes = BODY) -> bytes:
    """Return a keyed digest."""
    return hmac.new(SECRET.encode(), over, algorithm).digest()


def test_the_known_answer_of_rfc_4231() -> None:
    """Test case 2: key "Jefe", data "what do ya want for nothing?"."""
    mapping = load_mapping(f"about: t\nsignature: {{hmac: sha256, header: X-S}}\nkinds:\n{LEAST}", "t.yml")
    sent = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    place = place_of(None, {"x-s": sent}, {})
    assert verify(mapping.signature, "Jefe", b"what do ya want for nothing?", place, HOW) == sent


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha512"])
def test_every_algorithm_and_encoding(algorithm: str) -> None:
    """Hexadecimal in either case, or base64; with the vendor's word in front."""
    made = digest(algorithm)
    assert check(f"{{hmac: {algorithm}, header: X-S}}", {"x-s": made.hex()})
    assert check(f"{{hmac: {algorithm}, header: X-S}}", {"X-S": made.hex().upper()})
    assert check(f"{{hmac: {algorithm}, header: X-S, encoding: base64}}", {"X-S": base64.b64encode(made).decode()})
    assert check(f'{{hmac: {algorithm}, header: X-S, prefix: "v1="}}', {"X-S": f"v1={made.hex()}"})


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        ("", "there is no signature"),
        (digest("sha256").hex(), "does not begin with sha256="),
        ("sha256=", "wrong"),
        ("sha256=zz", "wrong"),
        ("sha256=" + digest("sha256").hex()[:-2], "wrong"),
        ("sha256=" + digest("sha256", b"other").hex(), "wrong"),
        ("sha256=" + digest("sha1").hex(), "wrong"),
        ("sha256=" + "ы" * 64, "wrong"),
        ("sha256=" + "0" * 100_000, "wrong"),
    ],
)
def test_a_wrong_signature_is_refused(sent: str, why: str) -> None:
    """Whatever stands there."""
    with pytest.raises(Refused, match=why):
        check('{hmac: sha256, header: X-S, prefix: "sha256="}', {"X-S": sent})


@pytest.mark.parametrize("signature", ["{hmac: sha256, header: X-S}", "{token: {header: X-S}}", "{basic: zammad}"])
def test_without_a_secret_nothing_is_believed(signature: str) -> None:
    """Not even what is signed with an empty one."""
    forged = hmac.new(b"", BODY, "sha256").hexdigest()
    with pytest.raises(Refused, match="no secret is set"):
        check(signature, {"X-S": forged, "Authorization": "Basic emFtbWFkOg=="}, secret="")


def test_a_signed_time_holds_for_its_tolerance() -> None:
    """Before and behind our clock; and it cannot be changed, as it is signed."""
    signature = '{hmac: sha256, header: X-S, over: "{timestamp}.{body}", timestamp: $headers.x-t, tolerance: 2m}'
    stamp = str(int(NOW.timestamp()))
    headers = {"X-S": digest("sha256", f"{stamp}.".encode() + BODY).hex(), "X-T": stamp}
    for shift, good in ((-121, False), (-119, True), (0, True), (119, True), (121, False)):
        how = Reading("UA", NOW + timedelta(seconds=shift))
        if good:
            assert check(signature, headers, how=how)
        else:
            with pytest.raises(Refused, match="too far"):
                check(signature, headers, how=how)
    with pytest.raises(Refused, match="wrong"):
        check(signature, {**headers, "X-T": str(int(stamp) + 1)})
    with pytest.raises(Refused, match="cannot be read"):
        check(signature, {"X-S": digest("sha256", b"." + BODY).hex()})


def test_a_signature_may_stand_in_the_payload() -> None:
    """As mail services send it; the nonce is what is unique of the request."""
    stamp = str(int(NOW.timestamp()))
    signature = '{hmac: sha256, value: signature, over: "{timestamp}{nonce}", timestamp: timestamp, nonce: token}'
    payload = {"timestamp": stamp, "token": "t1", "signature": digest("sha256", f"{stamp}t1".encode()).hex()}
    assert check(signature, {}, payload) == "t1"
    with pytest.raises(Refused):
        check(signature, {}, {**payload, "token": "t2"})


def test_tokens_and_passwords() -> None:
    """In a header, with a word before it, in the address; a password by RFC 7617."""
    assert check("{token: {header: X-Token}}", {"x-token": SECRET}) == ""
    assert check('{token: {header: Authorization, prefix: "Bearer "}}', {"Authorization": f"Bearer {SECRET}"}) == ""
    assert check("{token: {query: token}}", {}, token=SECRET) == ""
    assert check("{basic: zammad}", {"Authorization": "Basic " + base64.b64encode(b"zammad:s3cret").decode()}) == ""
    for signature, headers in (
        ("{token: {header: X-Token}}", {"x-token": SECRET + "x"}),
        ("{token: {header: X-Token}}", {"x-token": "ы"}),
        ("{token: {header: X-Token}}", {}),
        ('{token: {header: Authorization, prefix: "Bearer "}}', {"Authorization": SECRET}),
        ("{basic: zammad}", {"Authorization": "Basic " + base64.b64encode(b"other:s3cret").decode()}),
        ("{basic: zammad}", {}),
    ):
        with pytest.raises(Refused):
            check(signature, headers)


def test_what_was_sent_is_not_in_the_message() -> None:
    """The log must hold neither a secret nor an attempt at one."""
    with pytest.raises(Refused) as refused:
        check("{token: {header: X-Token}}", {"x-token": "my-guess"})
    assert "my-guess" not in str(refused.value)
    assert SECRET not in str(refused.value)
    assert hashlib.sha256(SECRET.encode()).hexdigest() not in str(refused.value)
