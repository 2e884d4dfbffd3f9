"""An explanation on the terminal and as JSON: what is known, every rule with every condition, where the call goes."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, assert_never

from rich.text import Text

from ctiroute.cli.output import counted, out
from ctiroute.model import ToDefault, ToExtension, ToMenu, ToOperator, ToQueue
from ctiroute.model.phone import display_phone
from ctiroute.rules.explain import Origin, Standing

if TYPE_CHECKING:
    from datetime import tzinfo

    from ctiroute.app.rule_explain import Explanation
    from ctiroute.model import CallerContext, Destination
    from ctiroute.rules.explain import RuleExplanation, Step

_MARKS = {Standing.TOOK: ("✓", "green"), Standing.ADDED: ("+", "green"), Standing.HOLDS: ("·", "dim"), Standing.FAILED: ("✗", "")}


def show(explained: Explanation, known_from: str) -> None:
    """Print everything; `known_from` says where facts come from that no source is named for: "the case", "what was kept of the call"."""
    facts = explained.facts
    _line(f"{_caller(facts.context)} to {facts.request.dialed or 'no number'}, {_moment(explained)}", "bold")
    _line(f"rules {explained.ruleset.version}")
    for note in explained.notes:
        _line(f"note: {note}", "yellow")
    _line(f"known: {known(facts.context)}")
    sources = _sources(facts.context) or known_from
    _line(f"from:  {sources}")
    _line("")
    for rule in explained.rules:
        _rule(rule, sources)
    if explained.decision.rule is None:
        _line("✓ default  no rule took the call", "green")
    _line("")
    _line(f"→ {in_words(explained.decision.destination)}", "bold")


def as_json(explained: Explanation, known_from: str) -> dict[str, object]:
    """Return the same as plain values; `rules` has the fields that the operator's screen gets, and more."""
    decision, facts = explained.decision, explained.facts
    sources = _sources(facts.context) or known_from
    return {
        "call_id": facts.request.call_id,
        "caller": facts.request.caller.phone or facts.request.caller.raw,
        "dialed": facts.request.dialed,
        "now": facts.now.isoformat(),
        "ruleset_version": explained.ruleset.version,
        "notes": list(explained.notes),
        "known": known(facts.context),
        "sources": [asdict(report) for report in facts.context.sources],
        "status": decision.status.value,
        "rule": decision.rule,
        "destination": {"to": _kind(decision.destination), **asdict(decision.destination)},
        "rules": [
            {
                "rule": rule.rule,
                "matched": rule.standing is not Standing.FAILED,
                "standing": rule.standing.value,
                "file": rule.file,
                "line": rule.line,
                "verdicts": [{**asdict(step.verdict), "depth": step.depth, "from": _origin(step, sources)} for step in rule.steps],
            }
            for rule in explained.rules
        ],
    }


def in_words(to: Destination) -> str:
    """Say where a call goes."""
    match to:
        case ToQueue(queue, priority):
            return f"queue {queue}" + (f", priority {priority}" if priority else "")
        case ToOperator():
            then = f", then queue {to.queue}" + (f", priority {to.priority}" if to.priority else "") if to.queue else ""
            return f"operator {to.operator_id or to.interface} for {to.timeout_s} s{then}"
        case ToMenu():
            return f"menu {to.menu}"
        case ToExtension(extension):
            return f"extension {extension}"
        case ToDefault():
            return "the ordinary way of the dialplan"
        case _ as never:
            assert_never(never)


def known(context: CallerContext) -> str:
    """Say what is known of a caller, in one line."""
    people = ", ".join(one.name or one.customer_id for one in context.identity.customers)
    who = f"{context.identity.kind.value}{f' ({people})' if people else ''}"
    counts = ((context.touches, "touch", "touches"), (context.interactions, "interaction", "interactions"))
    words = [f"{len(found) or 'no'} {one if len(found) == 1 else many}" for found, one, many in counts]
    calls = counted(len(context.calls), "earlier call") if context.calls else "no earlier calls"
    return ", ".join([who, *words, calls])


def _kind(to: Destination) -> str:
    return type(to).__name__.removeprefix("To").lower()


def _rule(rule: RuleExplanation, sources: str) -> None:
    mark, style = _MARKS[rule.standing]
    _line(f"{mark} {rule.rule}  {rule.standing.value}  {rule.file}:{rule.line}", style)
    if not rule.steps:
        _line("    takes every call", "dim")
    for step in rule.steps:
        indent = "    " * (step.depth + 1)
        head = f"{indent}{'✓' if step.verdict.matched else '✗'} {step.verdict.condition}"
        if step.origin is None:
            _line(head, "dim")
        else:
            _line(f"{head}: wants {step.verdict.wanted}", "dim")
            _line(f"{indent}  saw {step.verdict.seen}  [{_origin(step, sources)}]", "dim")


def _origin(step: Step, sources: str) -> str:
    return "" if step.origin is None else sources if step.origin is Origin.KNOWN else step.origin.value


def _sources(context: CallerContext) -> str:
    """Say which source told what is known, and how old that is; "" when none was asked."""
    words = []
    for one in context.sources:
        age = f", {one.age_s:.0f} s old" if one.age_s is not None else ""
        words.append(f"{one.source}{age}" if one.state == "ok" else f"{one.source} {one.state}{f': {one.detail}' if one.detail else ''}")
    return "; ".join(words)


def _caller(context: CallerContext) -> str:
    caller = context.request.caller
    if caller.withheld:
        return "withheld number"
    return display_phone(caller.phone) if caller.phone else caller.raw or "no number"


def _moment(explained: Explanation) -> str:
    zone: tzinfo = explained.ruleset.zone
    local = explained.facts.now.astimezone(zone)
    return f"{local:%a %Y-%m-%d %H:%M} {zone}"


def _line(text: str, style: str = "") -> None:
    out.print(Text(text, style=style), soft_wrap=True)
