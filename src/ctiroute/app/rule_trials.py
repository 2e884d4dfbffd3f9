"""Tries rules for the API: on the admin's cases, on past calls, on live ones; and tells why a call went where it went.

Implements `web.ports.RulesTrials`. Nothing here changes what happens to a call; what takes long is done in a thread.
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING

from ctiroute.app.replay import Judge, Replay
from ctiroute.app.rule_cases import Suite, read_suite, suite_of
from ctiroute.app.rule_explain import past_call, rules_of
from ctiroute.app.rule_files import compile_texts
from ctiroute.app.shadow_told import gathered
from ctiroute.errors import ConfigurationError
from ctiroute.rules.cases import cover
from ctiroute.rules.cases.words import trace
from ctiroute.web.api.rules import faults_of
from ctiroute.web.api.rules_found import CaseDifference, CaseResult, Reached, ReplayReport, RuleReached, RulesTested, TracedCall, Trials
from ctiroute.web.api.rules_wire import Condition, Explained, ExplainedRule

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from pathlib import Path

    from ctiroute.app.rule_explain import Explanation
    from ctiroute.app.rule_keeper import RuleKeeper
    from ctiroute.rules import Ruleset
    from ctiroute.rules.cases import Result
    from ctiroute.store.base import Store
    from ctiroute.web.api.rules_wire import RulesToReplay


class RuleTrials:
    """Tries rules beside a running service."""

    def __init__(self, path: Path, keeper: RuleKeeper, store: Store, clock: Callable[[], datetime]) -> None:
        self._path, self._keeper, self._store, self._clock = path, keeper, store, clock

    async def test(self, files: Mapping[str, str]) -> RulesTested:
        """Run the cases among these files against the rules among them; of none, those in the folder."""
        return await asyncio.to_thread(_tested, self._path, files)

    async def replay(self, asked: RulesToReplay) -> ReplayReport:
        """Hold rules against those in use, on past calls. Raises `ConfigurationError` when they cannot be used."""
        candidate, against = await asyncio.to_thread(self._compiled, asked.files)
        until = asked.until or self._clock()
        stretch = until - timedelta(days=asked.days), until
        operators = {operator.operator_id: operator for operator in await self._store.get_operators()}
        replay = Replay(Judge(candidate, operators), Judge(against, operators), *stretch)
        complete = await replay.run(self._store, asked.limit, lambda _: True)
        return await asyncio.to_thread(lambda: replay.tally.report(*stretch, complete=complete))

    def _compiled(self, files: Mapping[str, str]) -> tuple[Ruleset, Ruleset]:
        return compile_texts(files, forms=True), compile_texts(self._keeper.texts(), forms=True)

    async def shadow(self) -> Trials:
        """Return what rules on trial would have done otherwise, as all nodes told it."""
        return Trials(gathered(await self._store.get_shadow_reports()))

    async def trace(self, call_id: str) -> TracedCall | None:
        """Return what happened to a call, and why; None: nothing is kept of it."""
        record = await self._store.get_call(call_id)
        if record is None:
            return None
        operators = {operator.operator_id: operator for operator in await self._store.get_operators()}
        explained = past_call(record, await rules_of(record, self._store, self._keeper.current()), operators)
        return TracedCall(
            call_id=record.call_id,
            received_at=record.received_at,
            status=record.status,
            rule=record.rule,
            decision_ms=record.decision_ms,
            queue=record.queue,
            operator_id=record.operator_id,
            answered_at=record.answered_at,
            ended_at=record.ended_at,
            outcome=record.outcome,
            notes=() if explained is None else explained.notes,
            explained=None if explained is None else as_explained(explained),
        )


def as_explained(explained: Explanation) -> Explained:
    """Return an explanation as it is told."""
    decision, context = explained.decision, explained.facts.context
    to = decision.destination
    return Explained(
        version=explained.ruleset.version,
        status=decision.status.value,
        rule=decision.rule,
        destination={"to": type(to).__name__.removeprefix("To").lower(), **asdict(to)},
        identity=context.identity.kind.value,
        touches=len(context.touches),
        interactions=len(context.interactions),
        rules=[
            ExplainedRule(
                rule.rule,
                rule.file,
                rule.line,
                rule.standing.value,
                [
                    Condition(step.verdict.condition, step.verdict.wanted, step.verdict.seen, step.verdict.matched, step.depth)
                    for step in rule.steps
                ],
            )
            for rule in explained.rules
        ],
    )


def _tested(path: Path, files: Mapping[str, str]) -> RulesTested:
    try:
        suite = suite_of(files) if files else read_suite(path)
    except ConfigurationError as error:
        return RulesTested(ok=False, version="", faults=tuple(faults_of(error.faults)), cases=(), reached=None)
    results = suite.run()
    return RulesTested(
        ok=all(one.passed for one in results),
        version=suite.ruleset.version,
        faults=(),
        cases=tuple(map(_case, results)),
        reached=_reached(suite, results),
    )


def _case(result: Result) -> CaseResult:
    case, decision = result.case, result.answer.decision
    return CaseResult(
        name=case.name,
        title=case.title,
        file=case.file,
        line=case.line,
        passed=result.passed,
        rule=decision.rule,
        differences=tuple(
            CaseDifference(one.expectation.what, one.expectation.wanted, one.seen, one.expectation.place.line) for one in result.differences
        ),
        why=() if result.passed else tuple(trace(decision.trace.rules)),
    )


def _reached(suite: Suite, results: tuple[Result, ...]) -> Reached:
    coverage = cover(results, suite.ruleset)
    rules = tuple(RuleReached(one.rule, one.file, one.line, one.taken, tuple(one.missing)) for one in coverage.rules)
    return Reached(round(coverage.percent, 1), coverage.default_taken, rules)
