"""A contact centre of which it is known why everybody calls: customers, campaigns, conversations and calls over months. Seeded.

The truth is not of the shape that `ctiroute.reasons` believes in: people answer by Weibull and mixed curves and on the next morning,
some never call and some call every week, one campaign falls into the days of another, and whoever has called about a thing calls less.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

from ctiroute.model import (
    Identifier,
    Interaction,
    InteractionStatus,
    Medium,
    OfferTerms,
    Outcome,
    PastCall,
    Touch,
    TouchStatus,
)

START = datetime(2026, 3, 2, tzinfo=UTC)
_H = 3600.0
_D = 86400.0
_PHONE = Identifier("phone", "+380670000000")


@dataclass(frozen=True, slots=True)
class Truth:
    """How people really answer something."""

    key: str
    medium: Medium
    calls: float  # of one touch or conversation, on the average
    delay_s: Callable[[Random], float]


def weibull(scale_s: float, shape: float) -> Callable[[Random], float]:
    """Return delays that begin at once and thin out."""
    return lambda rng: rng.weibullvariate(scale_s, shape)


def mixed(quick: Callable[[Random], float], slow: Callable[[Random], float], part: float) -> Callable[[Random], float]:
    """Return delays of two sorts of people."""
    return lambda rng: quick(rng) if rng.random() < part else slow(rng)


def next_morning(rng: Random) -> float:
    """Return a delay of about fourteen hours: sent in the evening, answered when people are up."""
    return max(60.0, rng.gauss(14 * _H, 2 * _H))


CAMPAIGNS = (
    Truth("autumn-sms", Medium.SMS, 0.12, weibull(15 * 60, 0.7)),
    Truth("gold-card", Medium.EMAIL, 0.05, mixed(weibull(3 * _H, 0.8), weibull(3 * _D, 1.0), 0.6)),
    Truth("debt-reminder", Medium.SMS, 0.30, mixed(weibull(30 * 60, 0.8), next_morning, 0.7)),
    Truth("news", Medium.EMAIL, 0.004, weibull(_D, 0.7)),
    Truth("bot-survey", Medium.TELEGRAM, 0.06, weibull(10 * 60, 0.9)),
    Truth("missed-dial", Medium.VOICE, 0.40, weibull(8 * 60, 0.6)),
    Truth("insurance", Medium.SMS, 0.02, weibull(12 * _H, 1.2)),
)
TOPICS = (
    Truth("credit-application", Medium.WEB, 0.35, weibull(6 * _H, 0.6)),
    Truth("complaint", Medium.EMAIL, 0.50, weibull(2 * _D, 0.9)),
    Truth("delivery", Medium.CHAT, 0.20, weibull(20 * _H, 0.8)),
)


@dataclass(slots=True)
class Person:
    """One customer, with all that ever happened."""

    base_per_s: float
    touches: list[Touch] = field(default_factory=list)  # in the order of time
    conversations: list[tuple[Interaction, datetime]] = field(default_factory=list)  # with when it was closed
    calls: list[PastCall] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Happened:
    """One call, and why it really came."""

    at: datetime
    person: Person
    cause: str  # touch_id or interaction_id; "" for no known reason
    touches: tuple[Touch, ...]  # newest first, as a look-up gives them
    interactions: tuple[Interaction, ...]
    calls: tuple[PastCall, ...]


@dataclass(slots=True)
class Centre:
    """All that happened."""

    people: list[Person]
    happened: list[Happened]  # in the order of time
    sent: list[Touch]
    talked: list[tuple[Interaction, datetime]]


def simulate(people: int, days: int, seed: int) -> Centre:
    """Return a centre with so many customers over so many days."""
    rng = Random(seed)  # noqa: S311 - a dice of a game
    crowd = [Person(rng.gammavariate(0.7, 0.25 / 0.7) / (30 * _D)) for _ in range(people)]
    raw: list[tuple[datetime, int, str]] = []
    sent: list[Touch] = []
    talked: list[tuple[Interaction, datetime]] = []
    _send(rng, crowd, days, sent, raw)
    _talk(rng, crowd, days, talked, raw)
    end = START + timedelta(days=days)
    for number, person in enumerate(crowd):
        after = 0.0
        while (after := after + rng.expovariate(person.base_per_s)) < days * _D:
            raw.append((START + timedelta(seconds=after), number, ""))
    raw.sort()
    answered: set[str] = set()
    happened: list[Happened] = []
    for at, number, cause in raw:
        if at >= end or (cause and cause in answered and rng.random() < 0.7):  # few call twice about one thing
            continue
        answered.add(cause)
        person = crowd[number]
        happened.append(_seen(person, at, cause))
        person.calls.append(PastCall(f"call-{len(happened)}", at, Outcome.ANSWERED))
    return Centre(crowd, happened, sent, talked)


def _send(rng: Random, crowd: list[Person], days: int, sent: list[Touch], raw: list[tuple[datetime, int, str]]) -> None:
    for day in range(days):
        for campaign in CAMPAIGNS:
            if rng.random() > 0.22:
                continue
            begun = START + timedelta(days=day, seconds=rng.choice((9, 11, 14, 18)) * _H)
            for number, person in enumerate(crowd):
                if rng.random() > 0.12:
                    continue
                at = begun + timedelta(seconds=rng.random() * 1800)
                name = campaign.key
                touch = Touch(f"t{len(sent)}", name, name, campaign.medium, _PHONE, at, TouchStatus.DELIVERED, OfferTerms(name))
                sent.append(touch)
                person.touches.append(touch)
                delays = [campaign.delay_s(rng) for _ in range(_poisson(rng, campaign.calls))]
                raw += [(at + timedelta(seconds=delay), number, touch.touch_id) for delay in delays]
    for person in crowd:
        person.touches.sort(key=lambda touch: touch.sent_at)


def _talk(
    rng: Random, crowd: list[Person], days: int, talked: list[tuple[Interaction, datetime]], raw: list[tuple[datetime, int, str]]
) -> None:
    for number, person in enumerate(crowd):
        for topic in TOPICS:
            at = START
            while (at := at + timedelta(seconds=rng.expovariate(1 / (60 * _D)))) < START + timedelta(days=days):
                closed = at + timedelta(seconds=rng.expovariate(1 / (6 * _D)))
                made = Interaction(f"i{len(talked)}", None, topic.medium, topic.key, "", InteractionStatus.OPEN, at, at)
                talked.append((made, closed))
                person.conversations.append((made, closed))
                for _ in range(_poisson(rng, topic.calls)):
                    called = at + timedelta(seconds=topic.delay_s(rng))
                    if called < closed:
                        raw.append((called, number, made.interaction_id))


def _seen(person: Person, at: datetime, cause: str) -> Happened:
    since = at - timedelta(days=30)
    first = bisect_left(person.touches, at, key=lambda touch: touch.sent_at)
    touches = tuple(touch for touch in reversed(person.touches[:first]) if touch.sent_at > since)[:20]
    interactions = tuple(one for one, closed in reversed(person.conversations) if one.updated_at <= at < closed)
    calls = tuple(call for call in reversed(person.calls) if call.received_at > since)[:20]
    return Happened(at, person, cause, touches, interactions, calls)


def _poisson(rng: Random, mean: float) -> int:
    limit, count, product = math.exp(-mean), 0, rng.random()
    while product > limit:
        count += 1
        product *= rng.random()
    return count
