"""What a case expects: the rule, where the call goes, variables, the texts on the screen, and which condition failed.

Each expectation is one scalar of the file with its place, so that a failure can be shown, and mended, right there. A text matches as
patterns do (`*` is any text, `?` one character), a script by an excerpt. `null` or `none` expects nothing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ctiroute.documents import Mapping, Node, Scalar, Sequence, choice, did_you_mean, duration, fields, integer, kind_of, refuse, text
from ctiroute.documents.parsers import language
from ctiroute.errors import ConfigurationError
from ctiroute.model import ToDefault, ToExtension, ToMenu, ToOperator, ToQueue
from ctiroute.rules.cases.case import Answer, Expectation
from ctiroute.rules.globs import glob
from ctiroute.rules.template import Subject, fill, fill_markdown, fill_url, pick
from ctiroute.rules.words import span_in_words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ctiroute.errors import Fault
    from ctiroute.rules.ruleset import Rule, Ruleset
    from ctiroute.rules.when import Condition

DEFAULT, NONE = "default", "none"  # no rule took the call; nothing stands there
MATCHED, NOT_ASKED = "matched", "not asked"
_ACTIONS: dict[type, str] = {ToQueue: "queue", ToOperator: "operator", ToMenu: "menu", ToExtension: "extension", ToDefault: DEFAULT}
_Seen = dict[str, "Callable[[Answer], str]"]


def read_expect(node: Node, ruleset: Ruleset) -> tuple[Expectation, ...]:
    """Parse what a case expects. Raises `ConfigurationError` with every fault."""
    found: list[Expectation] = []
    with fields(node, "expect") as f:
        found += f.get("rule", _rule(ruleset), ())
        for key, seen in _PLAIN.items():
            found += f.get(key, _plain(key, seen), ())
        found += f.get("action", _action, ())
        found += f.get("priority", _priority, ())
        found += f.get("ring", _ring, ())
        found += f.get("operator", _operator, ())
        found += f.get("vars", _variables, ())
        found += f.get("pop", _pops, ())
        found += f.get("tags", _listed("tags", lambda answer: answer.decision.tags), ())
        found += f.get("added", _listed("added", lambda answer: answer.decision.added), ())
        found += f.get("trace", _trace(ruleset), ())
        if not found and not f.faults:
            f.wrong(node, "a case has to expect something", "write at least expect: {rule: the-name-of-a-rule}")
    return tuple(found)


def _to(kind: type, name: str) -> Callable[[Answer], str]:
    def seen(answer: Answer) -> str:
        to = answer.decision.destination
        return str(getattr(to, name) or "") if isinstance(to, kind) else ""

    return seen


def _queue(answer: Answer) -> str:
    to = answer.decision.destination
    return (to.queue or "") if isinstance(to, ToQueue | ToOperator) else ""


def _order(answer: Answer) -> str:
    """Return the options of a menu, the first one first."""
    to = answer.decision.destination
    return ", ".join(to.order) if isinstance(to, ToMenu) else ""


def _about(answer: Answer) -> str:
    """Return what the call is about: the campaign, or else the topic, that the rule's conditions found."""
    subject = _subject(answer, "en")
    return subject.touch.campaign if subject.touch else subject.interaction.topic if subject.interaction else ""


_PLAIN: _Seen = {
    "queue": _queue,
    "menu": _to(ToMenu, "menu"),
    "order": _order,
    "extension": _to(ToExtension, "extension"),
    "announce": lambda answer: answer.decision.announce or "",
    "language": lambda answer: answer.decision.language or "",
    "about": _about,
}
KEYS = ("rule", "action", "priority", "operator", "ring", *_PLAIN, "vars", "pop", "tags", "added", "trace")


def _scalar(node: Node) -> Scalar:
    if not isinstance(node, Scalar):
        refuse(node, f"expected text, not {kind_of(node)}")
    return node


def _is_nothing(node: Node) -> bool:
    """Say whether `null` or `none` stands there: nothing is expected."""
    return isinstance(node, Scalar) and (node.value is None or node.text == NONE)


def _expects(what: str, node: Node, seen: Callable[[Answer], str], *, mends: bool = True) -> Expectation:
    """Return an expectation of a text, or of nothing."""
    place = _scalar(node)
    if _is_nothing(place):
        return Expectation(what, "", seen, lambda value: not value, place, mends)
    return Expectation(what, place.text, seen, glob(_one_line(place.text)), place, mends)


def _one_line(value: str) -> str:
    return " ".join(value.split())


def _plain(what: str, seen: Callable[[Answer], str]) -> Callable[[Node], tuple[Expectation, ...]]:
    return lambda node: (_expects(what, node, seen),)


def _rule(ruleset: Ruleset) -> Callable[[Node], tuple[Expectation, ...]]:
    names = [rule.name for rule in ruleset.rules]

    def parse(node: Node) -> tuple[Expectation, ...]:
        place = _scalar(node)
        if place.value is not None and place.text not in {*names, DEFAULT}:
            hint = did_you_mean(place.text, [*names, DEFAULT], listing=len(names) <= _LISTED)
            refuse(node, "there is no rule of this name", hint or "write default when no rule takes the call")
        wanted = place.text if place.value is not None else DEFAULT
        return (Expectation("rule", wanted, lambda answer: answer.decision.rule or DEFAULT, wanted.__eq__, place),)

    return parse


def _listed(what: str, seen: Callable[[Answer], tuple[str, ...]]) -> Callable[[Node], tuple[Expectation, ...]]:
    """Return a parser of words that all have to be there, in any order; none of them: there is nothing."""

    def parse(node: Node) -> tuple[Expectation, ...]:
        if not isinstance(node, Sequence):
            if _is_nothing(node):
                return (_expects(what, node, lambda answer: ", ".join(seen(answer)), mends=False),)
            return (_member(what, node, seen),)
        return _each(_member(what, item, seen) for item in node.items)

    return parse


def _member(what: str, node: Node, seen: Callable[[Answer], tuple[str, ...]]) -> Expectation:
    wanted = text(node)
    found = _expects(what, node, lambda answer: ", ".join(seen(answer)), mends=False)
    return replace(found, fits=lambda value: wanted in value.split(", "))


_LISTED = 20  # more names than this are no hint


def _action(node: Node) -> tuple[Expectation, ...]:
    wanted = choice(*_ACTIONS.values())(node)
    return (Expectation("action", wanted, lambda answer: _ACTIONS[type(answer.decision.destination)], wanted.__eq__, _scalar(node)),)


def _priority(node: Node) -> tuple[Expectation, ...]:
    def seen(answer: Answer) -> str:
        to = answer.decision.destination
        return str(to.priority) if isinstance(to, ToQueue | ToOperator) else ""

    if _is_nothing(node):
        return (_expects("priority", node, seen),)
    wanted = str(integer(0, 1000)(node))
    return (Expectation("priority", wanted, seen, wanted.__eq__, _scalar(node)),)


def _ring(node: Node) -> tuple[Expectation, ...]:
    def seen(answer: Answer) -> str:
        to = answer.decision.destination
        return f"{to.timeout_s}s" if isinstance(to, ToOperator) else ""

    if _is_nothing(node):
        return (_expects("ring", node, seen),)
    wanted = span_in_words(duration(node))

    def fits(value: str) -> bool:
        return bool(value) and duration(node) == duration(Scalar(value, value, "", 0, 0))

    return (Expectation("ring", wanted, seen, fits, _scalar(node)),)


def _operator(node: Node) -> tuple[Expectation, ...]:
    """Expect an operator by sign-in name, or by interface when the text has a slash."""
    field = "interface" if "/" in _scalar(node).text else "operator_id"
    return (_expects("operator", node, _to(ToOperator, field)),)


def _variables(node: Node) -> tuple[Expectation, ...]:
    if not isinstance(node, Mapping):
        refuse(node, f"expected variables, not {kind_of(node)}", "write them as NAME: value")

    def seen(name: str) -> Callable[[Answer], str]:
        return lambda answer: answer.decision.variables.get(name, "")

    return _each(_expects(f"vars.{key.text}", value, seen(key.text.removeprefix("CTI_X_"))) for key, value in node)


def _each(made: Iterable[Expectation]) -> tuple[Expectation, ...]:
    return tuple(made)


def _subject(answer: Answer, language: str) -> Subject:
    decision, given = answer.decision, answer.given
    return Subject.of(given.context, decision.touch_id, decision.interaction_id, given.now, language, answer.zone)


def _pops(node: Node) -> tuple[Expectation, ...]:
    """Parse one screen, or several in different languages."""
    faults: list[Fault] = []
    found: list[Expectation] = []
    for each in node.items if isinstance(node, Sequence) else (node,):
        try:
            found += _pop(each)
        except ConfigurationError as error:
            faults += error.faults
    if faults:
        raise ConfigurationError(faults)
    return tuple(found)


def _pop(node: Node) -> list[Expectation]:
    found: list[Expectation] = []
    with fields(node, "pop") as f:
        spoken = f.get("language", language, "en")

        def add(key: str, seen: Callable[[Answer], str]) -> None:
            found.extend(f.get(key, _plain(f"pop.{key} ({spoken})", seen), ()))

        add("headline", lambda answer: fill(pick(answer.decision.pop.headline, spoken), _subject(answer, spoken)))
        add("opening", lambda answer: fill(pick(answer.decision.pop.opening, spoken), _subject(answer, spoken)))
        add("url", lambda answer: fill_url(answer.decision.pop.url, _subject(answer, spoken)))
        add("at", lambda answer: answer.decision.pop.at)
        found += f.get("script", lambda one: (_script(one, spoken),), ())
        found += f.get("fields", lambda one: _shown(one, spoken), ())
    return found


def _script(node: Node, spoken: str) -> Expectation:
    def seen(answer: Answer) -> str:
        return _one_line(fill_markdown(pick(answer.decision.pop.script, spoken), _subject(answer, spoken)))

    place = _scalar(node)
    what = f"pop.script ({spoken})"
    if _is_nothing(place):
        return Expectation(what, "", seen, lambda value: not value, place, mends=False)
    excerpt = _one_line(text(node))
    return Expectation(
        what, f"… {excerpt} …", seen, lambda value: excerpt in value or excerpt in value.replace("\\", ""), place, mends=False
    )


def _shown(node: Node, spoken: str) -> tuple[Expectation, ...]:
    if not isinstance(node, Mapping):
        refuse(node, f"expected fields, not {kind_of(node)}", "write them as label: value")

    def seen(label: str) -> Callable[[Answer], str]:
        return lambda answer: fill(dict(answer.decision.pop.fields).get(label, ""), _subject(answer, spoken))

    return _each(_expects(f"pop.fields.{key.text} ({spoken})", value, seen(key.text)) for key, value in node)


def _trace(ruleset: Ruleset) -> Callable[[Node], tuple[Expectation, ...]]:
    """Return a parser of rule -> the condition that failed, `matched` or `not asked`."""
    rules = {rule.name: rule for rule in ruleset.rules}

    def parse(node: Node) -> tuple[Expectation, ...]:
        if not isinstance(node, Mapping):
            refuse(node, f"expected a trace, not {kind_of(node)}", "write it as name-of-rule: the condition that failed")
        found: list[Expectation] = []
        with fields(node, "trace") as f:
            for key, _ in node:
                if key.text not in rules:
                    f.wrong(key, "there is no rule of this name", did_you_mean(key.text, rules))
                found += f.get(key.text, _failed(rules.get(key.text)), ())
        return tuple(found)

    return parse


def _failed(rule: Rule | None) -> Callable[[Node], tuple[Expectation, ...]]:
    places = _places(rule.when) if rule else {}

    def seen(answer: Answer) -> str:
        traced = next((one for one in answer.decision.trace.rules if rule and one.rule == rule.name), None)
        if traced is None:
            return NOT_ASKED
        return MATCHED if traced.matched else next((one.condition for one in traced.verdicts if not one.matched), "")

    def parse(node: Node) -> tuple[Expectation, ...]:
        if rule is None:
            return ()
        wanted = text(node)
        if wanted not in {*places, MATCHED, NOT_ASKED}:
            refuse(node, f"{rule.name} has no such condition", did_you_mean(wanted, [*places, MATCHED, NOT_ASKED], listing=True))
        fitting = {wanted} | places.get(wanted, set())
        return (Expectation(f"trace.{rule.name}", wanted, seen, fitting.__contains__, _scalar(node)),)

    return parse


def _places(conditions: tuple[Condition, ...]) -> dict[str, set[str]]:
    """Return the places of conditions as traces name them, each with those inside it: a trace names the innermost that failed."""
    found: dict[str, set[str]] = {}
    for condition in conditions:
        inside: set[str] = set()
        for part in condition.parts:
            within = _places(part)
            inside |= within.keys()
            found |= within
        found[condition.where] = inside
    return found
