"""Asks two rule sets about calls of the past, to learn what would have gone elsewhere, had the candidate been in use.

Each call is decided twice, by the engine's own `decide`, on what its snapshot says was known, at its own time. Only the snapshot is
looked at: what the store says of the caller today has no part in it. What a snapshot does not hold (a masked number, the live state of
queues) is not made up: a call whose decision hangs on it is counted as one that could not be judged, with the rule that asked.

Knows neither terminal nor files; what it counts is added up in `replay_tally`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from ctiroute.app.hidden import Hidden, HiddenFactError
from ctiroute.app.replay_tally import LeftOut, Tally
from ctiroute.app.seen import read_seen
from ctiroute.engine.decide import decide
from ctiroute.model import Status
from ctiroute.rules import Facts
from ctiroute.rules.facts import NO_NEEDS
from ctiroute.store.places import place_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ctiroute.app.seen import Seen
    from ctiroute.model import CallRecord, Decision, Operator
    from ctiroute.rules import Ruleset
    from ctiroute.store.base import Store
    from ctiroute.store.places import CallPlace

PAGE = 500  # calls read at once: some 2 MB, and a sign of life every few hundredths of a second
_BY_RULES = frozenset({Status.ROUTED, Status.DEFAULT})


class Judge:
    """Decides a call again by one rule set."""

    def __init__(self, ruleset: Ruleset, operators: Mapping[str, Operator]) -> None:
        """`operators` are those of today: which there were then is not kept."""
        # Without its needs: `decide` would look at every queue that they name, only to keep its state.
        self.ruleset = replace(ruleset, needs=NO_NEEDS)
        self._operators = operators
        self._hidden = Hidden()

    def decide(self, seen: Seen) -> Decision:
        """Return the decision. Raises `HiddenFactError`, naming the rule, when it hangs on something the snapshot does not hold."""
        context, hidden = seen.context, self._hidden
        now = context.gathered_at or context.request.received_at
        queues = hidden.all_but(seen.queues)
        available = hidden.available if seen.available is None else seen.available
        hidden.asked = ""
        decision = decide(context.request, context, self.ruleset, now, self._operators, queues, available)
        if hidden.asked or seen.masked:
            self._refuse_to_guess(Facts(context.request, context, now, self._operators, queues=queues, available=available), decision)
        return decision

    def _refuse_to_guess(self, facts: Facts, decision: Decision) -> None:
        """Ask rule after rule, up to the one that matched, which of them wanted to see what is hidden."""
        asked = self._hidden.asked
        for index in self.ruleset.index.candidates(facts):
            rule = self.ruleset.rules[index]
            self._hidden.asked = ""
            try:
                rule.test(facts)
            except HiddenFactError as error:
                raise HiddenFactError(error.what, rule.name) from None
            except Exception:  # noqa: BLE001, S112 - a rule that fails is one that does not match, as it was for the caller
                continue
            if self._hidden.asked:
                raise HiddenFactError(self._hidden.asked, rule.name)
            if rule.name == decision.rule:
                break
        if asked:  # not a condition but an action
            raise HiddenFactError(asked, decision.rule or "default")


@dataclass(slots=True)
class Replay:
    """One comparison of two rule sets over a stretch of time."""

    candidate: Judge
    against: Judge
    since: datetime
    until: datetime
    tally: Tally = field(init=False)

    def __post_init__(self) -> None:
        self.tally = Tally(self.candidate.ruleset, self.against.ruleset)

    async def run(self, store: Store, limit: int | None, progress: Callable[[CallRecord], bool]) -> bool:
        """Judge the calls of the stretch, at most `limit` of them, oldest first.

        `progress` is told the last call of each page, and returns whether to go on. Returns whether all were judged; the tally holds
        what was, either way.
        """
        after: CallPlace | None = None
        left = limit
        while left is None or left > 0:
            page = await store.calls_between(self.since, self.until, after, PAGE if left is None else min(PAGE, left))
            if not page:
                return True
            for record in page:
                self.judge(record)
            after = place_of(page[-1])
            left = None if left is None else left - len(page)
            if not progress(page[-1]):
                return False
        return not await store.calls_between(self.since, self.until, after, 1)

    def judge(self, record: CallRecord) -> None:
        """Decide one call twice and count what came of it."""
        tally = self.tally
        tally.observe(record)
        if record.status not in _BY_RULES:
            tally.left_out[LeftOut.NOT_DECIDED] += 1
            return
        if record.snapshot is None:
            tally.left_out[LeftOut.NO_SNAPSHOT] += 1
            return
        try:
            seen = read_seen(record.snapshot)
        except msgspec.MsgspecError:
            tally.left_out[LeftOut.UNREADABLE] += 1
            return
        if seen.context.request.is_trial:
            tally.left_out[LeftOut.TRIAL] += 1
            return
        name = "current"
        try:
            before = self.against.decide(seen)
            name = "candidate"
            after = self.candidate.decide(seen)
        except HiddenFactError as error:
            tally.unjudged[name, error.rule, error.what] += 1
            return
        tally.add(record, seen.context.request, before, after)
