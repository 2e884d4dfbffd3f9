"""The `then` of a rule, and the default: actions that belong together, compiled into one plan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ctiroute.documents import Mapping, Node, did_you_mean, fault, refuse
from ctiroute.errors import ConfigurationError, Fault
from ctiroute.rules.actions import ACTIONS
from ctiroute.rules.actions.going_on import CONTINUE
from ctiroute.rules.facts import NO_NEEDS, Needs
from ctiroute.rules.kinds import Effect

if TYPE_CHECKING:
    from ctiroute.rules.kinds import Scope


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done, in the order of the file."""

    effects: tuple[tuple[str, Effect], ...] = ()  # (kind, what it does to the draft)
    goes_on: bool = False  # it only adds to the decision; the rules after it are asked, too
    needs: Needs = NO_NEEDS  # what the actions look at

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of actions in it."""
        return tuple(kind for kind, _ in self.effects)


def read_then(node: Node, scope: Scope) -> Plan:
    """Parse a mapping of actions. Raises `ConfigurationError` with every fault."""
    if not isinstance(node, Mapping):
        refuse(node, "expected actions", "write them as kind: value, one under the other")
    faults: list[Fault] = []
    effects: list[tuple[str, Effect]] = []
    needs = NO_NEEDS
    for key, value in node:
        kind = ACTIONS.get(key.text)
        if kind is None:
            faults.append(fault(key, "there is no such action", did_you_mean(key.text, ACTIONS, listing=True)))
            continue
        beside = sorted(kind.excludes & node.entries.keys())
        if beside and next(name for name in node.entries if name in {key.text, *beside}) != key.text:  # said once, at the later one
            faults.append(fault(key, f"cannot stand beside {beside[0]}", "a call goes to one place; remove one of them"))
        if kind.requires and not kind.requires & node.entries.keys():
            faults.append(fault(key, f"needs {' or '.join(sorted(kind.requires))} beside it"))
        try:
            deed = kind.read(value, scope)
            effects.append((key.text, deed.effect))
            needs |= deed.needs
        except ConfigurationError as error:
            faults.extend(error.faults)
    if faults:
        raise ConfigurationError(faults)
    return Plan(tuple(effects), CONTINUE in node.entries, needs)
