"""An offer with its content, worded for the operator whose phone rings: his language, what he may see, how long the phone will ring."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ctiroute.app import pops
from ctiroute.rules.template import pick

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import tzinfo

    from ctiroute.app.call_files import CallFile
    from ctiroute.app.trust import Trust
    from ctiroute.model import Offer, Operator, ScreenPop
    from ctiroute.settings import WrapUpCode

MAX_QUEUES = 1_000  # names of queues we remember something of


class Wording:
    """Makes pops of offers and files."""

    def __init__(
        self, language: str, zone: Callable[[], tzinfo], trust: Trust, codes: Mapping[str, Sequence[WrapUpCode]] | None = None
    ) -> None:
        """`language` is that of operators who are not known, `zone` the one in which screens write times.

        `codes` are the wrap-up codes of each queue, under "*" those of all others.
        """
        self._language = language
        self._zone = zone
        self._trust = trust
        self._codes = codes or {}
        self._rings: dict[str, int] = {}  # queue -> the longest it let a phone ring in vain: its ring time, as far as we have seen, s

    def pop(self, offer: Offer, file: CallFile | None, operator: Operator | None) -> ScreenPop:
        """Word an offer as it was when the phone rang: a headline that changed its age while being read would be no help."""
        language = operator.language if operator is not None else self._language
        pop = pops.build(offer, None if file is None else self._trust.shown(file), language, offer.offered_at, self._zone())
        codes = tuple((each.code, pick(each.label, language) or each.code) for each in self.codes_of(offer))
        return replace(pop, ring_timeout_s=self._rings.get(offer.queue or "") or None, codes=codes)

    def codes_of(self, offer: Offer) -> Sequence[WrapUpCode]:
        """Return the wrap-up codes an operator may choose from."""
        return self._codes.get(offer.queue or "*", self._codes.get("*", ()))

    def rang(self, queue: str | None, rang_s: float) -> None:
        """Take note of how long a queue let a phone ring in vain."""
        if queue is not None and (queue in self._rings or len(self._rings) < MAX_QUEUES):
            self._rings[queue] = max(self._rings.get(queue, 0), round(rang_s))
