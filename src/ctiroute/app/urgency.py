"""Flags for what other media bring, by the rules over messages in use. Fetches what such a rule asks for, and nothing where none does.

A store that is away, or a rule that fails, costs a message its flag and nothing else.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from ctiroute.errors import StoreError
from ctiroute.model import CallerQuery
from ctiroute.rules.messages import flags_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ctiroute.model import Intake, Interaction
    from ctiroute.rules import Ruleset
    from ctiroute.rules.messages import MessageRule
    from ctiroute.store.base import Store

log = logging.getLogger(__name__)

LIMIT = 20  # interactions of a customer that are looked at


class Urgency:
    """Raises flags on what is about to be taken in."""

    def __init__(self, store: Store, rules: Callable[[], Ruleset]) -> None:
        """Take `rules` as a function: each message is judged by those in use."""
        self._store = store
        self._rules = rules

    async def flagged(self, intakes: Sequence[Intake]) -> list[Intake]:
        """Return the same with the flags that the rules raise."""
        rules = self._rules().messages
        if not rules:
            return list(intakes)
        made: list[Intake] = []
        for intake in intakes:
            flags = flags_of(intake, await self._history(intake, rules), rules)
            made.append(replace(intake, flags=flags) if flags != intake.flags else intake)
        return made

    async def _history(self, intake: Intake, rules: Sequence[MessageRule]) -> Sequence[Interaction]:
        spans = [rule.repeats for rule in rules if rule.repeats is not None]
        if not spans or intake.event is None or not intake.identifiers:
            return ()
        since = intake.event.at - max(spans)
        try:
            facts = await self._store.find_caller(CallerQuery(intake.identifiers[0], since, since, since, LIMIT))
        except StoreError as error:  # the message itself will say that the store is away
            log.warning("earlier messages cannot be read: %s", error)
            return ()
        return facts.interactions
