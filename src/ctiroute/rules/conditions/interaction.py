"""`interaction`: a conversation with this caller in any medium, open unless said otherwise.

The newest that fits is what the call is about.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from ctiroute.documents import choice, duration, fields, integer, one_or_list, text
from ctiroute.model import InteractionStatus, Medium
from ctiroute.rules import fragments as shape
from ctiroute.rules.facts import LEAST_INTERACTIONS, Bound, Facts, Needs
from ctiroute.rules.forms import AtLeast, AtMost, Demands, OneOf, Patterns, Same, those
from ctiroute.rules.globs import any_glob, pattern
from ctiroute.rules.guards import Dimension, by_patterns
from ctiroute.rules.kinds import ConditionKind, Probe, Scope
from ctiroute.rules.values import VALUE_FRAGMENT, demands_of, tests_of, wanted_values
from ctiroute.rules.words import age_in_words, span_in_words

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ctiroute.documents import Fields, Node
    from ctiroute.model import Interaction

_NOT_CLOSED = (InteractionStatus.OPEN.value, InteractionStatus.WAITING.value)
_SHOWN = 3  # interactions named in a trace
TOPIC = Dimension("topic", lambda facts: [one.topic for one in facts.context.interactions])
ANYBODY, NOBODY = "anybody", "nobody"
MAX_COUNT = 20  # a source returns no more of them than this (CallerQuery.limit)


def read(node: Node, scope: Scope) -> Probe:
    """Compile the condition."""
    with fields(node, "interaction") as f:
        media = f.get("medium", one_or_list(choice(*Medium)), ())
        topics = f.get("topic", one_or_list(pattern), ())
        statuses = f.get("status", one_or_list(choice(*InteractionStatus)), _NOT_CLOSED)
        within = f.get("within", duration, None)
        idle = f.get("idle", duration, None)
        owner = f.get("owner", text, None)
        outcomes = f.get("outcome", one_or_list(pattern), ())
        says = f.get("says", one_or_list(pattern), ())
        flags = f.get("flag", one_or_list(pattern), ())
        form = f.get("form", wanted_values(scope), {})
        count = f.get("count", integer(1, MAX_COUNT), 1)
        _check_ages(f, idle, within)
    topic_fits = any_glob(topics) if topics else None
    outcome_fits = any_glob(outcomes, fold=True) if outcomes else None
    said = any_glob(says, fold=True) if says else None
    flagged = any_glob(flags) if flags else None
    form_tests = tests_of(form)

    def fits(one: Interaction) -> bool:
        return (
            one.status in statuses
            and (topic_fits is None or topic_fits(one.topic))
            and (not media or one.medium in media)
            and (owner is None or _owned(one, owner))
            and (outcome_fits is None or outcome_fits(one.outcome))
            and (not form_tests or all(test(one.form.get(name, "")) for name, test in form_tests))
            and (flagged is None or any(flagged(flag) for flag in one.flags))
            and (said is None or any(said(event.text) for event in one.events))
        )

    def find(facts: Facts) -> Interaction | None:
        since = facts.now - within if within else None
        until = facts.now - idle if idle else None
        first, left = None, count
        for one in facts.context.interactions:  # newest event first
            if since is not None and one.updated_at < since:
                return None
            if (until is None or one.updated_at <= until) and fits(one):
                first, left = first or one, left - 1
                if not left:
                    return first
        return None

    def test(facts: Facts) -> Bound | None:
        found = find(facts)
        return Bound(interaction=found) if found is not None else None

    def seen(facts: Facts) -> str:
        found = find(facts)
        shown = (found,) if found else facts.context.interactions[:_SHOWN]
        asked = ("owner" if owner else "", "outcome" if outcomes else "", "flag" if flags else "")
        return (
            "; ".join(f"{_described(one, asked, form)}, {age_in_words(facts.now - one.updated_at)} ago" for one in shown)
            or "no interaction"
        )

    words = _patterns_in_words(topic=topics, medium=media, status=statuses, outcome=outcomes, flag=flags, says=says)
    words += [f"owner {owner}"] if owner else []
    words += [f"form {name} {one.words}" for name, one in form.items()]
    words += [f"{name} {span_in_words(span)}" for name, span in (("within", within), ("idle for", idle)) if span]
    words += [f"{count} or more"] if count > 1 else []
    closed = InteractionStatus.CLOSED in statuses
    needs = Needs(interactions=(within or LEAST_INTERACTIONS) if closed else timedelta())

    def demands() -> Demands:
        made = those(topic=Patterns(topics), medium=OneOf(frozenset(media)), status=OneOf(frozenset(statuses)), owner=Same(owner))
        more = those(
            within=AtMost(within), idle=AtLeast(idle), outcome=Patterns(outcomes, fold=True), count=AtLeast(count), says=Same(says)
        )
        return {**made, **more, **those(flag=Patterns(flags)), **demands_of("form", form)}

    return Probe(test, seen, ", ".join(words), needs, {TOPIC: by_patterns(topics, topic_fits)}, demands)


KIND = ConditionKind(
    "interaction",
    "A conversation with this caller is open, or ended lately, in any medium.",
    read,
    shape.mapping(
        {
            "topic": shape.about(shape.many(shape.pattern(shape.TOPIC)), "Its topic; * stands for any text.", "complaint*"),
            "medium": shape.about(shape.many(shape.words(*Medium)), "In which medium it is held."),
            "status": shape.about(
                shape.many(shape.words(*InteractionStatus)), "open: our move; waiting: the customer's; without it both count."
            ),
            "within": shape.about(shape.duration(), "Its last event is at most so long ago.", "7d"),
            "idle": shape.about(shape.duration(), "Its last event is at least so long ago: it waits for somebody.", "4h"),
            "owner": shape.about(shape.text(shape.OPERATOR), "Sign-in name of who handles it, anybody, or nobody.", ANYBODY, NOBODY),
            "outcome": shape.about(shape.many(shape.pattern()), "How it ended; * stands for any text.", "refused*"),
            "flag": shape.about(
                shape.many(shape.pattern()), "A flag that was raised on it, by a rule under `messages` or by its source.", "urgent"
            ),
            "form": shape.about(shape.mapping_of(VALUE_FRAGMENT), "What the customer entered, by field.", {"income": {"known": False}}),
            "says": shape.about(shape.many(shape.pattern()), "What one of its last messages says.", "*lawyer*"),
            "count": shape.about(shape.integer(1, MAX_COUNT), "So many of them at least; 1 where it is not given."),
        }
    ),
    "{topic: credit-application, medium: web, status: [open, waiting], within: 7d, owner: anybody}",
)


def _check_ages(f: Fields, idle: timedelta | None, within: timedelta | None) -> None:
    if idle and within and idle >= within:
        f.wrong(f.node.entries["idle"][0], "nothing is so old and so new at once", "idle has to be shorter than within")


def _patterns_in_words(**patterns: tuple[str, ...]) -> list[str]:
    plain = {"medium", "status"}  # the words speak for themselves
    return [f"{'' if name in plain else name} {' or '.join(found)}".strip() for name, found in patterns.items() if found]


def _described(one: Interaction, asked: tuple[str, ...], form: Iterable[str]) -> str:
    words = [one.topic, one.medium, one.status]
    words += [f"owner {one.owner or 'nobody'}"] if "owner" in asked else []
    words += [f"outcome {one.outcome or 'none'}"] if "outcome" in asked else []
    words += [f"flags {' '.join(one.flags) or 'none'}"] if "flag" in asked else []
    words += [f"form {name} {'given' if one.form.get(name) else 'not given'}" for name in form]  # what was entered may be private
    return ", ".join(words)


def _owned(one: Interaction, owner: str) -> bool:
    if owner == ANYBODY:
        return one.owner is not None
    return one.owner is None if owner == NOBODY else one.owner == owner
