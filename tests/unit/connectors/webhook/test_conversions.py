"""What becomes of texts and times as vendors write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctiroute.connectors.webhook.mapping.conversions import CONVERSIONS, MAX_TEXT, Reading, read_time, strip_html, tidy
from tests.unit.connectors.webhook.mappings import HOW, NOW

AT = datetime(2025, 11, 22, 8, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "written",
    [
        "1763800200",
        "1763800200000",
        "1763800200.0",
        "2025-11-22T08:30:00Z",
        "2025-11-22T10:30:00+02:00",
        "2025-11-22 08:30:00 UTC",
        "2025-11-22 08:30",
        "22.11.2025 08:30",
        "Sat, 22 Nov 2025 08:30:00 +0000",
        "22-Nov-2025 08:30:00 +0000",
        " 1763800200 ",
    ],
)
def test_a_time_is_read_in_every_form(written: str) -> None:
    """Seconds and milliseconds are told apart by their size."""
    assert read_time(written, HOW) == AT


def test_a_time_without_an_offset_is_in_the_zone_of_the_mapping() -> None:
    """As people in the source's country mean it."""
    kyiv = Reading("UA", NOW, ZoneInfo("Europe/Kyiv"))
    assert read_time("22.11.2025 10:30", kyiv) == AT


@pytest.mark.parametrize("written", ["", "soon", "99999999999999999999", "1e9", "2025-13-01", "32.01.2025 10:00", "-", "inf", "0x10"])
def test_what_is_no_time(written: str) -> None:
    """Nothing is made of it."""
    assert read_time(written, HOW) is None


@given(st.text(max_size=80))
def test_any_text_is_a_time_or_none(written: str) -> None:
    """And a time is aware, in UTC."""
    found = read_time(written, HOW)
    assert found is None or found.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    ("name", "written", "kept"),
    [
        ("phone", "067 123 45 67", "+380671234567"),
        ("phone", "380671234567", "+380671234567"),
        ("phone", "anonymous", None),
        ("email", " Olena@Example.COM ", "olena@example.com"),
        ("email", "no address", None),
        ("address", "Olena Koval <Olena@example.com>", "olena@example.com"),
        ("address", "nobody", None),
        ("sign_in", " Olena@Bank.example", "olena"),
        ("sign_in", "@bank.example", None),
        ("display_name", '"Koval, Olena" <o@example.com>', "Koval, Olena"),
        ("display_name", "o@example.com", None),
        ("html", "<p>Hello,<br>world &amp; all</p><script>x()</script>", "Hello,\nworld & all"),
        ("html", "<img src=x>", None),
        ("html", "3 < 5 and 7 > 6", "3 < 5 and 7 > 6"),
        ("one_line", "a\n b\t c", "a b c"),
        ("first_line", "Subject\nrest", "Subject"),
        ("first_word", "<a@x> <b@x>", "<a@x>"),
        ("first_word", "  ", None),
        ("trim", " a ", "a"),
        ("lower", "DELIVRD", "delivrd"),
        ("upper", "ua", "UA"),
        ("digits", "+38 (067)", "38067"),
        ("digits", "none", None),
    ],
)
def test_a_conversion(name: str, written: str, kept: str | None) -> None:
    """What it keeps; None: it is of no use."""
    assert CONVERSIONS[name].convert(written, HOW) == kept


def test_every_conversion_has_a_test_and_a_line() -> None:
    """The reference page shows the line."""
    cases = test_a_conversion.pytestmark[0].args[1]  # type: ignore[attr-defined]
    assert {case[0] for case in cases} == set(CONVERSIONS)
    assert all(one.summary for one in CONVERSIONS.values())


@given(st.text(), st.sampled_from(sorted(CONVERSIONS)))
def test_no_text_breaks_a_conversion(written: str, name: str) -> None:
    """Whatever somebody types."""
    found = CONVERSIONS[name].convert(written, HOW)
    assert found is None or isinstance(found, str)


@pytest.mark.parametrize("piece", ["<", "<a", "<script>", "<!--", "<br", "&", "<p <p "])
def test_html_of_any_size_costs_no_more_than_its_length(piece: str) -> None:
    """Patterns that would go back and forth over a hostile mail are bounded."""
    assert len(strip_html(piece * 100_000)) <= MAX_TEXT


def test_control_characters_do_not_reach_a_screen() -> None:
    """Nor do those that turn the direction of writing; line breaks stay."""
    assert tidy("a\x00b\u202ec\r\nd\x1b[31m", 100) == "abc\nd[31m"
    assert tidy("x" * 100, 10) == "x" * 10
