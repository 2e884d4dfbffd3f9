"""What is known of a caller, now or when a call was decided, and every rule with what it saw.

Facts of now are gathered as for a real call, from the store or the copy of it; those of a past call are the ones kept with the call.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry

from ctiroute.app.call_files import from_bytes
from ctiroute.app.node import Node
from ctiroute.app.reason_learning import read_curves
from ctiroute.app.reasons import ReasonKeeper
from ctiroute.app.rule_files import compile_texts, read_rules
from ctiroute.engine.decide import decide
from ctiroute.engine.gather import Gatherer
from ctiroute.errors import RulesError
from ctiroute.model import Caller, CallRecord, Decision, Medium, RouteRequest, Status
from ctiroute.model.phone import is_withheld, parse_phone
from ctiroute.rules import Facts, Ruleset
from ctiroute.rules.explain import RuleExplanation, explain
from ctiroute.settings import AsteriskSettings
from ctiroute.store import open_store
from ctiroute.store.redis.shared import Presence

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

    from ctiroute.model import CallerContext, Operator
    from ctiroute.rules.cases import Given
    from ctiroute.settings import Settings
    from ctiroute.store.base import Store

LIMIT_S = 5.0  # for the look-up; nobody is on the line


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision, and all there is to say about it."""

    facts: Facts
    decision: Decision
    rules: tuple[RuleExplanation, ...]
    ruleset: Ruleset
    notes: tuple[str, ...] = ()  # what the reader has to know: other rules decided then, ...
    record: CallRecord | None = None  # of a past call

    def noted(self, note: str) -> Explanation:
        """Return the same with one more thing that the reader has to know."""
        return replace(self, notes=(*self.notes, note))


def explain_facts(facts: Facts, ruleset: Ruleset) -> Explanation:
    """Decide as for a real call, and say why."""
    decision = decide(facts.request, facts.context, ruleset, facts.now, facts.operators, facts.queues, facts.available)
    return Explanation(facts, decision, explain(ruleset, facts, decision.rule), ruleset)


def explain_case(given: Given, ruleset: Ruleset) -> Explanation:
    """Say why a made-up call goes where it goes."""
    return explain_facts(given.facts, ruleset)


async def explain_number(settings: Settings, path: Path, number: str, dialed: str, now: datetime) -> Explanation:
    """Say what would become of a call from this number, with what is known of it in the store."""
    ruleset = read_rules(path)
    phone = parse_phone(number, settings.region)
    withheld = phone is None and is_withheld(number)
    caller = Caller("" if withheld else number, phone, withheld=withheld)
    request = RouteRequest("explain", Medium.VOICE, caller, parse_phone(dialed, settings.region) or dialed, now)
    async with AsyncExitStack() as stack:
        store = open_store(settings.store_url)
        stack.push_async_callback(store.close)
        await store.open()
        operators = await _operators(store)
        registry = CollectorRegistry()
        node = Node(settings.redis, store, registry, lambda: now, lambda: ruleset.needs, lambda: Presence(frozenset(), ruleset.version))
        stack.push_async_callback(node.close)
        reasons = ReasonKeeper(store, lambda: now, registry)
        reasons.curves = await read_curves(store, now)
        gatherer = Gatherer([node.source], lambda: now, registry, reasons.rank)
        stack.push_async_callback(gatherer.close)
        context = await gatherer.gather(request, ruleset.needs, asyncio.get_running_loop().time() + LIMIT_S)
    explained = explain_facts(Facts(request, _until(context, now), now, operators), ruleset)
    if not ruleset.needs.queues and not ruleset.needs.available:
        return explained
    return explained.noted("how queues stand, and who is available, is known to the running service alone: here it is not known")


def _until(context: CallerContext, now: datetime) -> CallerContext:
    """Return what was there at `now`: the store knows what came after, too, when the time asked about is past."""
    return replace(context, calls=tuple(call for call in context.calls if call.received_at <= now))


def call_ids(settings: Settings, linkedid: str) -> tuple[str, ...]:
    """Return the ids a call may have here: its Linkedid behind the name of each Asterisk, or what is an id already."""
    if ":" in linkedid:
        return (linkedid,)
    return tuple(f"{pbx.name}:{linkedid}" for pbx in settings.asterisk or (AsteriskSettings(),))


async def explain_call(settings: Settings, path: Path, call_id: str) -> Explanation | None:
    """Say why a call went where it went, from what was kept of it; None: nothing was."""
    traced = await trace_call(settings, path, (call_id,))
    return traced[1] if traced is not None else None


async def trace_call(settings: Settings, path: Path, names: tuple[str, ...]) -> tuple[CallRecord, Explanation | None] | None:
    """Return the call of the first of these ids that is one, and why it went where it went, as far as that was kept."""
    async with AsyncExitStack() as stack:
        store = open_store(settings.store_url)
        stack.push_async_callback(store.close)
        await store.open()
        for call_id in names:
            if (record := await store.get_call(call_id)) is not None:
                return record, past_call(record, await rules_of(record, store, read_rules(path)), await _operators(store))
    return None


async def rules_of(record: CallRecord, store: Store, present: Ruleset) -> Ruleset:
    """Return the rules that decided a call: the present ones, or a version that is kept; else the present ones all the same."""
    file = from_bytes(record.snapshot) if record.snapshot is not None else None
    if file is None or file.ruleset_version in {"", present.version}:
        return present
    kept = await store.get_rules_version(file.ruleset_version)
    if kept is None or not kept.files:
        return present
    try:
        return compile_texts(kept.files)
    except RulesError:  # a version before this one of ctiroute wrote what is no rule any more
        return present


def past_call(record: CallRecord, ruleset: Ruleset, operators: Mapping[str, Operator]) -> Explanation | None:
    """Say the same of a record that was read.

    Without the rules that decided it, the present ones explain it, and a note says so.
    """
    file = from_bytes(record.snapshot) if record.snapshot is not None else None
    if file is None:
        return None
    context = file.context
    now = context.gathered_at or context.request.received_at
    queues = {state.queue: state for state in file.queues}
    explained = explain_facts(Facts(context.request, context, now, operators, queues=queues, available=file.available), ruleset)
    notes: tuple[str, ...] = (
        ("numbers were masked when the call was kept: what asks for them may see something else",) if file.masked else ()
    )
    if file.ruleset_version and file.ruleset_version != ruleset.version:
        notes += (f"rules {file.ruleset_version} decided this call, and are no longer here: rules {ruleset.version} explain it",)
    if file.status in {Status.TIMEOUT, Status.ERROR}:
        notes += (f"then the rules were not asked ({file.status.value}): the call took the default way",)
    elif file.status is not None and (file.rule or "") != (explained.decision.rule or ""):
        notes += (f"then {file.rule or 'the default'} took it; now {explained.decision.rule or 'the default'} would",)
    return replace(explained, notes=notes, record=record)


async def _operators(store: Store) -> Mapping[str, Operator]:
    return {operator.operator_id: operator for operator in await store.get_operators()}
