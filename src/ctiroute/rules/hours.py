"""Opening hours: a week of spans in a timezone, holidays of a country, own closed and open dates. Knows no clock: `now` is given."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import holidays as holiday_calendars

from ctiroute.documents import Mapping, Node, Parser, Scalar, choice, did_you_mean, fields, list_of, mapping_of, one_or_list, refuse, text
from ctiroute.rules import fragments as shape

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Mapping as Named

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SPAN = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-(?:([01][0-9]|2[0-3]):([0-5][0-9])|24:00)", re.ASCII)
_DAYS = re.compile(r"([a-z]{3})(?:-([a-z]{3}))?", re.ASCII)
_YEARLY = re.compile(r"(\d\d)-(\d\d)", re.ASCII)
_MINUTES_A_DAY = 24 * 60
_LEAP_YEAR = 2024  # so that 02-29 is a date

_UTC = ZoneInfo("UTC")

Span = tuple[int, int]  # minutes from midnight: start, end; an end beyond 24 h reaches into the next day


@dataclass(frozen=True, slots=True)
class Dates:
    """Own dates: of one year, or of every year."""

    once: frozenset[date] = frozenset()
    yearly: frozenset[tuple[int, int]] = frozenset()  # (month, day)

    def __or__(self, other: Dates) -> Dates:
        return Dates(self.once | other.once, self.yearly | other.yearly)

    def __contains__(self, day: date) -> bool:
        return day in self.once or (day.month, day.day) in self.yearly


@dataclass(frozen=True, slots=True)
class Holidays:
    """The public holidays of a country, or of a part of it."""

    country: str
    subdivision: str | None
    categories: tuple[str, ...]

    def of(self, year: int) -> frozenset[date]:
        """Return the holidays of one year."""
        return frozenset(holiday_calendars.country_holidays(self.country, self.subdivision, years=year, categories=self.categories))


@dataclass(frozen=True, slots=True, eq=False)
class Hours:
    """When the company is open."""

    zone: ZoneInfo
    week: tuple[tuple[Span, ...], ...]  # by weekday, Monday first
    holidays: Holidays | None = None
    closed: Dates = Dates()
    open: Dates = Dates()  # open by the week's hours even though it is a holiday
    _years: dict[int, frozenset[date]] = field(default_factory=dict)  # holidays already worked out; a year takes about 1 ms

    def is_open(self, now: datetime) -> bool:
        """Say whether it is open at `now` (aware)."""
        local = now.astimezone(self.zone)
        today = local.date()
        minute = local.hour * 60 + local.minute
        if any(start <= minute < end for start, end in self._spans(today)):
            return True
        return any(minute + _MINUTES_A_DAY < end for _, end in self._spans(today - timedelta(days=1)))

    def closed_because(self, day: date) -> str:
        """Return why a day has no hours though its weekday may have: "holiday", "closed date", or ""."""
        if day in self.open:
            return ""
        if day in self.closed:
            return "closed date"
        return "holiday" if self._is_holiday(day) else ""

    def local(self, now: datetime) -> datetime:
        """Return `now` on the wall clock of these hours."""
        return now.astimezone(self.zone)

    def _spans(self, day: date) -> Iterable[Span]:
        return () if self.closed_because(day) else self.week[day.weekday()]

    def _is_holiday(self, day: date) -> bool:
        if self.holidays is None:
            return False
        if day.year not in self._years:
            self._years[day.year] = self.holidays.of(day.year)
        return day in self._years[day.year]


_SPAN_FRAGMENT = shape.matching(
    "^ *([01] *[0-9]|2 *[0-3]) *: *[0-5] *[0-9] *- *(([01] *[0-9]|2 *[0-3]) *: *[0-5] *[0-9]|2 *4 *: *0 *0) *$",
    'hours from-to: "09:00-18:00"',
)
_DAYS_PATTERN = rf"^ *(daily|({'|'.join(DAYS)})( *- *({'|'.join(DAYS)}))?( *, *({'|'.join(DAYS)})( *- *({'|'.join(DAYS)}))?)*) *$"
_DATES_FRAGMENT = shape.list_of(shape.matching(r"^(\d{4}-)?\d\d-\d\d$", "a date: 2026-12-31, or 12-31 for every year"))
_COUNTRY_FRAGMENT = shape.matching("^[A-Z]{2}(-.+)?$", "a country's two-letter code: UA, KZ, DE, DE-BY")
# The shape of what `read_hours` reads.
HOURS_FRAGMENT = shape.mapping(
    {
        "timezone": shape.about(shape.text(), "Where the clock hangs; not needed when a file has a timezone at its top.", "Europe/Kyiv"),
        "weekly": shape.about(
            shape.mapping_of(shape.many(_SPAN_FRAGMENT), keys=_DAYS_PATTERN, meaning="days of the week: mon, mon-fri, 'sat,sun' or daily"),
            "Days and hours.",
            {"mon-fri": ["09:00-13:00", "14:00-18:00"], "sat": "10:00-15:00"},
        ),
        "holidays": shape.about(
            shape.short_or(
                _COUNTRY_FRAGMENT,
                shape.mapping(
                    {
                        "country": shape.about(_COUNTRY_FRAGMENT, "Its two-letter code, or that of a part of it."),
                        "categories": shape.about(shape.list_of(shape.text()), "Which holidays: public, workday, bank and so on."),
                    },
                    required=["country"],
                ),
            ),
            "The country whose public holidays are closed.",
            "KZ",
        ),
        "calendar": shape.about(shape.text(shape.CALENDAR), "The name of a calendar that has days off: holidays, closed, open."),
        "closed": shape.about(_DATES_FRAGMENT, "Own dates without hours: 2026-12-31, or 12-31 every year."),
        "open": shape.about(_DATES_FRAGMENT, "Dates that keep their weekday's hours although they are holidays."),
    },
    required=["weekly"],
)

NO_CALENDARS: Named[str, Calendar] = MappingProxyType({})
NEVER = Hours(_UTC, ((),) * len(DAYS))


@dataclass(frozen=True, slots=True, eq=False)
class Calendar:
    """Days off that several opening hours share."""

    holidays: Holidays | None = None
    closed: Dates = Dates()
    open: Dates = Dates()


# The shape of what `read_calendar` reads.
CALENDAR_FRAGMENT = shape.mapping({key: HOURS_FRAGMENT["properties"][key] for key in ("holidays", "closed", "open")}, least=1)


def read_calendar(node: Node) -> Calendar:
    """Parse a calendar: public holidays of a country, own closed and open dates."""
    with fields(node, "a calendar") as f:
        calendar = Calendar(f.get("holidays", _holidays, None), f.get("closed", _dates, Dates()), f.get("open", _dates, Dates()))
        if not f.node.entries:
            f.wrong(node, "expected at least one of: holidays, closed, open")
    return calendar


def read_hours(node: Node, zone: ZoneInfo | None = None, calendars: Named[str, Calendar] = NO_CALENDARS) -> Hours:
    """Parse opening hours; `zone` is the timezone of those that name none: without it they have to. They may name one of `calendars`."""
    with fields(node, "opening hours") as f:
        zone = f.get("timezone", read_zone, zone)
        if "timezone" not in f and zone is None:
            f.wrong(node, "timezone is missing", "write timezone: Europe/Kyiv here, or once at the top of a rule file")
        week = f.require("weekly", _week)
        calendar = f.get("holidays", _holidays, None)
        closed = f.get("closed", _dates, Dates())
        opened = f.get("open", _dates, Dates())
        shared = f.get("calendar", _named(calendars), Calendar())
        if calendar is not None and shared.holidays is not None:
            f.wrong(f.node.entries["holidays"][0], "the calendar has holidays already", "write them in one place")
    return Hours(zone or _UTC, week, calendar or shared.holidays, closed | shared.closed, opened | shared.open)


def _named(calendars: Named[str, Calendar]) -> Parser[Calendar]:
    def parse(node: Node) -> Calendar:
        name = text(node)
        if name not in calendars:
            hint = did_you_mean(name, calendars, listing=True) or "define it under calendars:"
            refuse(node, "there is no calendar of this name", hint)
        return calendars[name]

    return parse


def read_zone(node: Node) -> ZoneInfo:
    """Parse the name of a timezone: Europe/Kyiv."""
    value = text(node)
    try:
        return ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        refuse(node, "expected a timezone", "write it as Europe/Kyiv, Asia/Almaty, UTC")


def _week(node: Node) -> tuple[tuple[Span, ...], ...]:
    week: list[tuple[Span, ...]] = [()] * 7
    seen: dict[int, Scalar] = {}

    def days(key: Scalar) -> tuple[int, ...]:
        found = _weekdays(key)
        for day in found:
            if day in seen:
                refuse(key, f"{DAYS[day]} has hours already", f"see line {seen[day].line}; give a day once, with a list of spans")
            seen[day] = key
        return found

    for found, spans in mapping_of(one_or_list(_span), key=days)(node).items():
        for day in found:
            week[day] = spans
    return tuple(week)


def _weekdays(key: Scalar) -> tuple[int, ...]:
    if key.text == "daily":
        return tuple(range(7))
    days: list[int] = []
    for part in key.text.replace(" ", "").split(","):
        match = _DAYS.fullmatch(part)
        first, last = match.groups() if match else ("", None)
        if first not in DAYS or (last is not None and last not in DAYS):
            refuse(key, "expected days of the week", "write mon, mon-fri, 'sat,sun' or daily")
        start, end = DAYS.index(first), DAYS.index(last or first)
        days.extend(range(start, end + 1) if start <= end else [*range(start, 7), *range(end + 1)])
    return tuple(days)


def _span(node: Node) -> Span:
    match = _SPAN.fullmatch(text(node).replace(" ", ""))
    if match is None:
        refuse(node, "expected hours from-to", 'write "09:00-18:00", with two digits each')
    start = int(match[1]) * 60 + int(match[2])
    end = int(match[3]) * 60 + int(match[4]) if match[3] else _MINUTES_A_DAY
    if start == end:
        refuse(node, "these hours begin and end at once", 'write "00:00-24:00" for a whole day')
    return (start, end if end > start else end + _MINUTES_A_DAY)


def _holidays(node: Node) -> Holidays:
    if isinstance(node, Mapping):
        with fields(node, "holidays") as f:
            country, part = f.get("country", _country, ("", None))
            if "country" not in f:
                f.wrong(node, "country is missing")
            categories = f.get("categories", list_of(_category(country)), ("public",)) if country else ("public",)
        return Holidays(country, part, categories)
    return Holidays(*_country(node), ("public",))


def _country(node: Node) -> tuple[str, str | None]:
    code, _, part = text(node).partition("-")
    supported = holiday_calendars.list_supported_countries(include_aliases=False)
    if code not in supported:
        refuse(
            node, "no holidays are known for this country", did_you_mean(code, supported) or "write its two-letter code: UA, KZ, DE, DE-BY"
        )
    if part and part not in supported[code]:
        refuse(node, f"{code} has no such part", did_you_mean(part, supported[code], listing=True))
    return code, part or None


def _category(country: str) -> Parser[str]:
    calendar = holiday_calendars.country_holidays(country)
    return choice(*calendar.supported_categories)


def _dates(node: Node) -> Dates:
    once: set[date] = set()
    yearly: set[tuple[int, int]] = set()
    for value in list_of(_date)(node):
        once.add(value) if isinstance(value, date) else yearly.add(value)
    return Dates(frozenset(once), frozenset(yearly))


def _date(node: Node) -> date | tuple[int, int]:
    value = text(node)
    try:
        if match := _YEARLY.fullmatch(value):
            day = date(_LEAP_YEAR, int(match[1]), int(match[2]))
            return day.month, day.day
        return date.fromisoformat(value)
    except ValueError:
        refuse(node, "expected a date", "write 2026-12-31, or 12-31 for every year")
