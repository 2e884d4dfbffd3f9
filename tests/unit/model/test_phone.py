"""Numbers as they come -> E.164, held to libphonenumber itself."""

from __future__ import annotations

from random import Random

import phonenumbers
import pytest
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from ctiroute.model.phone import country_of, parse_phone

E164 = PhoneNumberFormat.E164
REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)


def by_the_book(text: str, region: str) -> str | None:
    """Return what libphonenumber says of a number with a plus sign, by its plain and slow way."""
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number) and not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, E164)


def examples() -> list[str]:
    """Return example numbers of every country and every kind, as E.164."""
    found = [phonenumbers.example_number_for_type(region, kind) for region in REGIONS for kind in PhoneNumberType.values()]
    found += [phonenumbers.example_number_for_non_geo_entity(code) for code in phonenumbers.COUNTRY_CODES_FOR_NON_GEO_REGIONS]
    return sorted({phonenumbers.format_number(number, E164) for number in found if number is not None})


@pytest.mark.parametrize("region", ["UA", "US", "IT"])
def test_example_numbers_of_every_country_read_as_libphonenumber_reads_them(region: str) -> None:
    """The quick way for "+" and digits gives the number that the library's own parser gives."""
    numbers = examples()
    assert len(numbers) > 1000
    assert [(number, parse_phone(number, region)) for number in numbers] == [(number, by_the_book(number, region)) for number in numbers]


def test_numbers_near_the_examples_read_as_libphonenumber_reads_them() -> None:
    """Cut, lengthened, changed, and with a trunk prefix slipped in behind the code: the same answer or the same refusal."""
    rng = Random(5)  # noqa: S311 - the same numbers in every run
    for number in examples():
        for _ in range(4):
            place = rng.randrange(2, len(number))
            mutant = rng.choice(
                [
                    number[:place] + str(rng.randrange(10)) + number[place + 1 :],
                    number[:place] + rng.choice("0189") + number[place:],
                    number[:-1],
                    number + "7",
                ]
            )
            assert parse_phone(mutant, "UA") == by_the_book(mutant, "UA"), mutant


def test_random_digits_behind_every_calling_code_read_as_libphonenumber_reads_them() -> None:
    """No length and no calling code, in use or not, makes a difference."""
    rng = Random(6)  # noqa: S311 - the same numbers in every run
    for start in range(1, 1000):
        for _ in range(8):
            number = f"+{start}" + "".join(rng.choices("0123456789", k=rng.randrange(4, 13)))
            assert parse_phone(number, "KZ") == by_the_book(number, "KZ"), number


@pytest.mark.parametrize(
    ("raw", "region", "expected"),
    [
        ("067 123 45 67", "UA", "+380671234567"),
        ("380671234567", "UA", "+380671234567"),
        ("00380671234567", "KZ", "+380671234567"),
        ("+380 (67) 123-45-67", "UA", "+380671234567"),
        ("8 701 123 45 67", "KZ", "+77011234567"),
        ("+78001234567", "KZ", "+78001234567"),
        ("+390612345678", "UA", "+390612345678"),
        ("anonymous", "UA", None),
        ("1001", "UA", None),
        ("+0671234567", "UA", None),
        ("", "UA", None),
    ],
)
def test_numbers_as_people_write_them(raw: str, region: str, expected: str | None) -> None:
    """National, international, without a plus sign and with double zero: one key; what is no number is none."""
    assert parse_phone(raw, region) == expected


def test_the_country_of_a_number_is_libphonenumbers() -> None:
    """E.164 alone says the country, whatever the region in which the number was read."""
    for number in examples():
        assert country_of(number) == phonenumbers.region_code_for_number(phonenumbers.parse(number)), number
