"""Rules over messages that come in by other media: which of them raise a flag, so that a call of that customer is treated accordingly.

A message is text from outside: it is compared with words and with * and ?, never with a regular expression, so that no message takes long.
Every rule that fits adds its flags. Knows nothing of calls.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ctiroute.documents import Fields, choice, duration, fields, integer, list_of, matching, number, one_or_list, refuse, text
from ctiroute.errors import ConfigurationError, Fault
from ctiroute.model import Medium
from ctiroute.rules import fragments as shape
from ctiroute.rules.globs import any_glob, pattern
from ctiroute.rules.limits import fragments_of, limited
from ctiroute.rules.names import name

if TYPE_CHECKING:
    from ctiroute.documents import Node
    from ctiroute.model import Intake, Interaction, InteractionEvent

FLAG = r"[a-z][a-z0-9_-]{0,31}"
_FLAG_MEANING = "a flag: small letters, digits, _ and -, at most 32"
MAX_TEXT = 10_000  # characters of a message that are looked at
MAX_COUNT = 20  # messages; of a conversation only the latest few are kept
MESSAGES = frozenset({"message", "form", "choice"})  # kinds of events by which the customer speaks
_WORDS = re.compile(r"\w+")

Fits = Callable[["Intake", Sequence["Interaction"]], bool]


@dataclass(frozen=True, slots=True, eq=False)
class MessageRule:
    """One entry under `messages:`."""

    name: str
    flags: tuple[str, ...]
    fits: Fits  # may raise
    repeats: timedelta | None  # how far back it looks at earlier messages; None: it does not


def flags_of(intake: Intake, history: Sequence[Interaction], rules: Iterable[MessageRule]) -> tuple[str, ...]:
    """Return the flags a message raises, beside those it has; `history`: the interactions of whoever wrote it, as they were before.

    A rule that fails raises none: no mistake in one costs the message.
    """
    event = intake.event
    if event is None or event.kind not in MESSAGES:
        return intake.flags
    raised = dict.fromkeys(intake.flags)
    for rule in rules:
        try:
            if rule.fits(intake, history):
                raised |= dict.fromkeys(rule.flags)
        except Exception:  # noqa: BLE001, S112 - the others may fit
            continue
    return tuple(raised)


def read_messages(nodes: Iterable[Node]) -> tuple[tuple[MessageRule, ...], list[Fault]]:
    """Compile what stands under `messages` in all files; return the rules, and every fault."""
    rules: dict[str, MessageRule] = {}
    faults: list[Fault] = []

    def rule(node: Node) -> MessageRule:
        made = _rule(node)
        if made.name in rules:
            refuse(node, "there is a rule over messages of this name already", f"name it apart from the other {made.name}")
        rules[made.name] = made
        return made

    for node in nodes:
        try:
            list_of(rule)(node)
        except ConfigurationError as error:
            faults.extend(error.faults)
    return tuple(rules.values()), faults


def _rule(node: Node) -> MessageRule:
    with fields(node, "a rule over messages") as f:
        rule_name = f.require("name", name("rule"))
        flags = f.require("flag", one_or_list(matching(FLAG, _FLAG_MEANING, "such as urgent")))
        when = f.require("when", _when)
    return MessageRule(rule_name, flags, *when)


def _when(node: Node) -> tuple[Fits, timedelta | None]:
    with fields(node, "when") as f:
        tests = [*_said(f), *_about(f)]
        sentiment = f.get("sentiment", limited(number(-1, 1), float, "{:g}".format), None)
        repeated = f.get("repeated", _repeated, None)
        if not f.node.entries:
            f.wrong(node, "expected at least one of: says, words, medium, topic, source, sentiment, repeated")
    if sentiment is not None:
        tests.append(lambda intake: intake.sentiment is not None and sentiment.fits(intake.sentiment))

    def fits(intake: Intake, history: Sequence[Interaction]) -> bool:
        return all(test(intake) for test in tests) and (repeated is None or count_since(intake, history, repeated[1]) >= repeated[0])

    return fits, repeated[1] if repeated is not None else None


def _said(f: Fields) -> Iterable[Callable[[Intake], bool]]:
    says = f.get("says", one_or_list(pattern), ())
    words = frozenset(word.casefold() for word in f.get("words", one_or_list(_word), ()))
    if says:
        said = any_glob(says, fold=True)
        yield lambda intake: said(_text(intake))
    if words:
        yield lambda intake: not words.isdisjoint(_WORDS.findall(_text(intake).casefold()))


def _about(f: Fields) -> Iterable[Callable[[Intake], bool]]:
    media = f.get("medium", one_or_list(choice(*Medium)), ())
    topics = f.get("topic", one_or_list(pattern), ())
    sources = f.get("source", one_or_list(pattern), ())
    if media:
        yield lambda intake: intake.medium in media
    if topics:
        topic_fits = any_glob(topics)
        yield lambda intake: topic_fits(intake.topic)
    if sources:
        source_fits = any_glob(sources)
        yield lambda intake: source_fits(intake.source)


def count_since(intake: Intake, history: Sequence[Interaction], within: timedelta) -> int:
    """Return how many messages the customer has sent within a time, this one among them, over all media and as far as they are kept."""
    event = intake.event
    if event is None:
        return 0
    since, until = event.at - within, event.at
    earlier = {(one.interaction_id, it) for one in history for it in one.events if _counts(it, since, until) and it != event}
    return 1 + len(earlier)


def _counts(event: InteractionEvent, since: datetime, until: datetime) -> bool:
    return event.kind in MESSAGES and since <= event.at <= until


def _text(intake: Intake) -> str:
    return " ".join(intake.event.text[:MAX_TEXT].split()) if intake.event is not None else ""


def _word(node: Node) -> str:
    value = text(node)
    if not _WORDS.fullmatch(value):
        refuse(node, "expected one word", 'write says: for more than one, with *: "*call me back*"')
    return value


def _repeated(node: Node) -> tuple[int, timedelta]:
    with fields(node, "repeated") as f:
        count = f.require("count", integer(2, MAX_COUNT))
        within = f.require("within", duration)
    return count, within


# The shape of what `read_messages` reads.
MESSAGES_FRAGMENT = shape.list_of(
    shape.mapping(
        {
            "name": shape.about(shape.name("rule"), "Shown in reports; unique."),
            "flag": shape.about(
                shape.many(shape.matching(f"^{FLAG}$", _FLAG_MEANING)),
                "What is raised on the conversation; `interaction: {flag: urgent}` asks for it.",
                "urgent",
            ),
            "when": shape.about(
                shape.mapping(
                    {
                        "says": shape.about(shape.many(shape.pattern()), "What the message says; * stands for any text.", "*lawyer*"),
                        "words": shape.about(
                            shape.many(shape.matching(r"^\w+$", "one word")),
                            "Whole words, whatever their case, of which it has one.",
                            "urgent",
                        ),
                        "medium": shape.about(shape.many(shape.words(*Medium)), "By which medium it came."),
                        "topic": shape.about(shape.many(shape.pattern(shape.TOPIC)), "What the conversation is about.", "complaint*"),
                        "source": shape.about(shape.many(shape.pattern()), "Which connector brought it."),
                        "sentiment": shape.about(
                            shape.short_or(shape.number(-1, 1), shape.mapping(fragments_of(shape.number(-1, 1)), least=1)),
                            "How the source rates it, from -1 (negative) to 1.",
                            {"below": -0.5},
                        ),
                        "repeated": shape.about(
                            shape.mapping(
                                {
                                    "count": shape.about(shape.integer(2, MAX_COUNT), "So many messages, this one among them."),
                                    "within": shape.about(shape.duration(), "Within so long, over all media.", "1h"),
                                },
                                required=["count", "within"],
                            ),
                            "The customer has written several times lately.",
                        ),
                    },
                    least=1,
                ),
                "All of it has to fit.",
            ),
        },
        required=["name", "flag", "when"],
    )
)
