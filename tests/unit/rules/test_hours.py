"""Opening hours."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from ctiroute.documents import load
from ctiroute.errors import ConfigurationError
from ctiroute.rules.hours import NEVER, Hours, read_hours

KYIV = ZoneInfo("Europe/Kyiv")


def hours(text: str) -> Hours:
    """Return hours written in flow style, without their braces."""
    return read_hours(load(f"{{timezone: Europe/Kyiv, {text}}}", "f.yml"))


def at(text: str) -> datetime:
    """Return a moment in Kyiv."""
    return datetime.fromisoformat(text).replace(tzinfo=KYIV)


@pytest.mark.parametrize(
    ("text", "moment", "is_open"),
    [
        ("weekly: {mon-fri: '09:00-18:00'}", "2026-11-20 09:00", True),
        ("weekly: {mon-fri: '09:00-18:00'}", "2026-11-20 08:59:59", False),
        ("weekly: {mon-fri: '09:00-18:00'}", "2026-11-20 17:59:59", True),
        ("weekly: {mon-fri: '09:00-18:00'}", "2026-11-20 18:00", False),
        ("weekly: {mon-fri: '09:00-18:00'}", "2026-11-22 12:00", False),
        ("weekly: {sat-mon: '09:00-18:00'}", "2026-11-22 12:00", True),
        ("weekly: {'sat,sun': '09:00-18:00'}", "2026-11-22 12:00", True),
        ("weekly: {daily: ['09:00-13:00', '14:00-18:00']}", "2026-11-22 13:30", False),
        ("weekly: {daily: ['09:00-13:00', '14:00-18:00']}", "2026-11-22 14:30", True),
        ("weekly: {daily: '00:00-24:00'}", "2026-11-22 23:59", True),
        ("weekly: {fri: '22:00-06:00'}", "2026-11-20 23:00", True),
        ("weekly: {fri: '22:00-06:00'}", "2026-11-21 05:59", True),
        ("weekly: {fri: '22:00-06:00'}", "2026-11-21 06:00", False),
        ("weekly: {fri: '22:00-06:00'}", "2026-11-20 05:00", False),
        ("weekly: {daily: '09:00-18:00'}, closed: [2026-11-20]", "2026-11-20 12:00", False),
        ("weekly: {daily: '09:00-18:00'}, closed: [11-20]", "2027-11-20 12:00", False),
        ("weekly: {daily: '09:00-18:00'}, closed: [02-29]", "2028-02-29 12:00", False),
        ("weekly: {daily: '22:00-06:00'}, closed: [2026-11-20]", "2026-11-21 05:00", False),
        ("weekly: {daily: '09:00-18:00'}, holidays: KZ", "2026-12-16 12:00", False),
        ("weekly: {daily: '09:00-18:00'}, holidays: KZ", "2026-12-17 12:00", True),
        ("weekly: {daily: '09:00-18:00'}, holidays: DE-BY", "2027-01-06 12:00", False),
        ("weekly: {daily: '09:00-18:00'}, holidays: DE", "2027-01-06 12:00", True),
        ("weekly: {daily: '09:00-18:00'}, holidays: KZ, open: [2026-12-16]", "2026-12-16 12:00", True),
        ("weekly: {daily: '09:00-18:00'}, holidays: {country: UA, categories: [workday]}", "2026-12-25 12:00", False),
        ("weekly: {daily: '09:00-18:00'}, holidays: UA", "2026-12-25 12:00", True),
    ],
)
def test_open_or_closed(text: str, moment: str, is_open: bool) -> None:
    """Weekly spans, nights, holidays, own dates; the last minute is open, the minute of closing is not."""
    assert hours(text).is_open(at(moment)) is is_open


def test_the_wall_clock_counts_through_daylight_saving() -> None:
    """Nine in the morning is nine in the morning in summer and in winter."""
    nine = hours("weekly: {daily: '09:00-09:01'}")
    assert nine.is_open(datetime.fromisoformat("2026-07-01T06:00+00:00"))
    assert nine.is_open(datetime.fromisoformat("2026-12-01T07:00+00:00"))


def test_why_a_day_is_closed() -> None:
    """The trace names holiday and own date."""
    both = hours("weekly: {daily: '09:00-18:00'}, holidays: KZ, closed: [2026-11-20], open: [2026-12-17]")
    days = [at(f"{day} 12:00").date() for day in ("2026-11-20", "2026-12-16", "2026-12-17", "2026-12-18")]
    assert [both.closed_because(day) for day in days] == ["closed date", "holiday", "", ""]


def test_holidays_need_a_country() -> None:
    """Categories alone say nothing."""
    with pytest.raises(ConfigurationError, match="country is missing"):
        hours("weekly: {mon: '09:00-18:00'}, holidays: {categories: [public]}")


def test_never_is_never_open() -> None:
    """What stands for hours that could not be read."""
    assert not NEVER.is_open(at("2026-11-20 12:00"))
