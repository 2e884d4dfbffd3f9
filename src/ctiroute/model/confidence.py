"""How sure we are which of several candidates calls. Pure; the formula and its limits are in docs/explanation/identity.md.

Sources are taken to err independently, so that a link fails to be true only if each of them is wrong: with a trust q of each source, the
link holds with r = 1 - product of (1 - q). Its odds r / (1 - r), doubled for somebody we had to do with just now and falling back to
themselves with the days since, stand against the odds of 1 that it is none of them:

    confidence of i = odds of i / (1 + sum of all odds)
"""

from __future__ import annotations

from datetime import datetime, timedelta
from math import prod
from typing import TYPE_CHECKING

from ctiroute.model.evidence import IMPORTED, OPERATOR, Candidate, Claim

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ctiroute.model.identity import Customer

# Chances that a source's word is true, until somebody has counted: an operator has asked the caller, who may say anything.
CONFIRMED = 0.95
VERIFIED = 0.95
COMPANY = 0.8  # the company's own file: numbers go stale, families share them
SAID = 0.5  # by a program that has not made sure: anybody can type a number into a form

HALF_LIFE = timedelta(days=30)  # after which a contact speaks half as much for a candidate


def reliability(claims: Sequence[Claim]) -> float:
    """Return the chance that a link is true, 0..1, by all that is said for it; no claims: the company's file says so."""
    return 1 - prod(1 - _trust(claim) for claim in claims or (IMPORTED,))


def rank(
    customers: Sequence[Customer], claims: Mapping[str, tuple[Claim, ...]], contacts: Mapping[str, datetime], now: datetime
) -> tuple[Candidate, ...]:
    """Return the candidates, the likeliest first; of two alike, by the last contact, then by id.

    `claims` and `contacts` (the last one, aware) are by customer id; both may lack any of them.
    """
    odds = {each.customer_id: _odds(claims.get(each.customer_id, ()), contacts.get(each.customer_id), now) for each in customers}
    whole = 1 + sum(odds.values())
    found = [
        Candidate(
            customer_id,
            round(value / whole, 4),
            tuple(sorted(claims.get(customer_id) or (IMPORTED,), key=_trust, reverse=True)),
            contacts.get(customer_id),
        )
        for customer_id, value in odds.items()
    ]
    return tuple(sorted(found, key=_place))


def _trust(claim: Claim) -> float:
    if claim.source == OPERATOR:
        return CONFIRMED
    if claim.verified_at is not None:
        return VERIFIED
    return COMPANY if claim.source.partition(":")[0] == IMPORTED.source else SAID


def _odds(claims: Sequence[Claim], contact: datetime | None, now: datetime) -> float:
    sure = min(reliability(claims), 0.9999)  # never infinite
    fresh = 0.0 if contact is None else 0.5 ** (max(now - contact, timedelta()) / HALF_LIFE)
    return sure / (1 - sure) * (1 + fresh)


def _place(candidate: Candidate) -> tuple[float, float, str]:
    last = candidate.last_contact_at
    return -candidate.confidence, 0.0 if last is None else -last.timestamp(), candidate.customer_id
