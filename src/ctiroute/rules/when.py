"""The `when` of a rule: conditions that all have to hold, with `any`, `all` and `not` nesting."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ctiroute.documents import Mapping, Node, Sequence, did_you_mean, fault, one_or_list, refuse
from ctiroute.errors import ConfigurationError, Fault
from ctiroute.model import Verdict
from ctiroute.rules.conditions import CONDITIONS
from ctiroute.rules.facts import HOLDS, NO_NEEDS, Bound, Facts, Needs
from ctiroute.rules.forms import AllOf, AnyOf, Form, Leaf, NotOf
from ctiroute.rules.guards import Guards, of_all, of_any

if TYPE_CHECKING:
    from ctiroute.rules.kinds import Scope
    from ctiroute.rules.named import Used

ALL, ANY, NOT, USE = "all", "any", "not", "use"
COMPOSITES = {
    ALL: "Every one of a list of conditions holds.",
    ANY: "At least one of a list of conditions holds.",
    NOT: "A condition does not hold.",
    USE: "A condition that has a name holds.",
}


_UNASKED = object()


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition of a rule, in its place."""

    where: str  # "touch", "all[1].caller"
    test: Callable[[Facts], Bound | None]
    explain: Callable[[Facts], tuple[Verdict, ...]]  # what it saw; not on the call path; may raise what `test` raises
    wanted: str
    needs: Needs
    guards: Guards
    parts: tuple[tuple[Condition, ...], ...] = ()  # of a composite: its branches, each of conditions that all have to hold
    size: int = 1  # conditions in it, itself among them when it has no parts
    form: Form | None = None  # what it demands, where somebody asks for forms


def read_when(node: Node, scope: Scope, where: str = "") -> tuple[Condition, ...]:
    """Parse a mapping of conditions. Empty: holds always. Raises `ConfigurationError` with every fault."""
    if not isinstance(node, Mapping):
        refuse(node, "expected conditions", "write them as kind: what it wants; {} holds for every call")
    faults: list[Fault] = []
    conditions: list[Condition] = []
    for key, value in node:
        kind = key.text
        try:
            if kind in COMPOSITES:
                conditions.append(_composite(kind, value, scope, where))
            elif kind in CONDITIONS:
                conditions.append(_leaf(kind, value, scope, where))
            else:
                hint = did_you_mean(kind, [*CONDITIONS, *COMPOSITES], listing=True)
                faults.append(fault(key, "there is no such condition", hint))
        except ConfigurationError as error:
            faults.extend(error.faults)
    if faults:
        raise ConfigurationError(faults)
    return tuple(conditions)


def every(conditions: tuple[Condition, ...]) -> Callable[[Facts], Bound | None]:
    """Return a test that holds when all do; what each was about is kept, the first of its sort."""
    tests = tuple(condition.test for condition in conditions)
    if not tests:
        return lambda _facts: HOLDS
    if len(tests) == 1:
        return tests[0]

    def test(facts: Facts) -> Bound | None:
        touch = interaction = None
        for one in tests:
            bound = one(facts)
            if bound is None:
                return None
            touch = touch or bound.touch
            interaction = interaction or bound.interaction
        return Bound(touch, interaction)

    return test


def explain_every(conditions: tuple[Condition, ...], facts: Facts) -> tuple[bool, tuple[Verdict, ...]]:
    """Say whether all hold, with every verdict, or with those of the first that does not.

    A condition that fails (a value it did not expect, a mistake of ours) does not hold, and its verdict says so.
    """
    verdicts: list[Verdict] = []
    for condition in conditions:
        try:
            holds, found = condition.test(facts) is not None, condition.explain(facts)
        except Exception as error:  # noqa: BLE001 - any failure of one condition costs that condition alone
            return False, (Verdict(condition.where, condition.wanted, f"failed: {error!r}"[:200], matched=False),)
        if not holds:
            return False, found
        verdicts.extend(found)
    return True, tuple(verdicts)


def needs_of(conditions: tuple[Condition, ...]) -> Needs:
    """Return how far back all of them together look."""
    needs = NO_NEEDS
    for condition in conditions:
        needs |= condition.needs
    return needs


def guards_of(conditions: tuple[Condition, ...]) -> Guards:
    """Return what a call must have for all of them to hold."""
    return conditions[0].guards if len(conditions) == 1 else of_all(condition.guards for condition in conditions)


def form_of(conditions: tuple[Condition, ...]) -> Form:
    """Return what all of them together demand. Only after reading with `Scope.forms`."""
    return AllOf(tuple(condition.form for condition in conditions if condition.form is not None))


def _leaf(kind: str, node: Node, scope: Scope, where: str) -> Condition:
    probe = CONDITIONS[kind].read(node, scope)
    place = f"{where}{kind}"

    def explain(facts: Facts) -> tuple[Verdict, ...]:
        return (Verdict(place, probe.wanted, probe.seen(facts), matched=probe.test(facts) is not None),)

    form = Leaf(kind, node, probe.demands) if scope.forms else None
    return Condition(place, probe.test, explain, probe.wanted, probe.needs, probe.guards, form=form)


def _composite(kind: str, node: Node, scope: Scope, where: str) -> Condition:
    place = f"{where}{kind}"
    if kind == USE:
        return _use(place, node, scope)
    if kind == NOT:
        return _negation(place, read_when(_not_empty(node), scope, f"{place}."))
    if not isinstance(node, Sequence) or not node.items:
        refuse(node, f"expected a list of conditions under {kind}", "write each with a dash: - touch: {within: 1d}")
    branches: list[tuple[Condition, ...]] = []
    faults: list[Fault] = []
    for index, item in enumerate(node.items):
        try:
            branches.append(read_when(_not_empty(item), scope, f"{place}[{index}]."))
        except ConfigurationError as error:
            faults.extend(error.faults)
    if faults:
        raise ConfigurationError(faults)
    return _conjunction(place, branches) if kind == ALL else _alternative(place, branches)


def read_named(name: str, node: Node, scope: Scope) -> tuple[Condition, ...]:
    """Parse the body of a named condition."""
    return read_when(_not_empty(node), scope, f"{name}.")


def _use(place: str, node: Node, scope: Scope) -> Condition:
    """Return the condition that one named condition holds, or several do. Each is asked once a call, however many rules use it."""
    if scope.named is None:
        refuse(node, "conditions of a name cannot be used here")
    used = one_or_list(scope.named.use)(node)
    if len(used) > 1:
        return _conjunction(place, [(_used(place, one),) for one in used])
    return _used(place, used[0])


def _used(place: str, used: Used[Condition]) -> Condition:
    inner, test_all = used.conditions, every(used.conditions)

    def test(facts: Facts) -> Bound | None:
        found = facts.memo.get(used, _UNASKED)
        if found is _UNASKED:
            found = facts.memo[used] = test_all(facts)
        bound: Bound | None = found
        return bound

    def explain(facts: Facts) -> tuple[Verdict, ...]:
        key = (explain_every, used)
        if key not in facts.memo:
            facts.memo[key] = explain_every(inner, facts)[1]
        verdicts: tuple[Verdict, ...] = facts.memo[key]
        return verdicts

    form = form_of(inner)
    return Condition(place, test, explain, used.name, needs_of(inner), guards_of(inner), (inner,), used.size, form)


def _not_empty(node: Node) -> Node:
    if isinstance(node, Mapping) and not node.entries:
        refuse(node, "expected at least one condition")
    return node


def _conjunction(place: str, branches: list[tuple[Condition, ...]]) -> Condition:
    flat = tuple(condition for branch in branches for condition in branch)
    wanted, needs = _wanted(flat, " and "), needs_of(flat)
    return Condition(
        place, every(flat), lambda facts: explain_every(flat, facts)[1], wanted, needs, guards_of(flat), (flat,), _size(flat), form_of(flat)
    )


def _alternative(place: str, branches: list[tuple[Condition, ...]]) -> Condition:
    tests = tuple(every(branch) for branch in branches)
    wanted = " or ".join(f"({_wanted(branch, ' and ')})" for branch in branches)

    def test(facts: Facts) -> Bound | None:
        for one in tests:
            bound = one(facts)
            if bound is not None:
                return bound
        return None

    def explain(facts: Facts) -> tuple[Verdict, ...]:
        seen: list[str] = []
        for branch in branches:
            holds, verdicts = explain_every(branch, facts)
            if holds:
                return verdicts
            seen.append(verdicts[0].seen)
        return (Verdict(place, wanted, "; ".join(seen), matched=False),)

    needs = needs_of(tuple(condition for branch in branches for condition in branch))
    size, form = sum(map(_size, branches)), AnyOf(tuple(map(form_of, branches)))
    return Condition(place, test, explain, wanted, needs, of_any(map(guards_of, branches)), tuple(branches), size, form)


def _negation(place: str, inner: tuple[Condition, ...]) -> Condition:
    positive = every(inner)
    wanted = f"not ({_wanted(inner, ' and ')})"

    def test(facts: Facts) -> Bound | None:
        return HOLDS if positive(facts) is None else None

    def explain(facts: Facts) -> tuple[Verdict, ...]:
        _, verdicts = explain_every(inner, facts)
        return (Verdict(place, wanted, "; ".join(verdict.seen for verdict in verdicts), matched=test(facts) is not None),)

    form = NotOf(form_of(inner))
    return Condition(
        place, test, explain, wanted, needs_of(inner), {}, (inner,), _size(inner), form
    )  # guards: what holds not can be missing


def _size(conditions: tuple[Condition, ...]) -> int:
    return sum(condition.size for condition in conditions)


def _wanted(conditions: tuple[Condition, ...], join: str) -> str:
    return join.join(f"{condition.where.rpartition('.')[2]}: {condition.wanted}" for condition in conditions)
