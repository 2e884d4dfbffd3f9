"""When a customer may be rung, by the clock on his wall."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctiroute.model.phone import zones_of
from ctiroute.model.quiet_hours import NEVER_QUIET, QuietHours, next_allowed

KYIV, ALMATY, NEW_YORK = ZoneInfo("Europe/Kyiv"), ZoneInfo("Asia/Almaty"), ZoneInfo("America/New_York")
NIGHT = QuietHours(time(20), time(9))
ZONES = [KYIV, ALMATY, NEW_YORK, ZoneInfo("Australia/Lord_Howe"), ZoneInfo("Asia/Kathmandu"), ZoneInfo("Pacific/Apia")]


def local(text: str, zone: ZoneInfo) -> datetime:
    """Return a time by a zone's clock."""
    return datetime.fromisoformat(text).replace(tzinfo=zone)


@pytest.mark.parametrize(
    ("at", "allowed"),
    [
        ("2026-11-02 12:00", "2026-11-02 12:00"),
        ("2026-11-02 19:59:59", "2026-11-02 19:59:59"),
        ("2026-11-02 20:00", "2026-11-03 09:00"),
        ("2026-11-02 23:59", "2026-11-03 09:00"),
        ("2026-11-03 00:00", "2026-11-03 09:00"),
        ("2026-11-03 08:59:59", "2026-11-03 09:00"),
        ("2026-03-28 21:00", "2026-03-29 09:00"),  # the clock is put forward in that night
        ("2026-10-24 21:00", "2026-10-25 09:00"),  # and back in that one
    ],
)
def test_a_time_in_the_night_moves_to_the_morning(at: str, allowed: str) -> None:
    """The next one, by the customer's clock; any other time stays."""
    assert next_allowed(local(at, KYIV), [KYIV], NIGHT) == local(allowed, KYIV)


def test_hours_within_one_day() -> None:
    """A siesta."""
    siesta = QuietHours(time(13), time(15))
    assert next_allowed(local("2026-11-02 13:30", KYIV), [KYIV], siesta) == local("2026-11-02 15:00", KYIV)
    assert next_allowed(local("2026-11-02 15:00", KYIV), [KYIV], siesta) == local("2026-11-02 15:00", KYIV)


def test_quiet_hours_that_end_where_the_clock_jumps() -> None:
    """03:30 does not exist in Kyiv on that day: it ends when the clock has passed it."""
    ends = next_allowed(local("2026-03-29 01:00", KYIV), [KYIV], QuietHours(time(0), time(3, 30)))
    assert ends in {local("2026-03-29 04:30", KYIV), local("2026-03-29 02:30", KYIV) + timedelta(hours=1)}
    assert not QuietHours(time(0), time(3, 30)).holds(ends.astimezone(KYIV))


def test_a_number_of_several_zones_waits_until_none_of_them_sleeps() -> None:
    """Kyiv wakes at nine, New York at nine; both are awake from nine in New York."""
    at = local("2026-11-02 10:00", KYIV)
    assert next_allowed(at, [KYIV, NEW_YORK], NIGHT) == local("2026-11-02 09:00", NEW_YORK)


def test_zones_without_a_common_hour_fall_back_on_the_first() -> None:
    """Somebody has to be believed."""
    long_night = QuietHours(time(12), time(9))
    at = local("2026-11-02 10:00", KYIV)
    assert next_allowed(at, [KYIV, NEW_YORK], long_night) == at


@given(
    st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - Hypothesis wants it so
    st.lists(st.sampled_from(ZONES), min_size=1, max_size=3, unique=True),
    st.times(),
    st.times(),
)
def test_what_comes_out_is_not_quiet(at: datetime, zones: list[ZoneInfo], start: time, end: time) -> None:
    """Never before what was asked, never more than two days off; quiet in none of the zones, or at least not in the first."""
    quiet = QuietHours(start, end)
    allowed = next_allowed(at, zones, quiet)
    assert at <= allowed <= at + timedelta(days=3)
    assert not quiet.holds(allowed.astimezone(zones[0]))
    assert next_allowed(at, zones, NEVER_QUIET) == at


@pytest.mark.parametrize(
    ("phone", "zone"), [("+380671234567", "Europe/Kyiv"), ("+12125551234", "America/New_York"), ("+442071234567", "Europe/London")]
)
def test_a_number_tells_its_zone(phone: str, zone: str) -> None:
    """By libphonenumber's table; a number that is nowhere has none."""
    assert zones_of(phone) == (zone,)
    assert zones_of("+999123") == ()
