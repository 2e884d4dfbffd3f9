"""Request and what is known of the caller -> Decision. Pure: `now` is an argument, nothing is looked up, nothing is worded.

First match wins. Rules that cannot match this call are not asked: the rule set's index leaves them out, and none that would match.
A rule that fails in the middle is taken as one that does not match, and the trace says so: no mistake in one rule costs a caller the
others, or the default.
"""

from __future__ import annotations

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
    for index in ruleset.index.candidates(facts):
        rule = rules[index]
        try:
            bound = rule.test(facts)
        except Exception:  # noqa: BLE001, S112 - the rule does not match; `_explain` names the failure when somebody asks
            continue
        if bound is not None:
            draft, failed = _carry_out(rule.then, facts, bound)
            return _answer(facts, ruleset, draft, bound, index, failed)
    draft, failed = _carry_out(ruleset.default, facts, _NOTHING_BOUND)
    return _answer(facts, ruleset, draft, _NOTHING_BOUND, None, failed)


def _carry_out(plan: Plan, facts: Facts, bound: Bound) -> tuple[Draft, tuple[Verdict, ...]]:
    """Return what the actions of one plan come to, and those that failed: they are left out."""
    draft = Draft()
    failed: tuple[Verdict, ...] = ()
    for kind, effect in plan.effects:
        try:
            effect(draft, facts, bound)
        except Exception as error:  # noqa: BLE001 - a pop or a variable that fails costs the caller nothing else
            failed += (Verdict(f"then.{kind}", "carried out", f"failed: {error!r}"[:_MAX_CAUSE], matched=False),)
    return draft, failed


def _answer(facts: Facts, ruleset: Ruleset, draft: Draft, bound: Bound, index: int | None, failed: tuple[Verdict, ...]) -> Decision:
    """Return the decision of the rule at `index`, or of the default."""
    destination = draft.destination()
    if destination is None and index is not None:
        # A rule may add a pop or a language alone, or prefer an operator who is not there: the call goes where the default leads.
        destination = _carry_out(ruleset.default, facts, _NOTHING_BOUND)[0].destination()
    return Decision(
        status=Status.DEFAULT if index is None else Status.ROUTED,
        destination=destination or ToDefault(),
        trace=Trace(lambda: _explain(ruleset.rules[: None if index is None else index + 1], facts, failed), facts.context.sources),
        rule=None if index is None else ruleset.rules[index].name,
        language=draft.language,
        announce=draft.announce,
        variables=draft.variables,
        pop=draft.pop,
        touch_id=bound.touch.touch_id if bound.touch else None,
        interaction_id=bound.interaction.interaction_id if bound.interaction else None,
        ruleset_version=ruleset.version,
    )


def _explain(tried: tuple[Rule, ...], facts: Facts, failed: tuple[Verdict, ...]) -> tuple[RuleTrace, ...]:
    """Ask every rule that was tried once more, this time for words. The facts have not changed, so neither have the answers."""
    traces: list[RuleTrace] = []
    for rule in tried:
        matched, verdicts = explain_every(rule.when, facts)
        traces.append(RuleTrace(rule.name, matched, verdicts))
    if traces and traces[-1].matched and failed:
        traces[-1] = RuleTrace(traces[-1].rule, matched=True, verdicts=(*traces[-1].verdicts, *failed))
    return tuple(traces)
