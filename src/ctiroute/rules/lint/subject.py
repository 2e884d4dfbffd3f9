"""What lints look at: compiled rules, the trees they were written in, and what is known of the world outside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from ctiroute.documents import Mapping as MappingNode
from ctiroute.documents import Node, Scalar
from ctiroute.documents import Sequence as SequenceNode
from ctiroute.rules import fragments as shape
from ctiroute.rules.constants import replaced
from ctiroute.rules.lint.walk import Found, walk
from ctiroute.rules.ruleset import Rule, Ruleset
from ctiroute.rules.schema import definitions
from ctiroute.rules.sections import SECTIONS


@dataclass(frozen=True, slots=True)
class Known:
    """What there is outside of the rules, as far as somebody looked. What is not known is not complained of."""

    names: Mapping[str, frozenset[str]] = field(default_factory=dict)  # mark ("queue", "campaign") -> all names there are
    kept_days: Mapping[str, int | None] = field(default_factory=dict)  # "touches", "calls", "interactions"; None: for ever
    languages: frozenset[str] = frozenset()  # in which operators read
    sensitive: frozenset[str] = frozenset()  # attributes of customers that a number alone must not show


@dataclass(frozen=True, eq=False)
class Subject:
    """One rule set under examination."""

    ruleset: Ruleset
    written: Mapping[str, Node]  # trees by file, as they were written
    roots: Mapping[str, Node]  # the same with constants written out
    known: Known
    nodes: tuple[tuple[Rule, MappingNode], ...]  # rules with what was written

    @classmethod
    def of(cls, ruleset: Ruleset, roots: Mapping[str, Node], known: Known) -> Subject:
        """Put rules and their trees together: both are in the order of the files. Constants are written out, as readers see them."""
        constants = {key.text: node for root in roots.values() for key, node in _section(root, "constants")}
        meant = {file: replaced(root, constants, []) for file, root in roots.items()}
        rules = [node for file in ruleset.files if file in meant for node in _rules_of(meant[file])]
        return cls(ruleset, roots, meant, known, tuple(zip(ruleset.rules, rules, strict=True)))

    @cached_property
    def marked(self) -> tuple[Found, ...]:
        """Every name and every text in all files, with what it is."""
        root = shape.mapping({key: one.fragment for key, one in SECTIONS.items()})
        named = definitions()
        return tuple(found for tree in self.roots.values() for found in walk(tree, root, named))

    def texts_of(self, actions: Node) -> Iterator[Found]:
        """Yield the templates among some actions: of one rule, or of the default."""
        named = definitions()
        return (found for found in walk(actions, named["actions"], named) if found.mark == shape.TEMPLATE)

    def default(self) -> MappingNode | None:
        """Return the actions of calls that no rule takes."""
        for root in self.roots.values():
            node = root.get("default") if isinstance(root, MappingNode) else None
            if isinstance(node, MappingNode):
                return node
        return None


def takes(rule: Rule) -> bool:
    """Say whether a call that meets the rule's conditions ends there: one that only annotates and goes on takes none."""
    return not rule.then.goes_on


def _section(root: Node, key: str) -> Iterator[tuple[Scalar, Node]]:
    found = root.get(key) if isinstance(root, MappingNode) else None
    return iter(found) if isinstance(found, MappingNode) else iter(())


def _rules_of(root: Node) -> Iterator[MappingNode]:
    rules = root.get("rules") if isinstance(root, MappingNode) else None
    if isinstance(rules, SequenceNode):
        yield from (rule for rule in rules.items if isinstance(rule, MappingNode))
