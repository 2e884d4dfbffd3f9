"""Asks two rule sets about calls of the past, to learn what would have gone elsewhere, had the candidate been in use.

Each call is decided twice, by the engine's own `decide`, on what its snapshot says was known, at its own time. Only the snapshot is
looked at: what the store says of the caller today has no part in it. What a snapshot does not hold (a masked number, the live state of
queues) is not made up: a call whose decision hangs on it is counted as one that could not be judged, with the rule that asked.

Knows neither terminal nor files; what it counts is added up in `replay_tally`.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import msgspec

from ctiroute.app.hidden import Hidden, HiddenFactError
from ctiroute.app.replay_tally import LeftOut, Tally
from ctiroute.app.seen import read_seen
from ctiroute.engine.decide import decide
from ctiroute.model import Status
from ctiroute.rules import Bound, Draft, Facts
from ctiroute.rules.facts import NO_NEEDS
from ctiroute.store.places import place_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from ctiroute.app.seen import Seen
    from ctiroute.model import CallRecord, Decision, Operator
    from ctiroute.rules import Plan, Ruleset
    from ctiroute.store.base import Store
    from ctiroute.store.places import CallPlace

PAGE = 500  # calls read at once: some 2 MB, and a sign of life every few hundredths of a second
_BY_RULES = frozenset({Status.ROUTED, Status.DEFAULT})
_NOBODY: frozenset[str] = frozenset()

T = TypeVar("T")


class Judge:
    """Decides a call again by one rule set."""

    def __init__(self, ruleset: Ruleset, operators: Mapping[str, Operator]) -> None:
        """`operators` are those of today: which there were then is not kept."""
        # Without its needs: `decide` would look at every queue that they name, only to keep its state.
        self.ruleset = replace(ruleset, needs=NO_NEEDS)
        self._named = ruleset.needs.operators
        self._operators = operators
        self._hidden = Hidden()

    @property
    def named(self) -> frozenset[str]:
        """The operators whom the rules ask about by name."""
        return self._named

    def decide(self, seen: Seen, asked: Collection[str] | None = None) -> Decision:
        """Return the decision. Raises `HiddenFactError`, naming the rule, when it hangs on something the snapshot does not hold.

        `asked` are the operators by name of whom the rules of then wanted to know whether their phone was free: of others, who neither
        talked with this caller nor own a conversation of his, that is not known. None: of all it is.
        """
        context, hidden = seen.context, self._hidden
        now = context.gathered_at or context.request.received_at
        queues = hidden.all_but(seen.queues)
        available = seen.available if asked is None and seen.available is not None else hidden.free(seen.available, asked or (), context)
        hidden.asked = ""
        decision = decide(context.request, context, self.ruleset, now, self._operators, queues, available)
        if hidden.asked or seen.masked:
            self._refuse_to_guess(Facts(context.request, context, now, self._operators, queues=queues, available=available))
        return decision

    def _refuse_to_guess(self, facts: Facts) -> None:
        """Go through the rules as `decide` does, and complain of the first condition or action that wants to see what is hidden.

        `decide` itself cannot: to it such a look is a failure of that one condition or action, as any other.
        """
        draft = Draft()
        for index in self.ruleset.index.candidates(facts):
            rule = self.ruleset.rules[index]
            bound = self._ask(rule.name, partial(rule.test, facts))
            if bound is None:
                continue
            self._carry_out(rule.name, rule.then, draft, facts, bound)
            if not rule.then.goes_on:
                if draft.destination() is not None:
                    return
                break
        self._carry_out("default", self.ruleset.default, draft, facts, Bound())

    def _carry_out(self, name: str, plan: Plan, draft: Draft, facts: Facts, bound: Bound) -> None:
        for _, effect in plan.effects:
            self._ask(name, partial(effect, draft, facts, bound))

    def _ask(self, name: str, question: Callable[[], T]) -> T | None:
        """Return the answer; None when there is none. Raises `HiddenFactError` when it was looked for in what is hidden."""
        self._hidden.asked = ""
        answer = None
        try:
            answer = question()
        except HiddenFactError as error:
            raise HiddenFactError(error.what, name) from None
        except Exception:  # noqa: BLE001 - what fails is left out, as it was for the caller
            return None
        if self._hidden.asked:
            raise HiddenFactError(self._hidden.asked, name)
        return answer


@dataclass(slots=True)
class Replay:
    """One comparison of two rule sets over a stretch of time."""

    candidate: Judge
    against: Judge
    since: datetime
    until: datetime
    tally: Tally = field(init=False)
    _named: dict[str, frozenset[str]] = field(init=False)  # version of rules -> operators they ask about by name

    def __post_init__(self) -> None:
        self._named = {judge.ruleset.version: judge.named for judge in (self.candidate, self.against)}
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
            await asyncio.to_thread(self._judge_all, page)  # neither the calls of a service nor a terminal's bar wait for it
            after = place_of(page[-1])
            left = None if left is None else left - len(page)
            if not progress(page[-1]):
                return False
        return not await store.calls_between(self.since, self.until, after, 1)

    def _judge_all(self, page: Sequence[CallRecord]) -> None:
        for record in page:
            self.judge(record)

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
        asked = self._named.get(seen.ruleset_version, _NOBODY)
        try:
            before = self.against.decide(seen, asked)
            name = "candidate"
            after = self.candidate.decide(seen, asked)
        except HiddenFactError as error:
            tally.unjudged[name, error.rule, error.what] += 1
            return
        tally.add(record, seen.context.request, before, after)
