"""Ages in words, for people and for traces. Short forms, as they stand in a headline that is read in two seconds."""

# ruff: noqa: RUF001 - Cyrillic words are not Latin ones with odd letters

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import timedelta

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_TEENS = range(11, 15)  # 11 to 14 take the form of "many" in Slavic plurals (CLDR plural rules for uk and ru)
_FEW = range(2, 5)

_NOW = {"en": "less than a minute", "uk": "менше хвилини", "ru": "меньше минуты", "kk": "бір минуттан аз"}
_MINUTES = {"en": "min", "uk": "хв", "ru": "мин", "kk": "мин"}
_HOURS = {"en": "h", "uk": "год", "ru": "ч", "kk": "сағ"}
_DAYS = {  # one, few, many
    "en": ("day", "days", "days"),
    "uk": ("день", "дні", "днів"),
    "ru": ("день", "дня", "дней"),
    "kk": ("күн", "күн", "күн"),
}


def age_in_words(age: timedelta, language: str = "en") -> str:
    """Return an age as people say it, without "ago": "12 min", "3 h", "2 дні". An age below zero (clocks differ) is none."""
    base = language.partition("-")[0]
    base = base if base in _NOW else "en"
    seconds = max(0, int(age.total_seconds()))
    if seconds < _MINUTE:
        return _NOW[base]
    if seconds < _HOUR:
        return f"{seconds // _MINUTE} {_MINUTES[base]}"
    if seconds < 2 * _DAY:
        return f"{seconds // _HOUR} {_HOURS[base]}"
    days = seconds // _DAY
    return f"{days} {_DAYS[base][_plural(days, base)]}"


def span_in_words(span: timedelta) -> str:
    """Return a time span as rule files write it: "15m", "1h30m", "30d"."""
    seconds = int(span.total_seconds())
    parts = []
    for unit, size in (("d", _DAY), ("h", _HOUR), ("m", _MINUTE), ("s", 1)):
        amount, seconds = divmod(seconds, size)
        if amount:
            parts.append(f"{amount}{unit}")
    return "".join(parts) or "0s"


def _plural(number: int, language: str) -> int:
    if language in {"uk", "ru"}:
        if number % 10 == 1 and number % 100 not in _TEENS:
            return 0
        return 1 if number % 10 in _FEW and number % 100 not in _TEENS else 2
    return 0 if number == 1 else 1
