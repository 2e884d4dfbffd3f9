"""Mapping files: one mistake each, and what is said about it; and what may be written."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctiroute.connectors.webhook.mapping import Hmac, load_mapping
from ctiroute.errors import MappingError
from tests.unit.connectors.webhook.mappings import HEAD, LEAST


def interaction(*lines: str) -> str:
    """Return a mapping whose interaction has further lines."""
    return HEAD + LEAST + "".join(f"      {line}\n" for line in lines)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "expected a mapping for a mapping, not nothing"),
        (HEAD.replace("signature: none\n", "") + LEAST, "signature is missing"),
        (HEAD.replace("about: test\n", "") + LEAST, "about is missing"),
        (HEAD + LEAST + "kind: []\n", "test.yml:9:1: is not known in a mapping (found 'kind'); did you mean kinds?"),
        (HEAD.replace("none", "nono") + LEAST, "test.yml:2:12: expected a mapping, or none"),
        (HEAD.replace("none", "{hmac: md5, header: X}") + LEAST, "expected one of: sha256, sha512, sha1"),
        (HEAD.replace("none", "{hmac: sha256}") + LEAST, "the signature stands in one place"),
        (HEAD.replace("none", '{hmac: sha256, header: X, over: "{timestamp}{body}"}') + LEAST, "over names {timestamp}"),
        (HEAD.replace("none", "{hmac: sha256, header: X, timestamp: at}") + LEAST, "the timestamp is not signed"),
        (HEAD.replace("none", "{hmac: sha256, header: X, tolerance: 5m}") + LEAST, "tolerance belongs to timestamp"),
        (HEAD.replace("none", '{hmac: sha256, header: X, over: "{bdy}"}') + LEAST, "cannot be read"),
        (HEAD.replace("none", "{hmac: sha256, header: X, secret: s3cret}") + LEAST, "is not known in signature (found 'secret')"),
        (HEAD.replace("none", "{token: {header: X}, basic: me}") + LEAST, "a signature is of one kind"),
        (HEAD.replace("none", "{token: {header: X, query: y}}") + LEAST, "the token stands in one place"),
        (HEAD.replace("none", "[x]") + LEAST, "expected a mapping, not a list"),
        (HEAD + LEAST + LEAST, "two kinds have the name message"),
        (HEAD + "  - name: empty\n", "a kind makes one thing"),
        (HEAD + LEAST + "    receipt: {touch_id: a, status: b}\n", "a kind makes one thing"),
        (HEAD + LEAST + "    each: 'a b'\n", "is no path"),
        (HEAD + LEAST + "    when: [a]\n", "expected a mapping of path to what has to stand there"),
        (HEAD + LEAST + "    when: {'a b': c}\n", "is no path"),
        (HEAD + LEAST + "    when: {a: {}}\n", "says nothing"),
        (HEAD + LEAST + "    when: {a: {presend: true}}\n", "did you mean present?"),
        (interaction("status: open"), "test.yml:9:15: is read as a path (found 'open'); write {text: open} for the word itself"),
        (interaction("status: {text: opened}"), "expected one of: open, waiting, closed (found 'opened'); did you mean open?"),
        (interaction("status: {path: s, values: {a: shut}}"), "expected one of: open, waiting, closed (found 'shut')"),
        (interaction("title: {}"), "a value has one source; write one of path, text, first, join"),
        (interaction("title: {path: a, text: b}"), "here are path and text"),
        (interaction("title: {path: a, as: fone}"), "did you mean phone?"),
        (interaction("title: {path: a, with: b}"), "with belongs to join"),
        (interaction("title: {path: a, otherwise: b}"), "otherwise belongs to values"),
        (interaction("title: {path: a, max: 0}"), "expected a whole number from 1"),
        (interaction("form: [a]"), "expected a mapping of field to value"),
        (interaction("message: {kind: Message, text: t}"), "expected a word of small letters"),
        (interaction("message: {id: t}"), "text is missing"),
        (interaction("verified: yes"), "expected true or false"),
        (HEAD + LEAST.replace("visitor", "Visitor"), "is no kind of identifier"),
        (HEAD + LEAST.replace("      from: {visitor: who}\n", ""), "nobody is named"),
        (HEAD + "  - name: r\n    receipt: {status: s, campaign: c}\n", "names no touch"),
        (HEAD + "  - name: t\n    touch: {campaign: c, id: i, medium: {text: fax}, to: {phone: p}}\n", "expected one of: voice"),
        ("timezone: Kyiv\n" + HEAD + LEAST, "is no timezone"),
        ("max_body_kib: 99999\n" + HEAD + LEAST, "expected a whole number"),
        ("body: xml\n" + HEAD + LEAST, "expected one of: json, form"),
        ("challenge: {token: a}\n" + HEAD + LEAST, "answer is missing"),
    ],
)
def test_each_mistake_is_named(text: str, said: str) -> None:
    """With its place, and what to write."""
    with pytest.raises(MappingError) as caught:
        load_mapping(text, "test.yml")
    assert said in str(caught.value)


def test_every_mistake_is_named_in_one_run() -> None:
    """Nobody mends a file one message at a time."""
    text = HEAD + LEAST.replace("id: chat", "id: {}").replace("{text: chat}", "chat") + "    when: {a: {}}\nbody: xml\n"
    with pytest.raises(MappingError) as caught:
        load_mapping(text, "test.yml")
    assert [fault.line for fault in caught.value.faults] == [6, 7, 9, 10]


def test_what_a_file_may_say() -> None:
    """All there is, read as it is meant."""
    text = (
        "about: All there is\nbody: [json, form]\ntimezone: Europe/Kyiv\nmax_body_kib: 64\n"
        "challenge: {token: hub.verify_token, answer: hub.challenge}\n"
        'signature: {hmac: sha512, header: X-S, encoding: base64, over: "v1:{timestamp}:{body}", timestamp: $headers.x-t, tolerance: 1h}\n'
        "kinds:\n" + LEAST
    )
    mapping = load_mapping(text, "all.yml")
    assert (mapping.about, mapping.bodies, mapping.max_body) == ("All there is", ("json", "form"), 65_536)
    assert mapping.zone == ZoneInfo("Europe/Kyiv")
    assert isinstance(mapping.signature, Hmac)
    assert (mapping.signature.over, mapping.signature.tolerance) == (("v1:", "{timestamp}", ":", "{body}"), timedelta(hours=1))


@given(st.text(max_size=200))
def test_only_the_documented_error_escapes(text: str) -> None:
    """Whatever is written, at the end of a file that is right."""
    for written in (text, HEAD + LEAST + text):
        try:
            load_mapping(written, "x.yml")
        except MappingError as error:
            assert error.faults  # noqa: PT017 - most texts are wrong, few are right
