"""Request and what is known of the caller -> Decision. Pure: `now` is an argument, nothing is looked up, nothing is worded.

First match wins, but for rules that only add to the decision and go on. Rules that cannot match this call are not asked: the rule set's
index leaves them out, and none that would match.
A rule that fails in the middle is taken as one that does not match, and the trace says so: no mistake in one rule costs a caller the
others, or the default.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ctiroute.model import Decision, RuleTrace, Status, ToDefault, Trace, Verdict
from ctiroute.rules import NO_QUEUES, Bound, Draft, Facts, explain_every

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from ctiroute.model import CallerContext, Operator, QueueState, RouteRequest
    from ctiroute.rules import Plan, Rule, Ruleset

_NOTHING_BOUND = Bound()
_MAX_CAUSE = 200  # characters of an exception on the operator's screen


def decide(
    request: RouteRequest,
    context: CallerContext,
    ruleset: Ruleset,
    now: datetime,
    operators: Mapping[str, Operator],
    queues: Mapping[str, QueueState] = NO_QUEUES,
    available: Collection[str] | None = None,
) -> Decision:
    """Return where the call goes and why.

    `context` is what was found about the caller of `request`; `now` is aware; `operators` by operator_id are those an action may
    ring; `queues` is their live state by name (one that is missing is not known) and `available` the operator_ids whose phone could
    ring now (None: not known). Never raises.
    """
    facts = Facts(request, context, now, operators, queues=queues, available=available)
    rules = ruleset.rules
    making = _Making()
    for index in ruleset.index.candidates(facts):
        rule = rules[index]
        try:
            bound = rule.test(facts)
        except Exception:  # noqa: BLE001, S112 - the rule does not match; `_explain` names the failure when somebody asks
            continue
        if bound is None:
            continue
        making.carry_out(rule.then, facts, bound, index)
        if not rule.then.goes_on:
            return _answer(facts, ruleset, making, index)
    making.carry_out(ruleset.default, facts, _NOTHING_BOUND, None)
    return _answer(facts, ruleset, making, None)


class _Making:
    """A decision while rules add to it."""

    __slots__ = ("bound", "done", "draft", "failed")

    def __init__(self) -> None:
        self.draft = Draft()
        self.bound = _NOTHING_BOUND
        self.done: list[int] = []  # the rules that have added to it
        self.failed: list[tuple[int | None, Verdict]] = []  # actions that are left out, and whose they were; None: the default's

    def carry_out(self, plan: Plan, facts: Facts, bound: Bound, index: int | None) -> None:
        """Do what the actions of one plan say, but for those that fail. What the latest rule is about counts."""
        draft = self.draft
        for kind, effect in plan.effects:
            try:
                effect(draft, facts, bound)
            except Exception as error:  # noqa: BLE001 - a pop or a variable that fails costs the caller nothing else
                self.failed.append((index, Verdict(f"then.{kind}", "carried out", f"failed: {error!r}"[:_MAX_CAUSE], matched=False)))
        if self.done:
            bound = Bound(bound.touch or self.bound.touch, bound.interaction or self.bound.interaction)
        self.bound = bound
        if index is not None:
            self.done.append(index)


def _answer(facts: Facts, ruleset: Ruleset, making: _Making, index: int | None) -> Decision:
    """Return the decision of the rule at `index`, or of the default, with what the rules before have added."""
    draft, bound = making.draft, making.bound
    destination = draft.destination()
    if destination is None and index is not None:
        # A rule may add a pop or a language alone, or prefer an operator who is not there: the call goes where the default leads.
        default = _Making()
        default.draft.priority = draft.priority
        default.carry_out(ruleset.default, facts, _NOTHING_BOUND, None)
        destination = default.draft.destination()
        draft.remarks += default.draft.remarks
    added = making.done if index is None else making.done[:-1]
    return Decision(
        status=Status.DEFAULT if index is None else Status.ROUTED,
        destination=destination or ToDefault(),
        trace=Trace(lambda: _explain(ruleset.rules[: None if index is None else index + 1], facts, making), facts.context.sources),
        rule=None if index is None else ruleset.rules[index].name,
        added=tuple(ruleset.rules[one].name for one in added) if added else (),
        language=draft.language,
        announce=draft.announce,
        variables=draft.variables,
        tags=draft.tags,
        pop=draft.pop,
        touch_id=bound.touch.touch_id if bound.touch else None,
        interaction_id=bound.interaction.interaction_id if bound.interaction else None,
        ruleset_version=ruleset.version,
        queues=_queues_seen(facts, ruleset) if ruleset.needs.queues else (),
        available=_available_seen(facts, ruleset) if ruleset.needs.available else None,
    )


def _queues_seen(facts: Facts, ruleset: Ruleset) -> tuple[QueueState, ...]:
    """Return the live queues the rules ask about; none when what was handed in cannot be read."""
    try:
        return tuple(state for name in sorted(ruleset.needs.queues) if (state := facts.queues.get(name)) is not None)
    except Exception:  # noqa: BLE001 - what is only kept for later costs no caller the call
        return ()


def _available_seen(facts: Facts, ruleset: Ruleset) -> tuple[str, ...] | None:
    """Return who could be rung of those a rule can have asked about: by name, or as who talked with this caller or owns his matter."""
    try:
        if facts.available is None:
            return None
        asked = {*ruleset.needs.operators, *(call.operator_id for call in facts.context.calls)}
        asked.update(interaction.owner for interaction in facts.context.interactions)
        return tuple(sorted(one for one in asked if one is not None and one in facts.available))
    except Exception:  # noqa: BLE001 - the same
        return None


def _explain(tried: tuple[Rule, ...], facts: Facts, making: _Making) -> tuple[RuleTrace, ...]:
    """Ask every rule that was tried once more, this time for words. The facts have not changed, so neither have the answers."""
    traces: list[RuleTrace] = []
    for index, rule in enumerate(tried):
        matched, verdicts = explain_every(rule.when, facts)
        if matched:
            verdicts += tuple(verdict for whose, verdict in making.failed if whose == index)
        traces.append(RuleTrace(rule.name, matched, verdicts, goes_on=matched and rule.then.goes_on))
    if traces and traces[-1].matched and making.draft.remarks:
        last = traces[-1]
        traces[-1] = replace(last, verdicts=(*last.verdicts, *(remark() for remark in making.draft.remarks)))
    return tuple(traces)
