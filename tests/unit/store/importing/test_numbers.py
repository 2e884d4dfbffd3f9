"""The quick reading of numbers gives what `parse_phone` gives, for every country."""

from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctiroute.model.phone import parse_phone
from ctiroute.store.importing import numbers
from ctiroute.store.importing.numbers import number_reader
from tests.examples import examples

REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)
_TYPES = range(11)


@st.composite
def written(draw: st.DrawFn) -> tuple[str, str]:
    """Draw a region and a number somebody there could write: an example of some kind, some digits changed, prefixed, punctuated."""
    region = draw(st.sampled_from(REGIONS))
    metadata = phonenumbers.PhoneMetadata.metadata_for_region(region)
    assert metadata is not None
    examples = [example for kind in _TYPES if (example := phonenumbers.example_number_for_type(region, kind)) is not None]
    digits = list(phonenumbers.national_significant_number(draw(st.sampled_from(examples))))
    for place, digit in draw(st.lists(st.tuples(st.integers(0, len(digits) - 1), st.sampled_from("0123456789")), max_size=4)):
        digits[place] = digit
    national = "".join(digits)[: draw(st.integers(max(1, len(digits) - 1), len(digits)))] + draw(st.sampled_from(["", "", "", "7"]))
    code, prefix = str(metadata.country_code), metadata.national_prefix or ""
    number = (
        draw(st.sampled_from(["", prefix, (metadata.national_prefix_for_parsing or "")[:1], code, f"+{code}", f"00{code}", "0"])) + national
    )
    if draw(st.booleans()):
        place = draw(st.integers(0, len(number)))
        number = number[:place] + draw(st.sampled_from([" ", "-", ".", "(", ")", "/", " (", ") ", "\u00a0", "x", "+"])) + number[place:]
    return region, draw(st.sampled_from(["", " "])) + number


@given(written())
@settings(max_examples=examples(150), deadline=None)
def test_every_number_is_read_as_by_the_library(case: tuple[str, str]) -> None:
    """Identical results: quick is what is surely right, and all else is left to the library."""
    region, number = case
    assert number_reader(region)(number) == parse_phone(number, region)


@given(st.text(alphabet="+0123456789 ().-/x٣\t", max_size=34))
@settings(max_examples=examples(300), deadline=None)
def test_what_is_no_number_is_read_as_by_the_library(text: str) -> None:
    """Of any text in the alphabet of numbers."""
    assert number_reader("UA")(text) == parse_phone(text, "UA")
    assert number_reader("KZ")(text) == parse_phone(text, "KZ")


@pytest.mark.parametrize("number", ["+380671234567", "0671234567", "380671234567", "671234567", "067 123-45-67", "00380671234567"])
def test_the_usual_ways_never_reach_the_library(number: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file full of them is read at once."""

    def library(raw: str, region: str) -> str:
        raise AssertionError(raw, region)

    monkeypatch.setattr(numbers, "parse_phone", library)
    assert number_reader.__wrapped__("UA")(number) == "+380671234567"


def test_a_region_nobody_knows_is_left_to_the_library() -> None:
    """Numbers with a plus sign are read there, too."""
    assert number_reader("XX")("+380671234567") == "+380671234567"
    assert number_reader("XX")("0671234567") is None
