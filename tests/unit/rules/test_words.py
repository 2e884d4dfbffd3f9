"""Ages and spans in words."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ctiroute.rules.words import age_in_words, span_in_words

DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("age", "language", "words"),
    [
        (timedelta(seconds=-5), "en", "less than a minute"),
        (timedelta(seconds=59), "uk", "менше хвилини"),
        (timedelta(seconds=60), "en", "1 min"),
        (timedelta(minutes=12), "uk", "12 хв"),
        (timedelta(minutes=59, seconds=59), "ru", "59 мин"),
        (timedelta(hours=1), "kk", "1 сағ"),
        (timedelta(hours=47), "en-GB", "47 h"),
        (2 * DAY, "en", "2 days"),
        (2 * DAY, "uk", "2 дні"),
        (5 * DAY, "uk", "5 днів"),
        (11 * DAY, "uk", "11 днів"),
        (12 * DAY, "ru", "12 дней"),
        (21 * DAY, "uk", "21 день"),
        (22 * DAY, "ru", "22 дня"),
        (112 * DAY, "ru", "112 дней"),
        (7 * DAY, "kk", "7 күн"),
        (7 * DAY, "fr", "7 days"),
    ],
)
def test_ages(age: timedelta, language: str, words: str) -> None:
    """Minutes, hours, days, with the plural of the language; a language we do not speak gets English."""
    assert age_in_words(age, language) == words


@pytest.mark.parametrize(
    ("span", "words"), [(timedelta(), "0s"), (timedelta(minutes=90), "1h30m"), (timedelta(seconds=20), "20s"), (30 * DAY, "30d")]
)
def test_spans(span: timedelta, words: str) -> None:
    """As rule files write them."""
    assert span_in_words(span) == words
