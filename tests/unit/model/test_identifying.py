"""What is and what is not a key of a customer."""

from __future__ import annotations

import pytest

from ctiroute.model import Identifier, IdentifierKind
from ctiroute.model.identifying import MAX_VALUE, parse_identifier, parse_kind


@pytest.mark.parametrize(
    ("kind", "raw", "value"),
    [
        ("phone", " 067 123 45 67 ", "+380671234567"),
        ("phone", "+7 701 123 45 67", "+77011234567"),
        ("email", "Olena@Example.COM", "olena@example.com"),
        ("telegram", " 4711 ", "4711"),
        ("loyalty-card", "A 1", "A 1"),
        ("viber", "x" * MAX_VALUE, "x" * MAX_VALUE),
    ],
)
def test_a_key_is_kept_in_the_one_way_it_is_found_by(kind: str, raw: str, value: str) -> None:
    """Phones become E.164 and addresses lower case; anything else stays as the source writes it."""
    assert parse_identifier(kind, raw, "UA") == Identifier(kind, value)


@pytest.mark.parametrize(
    ("kind", "raw", "why"),
    [
        ("phone", "anonymous", "possible phone number"),
        ("phone", "12", "possible phone number"),
        ("email", "no address", "not an address"),
        ("email", "@example.com", "not an address"),
        ("account", "  ", "empty"),
        ("account", "x" * (MAX_VALUE + 1), "longer than 200"),
        ("visitor", "a\0b", "control characters"),
        ("visitor", "a\x1b[31m", "control characters"),
        ("visitor", "\udcff", "control characters"),
        ("Viber", "1", "no kind"),
        ("", "1", "no kind"),
        ("9lives", "1", "no kind"),
        ("a" * 33, "1", "no kind"),
        ("viber\n", "1", "no kind"),
        ("via:ber", "1", "no kind"),
        ("вайбер", "1", "no kind"),
    ],
)
def test_what_is_not_surely_a_key_is_refused_in_words(kind: str, raw: str, why: str) -> None:
    """A hostile or broken value becomes nobody's key, and who wrote it learns why."""
    with pytest.raises(ValueError, match=why):
        parse_identifier(kind, raw, "UA")


def test_known_kinds_are_the_same_as_their_names() -> None:
    """A kind that came as text finds what was kept under the constant, in a dictionary too."""
    assert {Identifier(IdentifierKind.PHONE, "+1"): 1}[Identifier("phone", "+1")] == 1
    assert [parse_kind(kind) for kind in IdentifierKind] == list(IdentifierKind)
