"""What a kind of condition or action is, and what its reader is given. The kinds themselves are in `conditions/` and `actions/`.

A kind is one value with a name, a summary and a reader. Nothing registers itself: the packages list their kinds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar
from zoneinfo import ZoneInfo

from ctiroute.documents import Node, Sequence, did_you_mean, refuse, text
from ctiroute.model import PopPlan, Proposal, ToExtension, ToMenu, ToOperator, ToQueue, Verdict
from ctiroute.rules.facts import NO_NEEDS, Bound, Facts, Needs
from ctiroute.rules.forms import Demands
from ctiroute.rules.fragments import Fragment
from ctiroute.rules.guards import Guards
from ctiroute.rules.hours import Calendar, Hours
from ctiroute.rules.lists import is_file, read_list_file
from ctiroute.rules.named import NamedConditions
from ctiroute.rules.names import KnownNames

if TYPE_CHECKING:
    from ctiroute.model.routing import Destination

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """One offer of the catalogue, compiled."""

    proposal: Proposal
    test: Callable[[Facts], Bound | None]  # whether it may be proposed to this caller; may raise
    needs: Needs


@dataclass(frozen=True, slots=True)
class Scope:
    """What a rule may refer to while it is read."""

    lists: dict[str, Sequence | None] = field(default_factory=dict)  # None: it is wrong, and that is said already
    hours: Mapping[str, Hours] = field(default_factory=dict)
    calendars: Mapping[str, Calendar] = field(default_factory=dict)
    zone: ZoneInfo | None = None  # of all files; None: none says
    names: KnownNames = field(default_factory=KnownNames)
    read_script: Callable[[str], str | None] = lambda _path: None  # path relative to the rules -> its text; None: no such file
    forms: bool = False  # conditions leave their forms behind, for lint

    made: dict[tuple[object, str], Any] = field(default_factory=dict)  # what several rules refer to, compiled once: a list as a set
    named: NamedConditions[Any] | None = None  # what `use` refers to
    offers: dict[str, CatalogueEntry | None] = field(default_factory=dict)  # None: it is wrong, and that is said already

    def list_name(self, node: Node) -> str:
        """Parse the name of a list that some file defines, or the path of a file that holds one."""
        value = text(node)
        if value not in self.lists:
            if not is_file(value):
                refuse(node, "there is no list of this name", did_you_mean(value, self.lists, listing=True) or "define it under lists:")
            self.lists[value] = None  # its faults are said once, however many rules name it
            self.lists[value] = read_list_file(node, self.read_script)
        return value

    def list_entries(self, name: str) -> tuple[Node, ...]:
        """Return what a list holds, each with its place; nothing when it is wrong."""
        found = self.lists[name]
        return found.items if found is not None else ()

    def once(self, make: Callable[[tuple[Node, ...]], T], name: str) -> T:
        """Return what `make` gives for the entries of a list: made at the first use, the same at every other."""
        key = (make, name)
        if key not in self.made:
            self.made[key] = make(self.list_entries(name))
        found: T = self.made[key]
        return found


@dataclass(frozen=True, slots=True)
class Probe:
    """A condition, compiled."""

    test: Callable[[Facts], Bound | None]  # None: does not hold; on the call path
    seen: Callable[[Facts], str]  # the value it looked at, in words; only when somebody asks why
    wanted: str  # what it demands, in words
    needs: Needs = NO_NEEDS
    guards: Guards = field(default_factory=dict)  # what a call must have for `test` to hold at all
    # What it demands, comparable: exactly when all of it fits one touch, one conversation, the call, `test` holds. None: cannot be said so,
    # and lint takes only what is written alike for the same. Asked by lint alone.
    demands: Callable[[], Demands] | None = None


@dataclass(frozen=True, slots=True)
class ConditionKind:
    """A kind of condition. `read` raises `ConfigurationError`.

    Whoever adds a kind, or a key to one, says its shape in `schema` too, made with `fragments`: the same keys, each with the fragment
    of its parser and a description (`fragments.about`), names of queues, campaigns and so on marked. Tests hold schema and reader
    together.
    """

    name: str
    summary: str  # one line for the docs and `--help`
    read: Callable[[Node, Scope], Probe]
    schema: Fragment = field(default_factory=dict)  # the shape of the value, for editors and lint: `fragments.mapping({...})`
    example: str = ""  # a value in YAML, in one line, as it stands behind the name; the tests load it


Remark = Callable[[], Verdict]

NO_POP = PopPlan()  # no rule has said yet what the screen shows


@dataclass(slots=True)
class Draft:
    """A decision being made: by the actions of the rules that only add to it, then by those of the rule that takes the call."""

    queue: str | None = None
    priority: int = 0
    operator: str | None = None  # interface
    operator_id: str | None = None
    operator_timeout_s: int = 20
    menu: str | None = None
    menu_order: tuple[str, ...] = ()
    extension: str | None = None
    language: str | None = None
    announce: str | None = None
    variables: dict[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    pop: PopPlan = NO_POP
    remarks: list[Remark] = field(default_factory=list)  # what an action saw and did otherwise because of it; worded when somebody asks

    def destination(self) -> Destination | None:
        """Return where this leads, or None when nothing says so. Loading made sure that only what belongs together is set."""
        if self.operator is not None:
            return ToOperator(self.operator, self.operator_id, self.operator_timeout_s, self.queue, self.priority)
        if self.queue is not None:
            return ToQueue(self.queue, self.priority)
        if self.menu is not None:
            return ToMenu(self.menu, self.menu_order)
        if self.extension is not None:
            return ToExtension(self.extension)
        return None


Effect = Callable[[Draft, Facts, Bound], None]


@dataclass(frozen=True, slots=True)
class Deed:
    """An action, compiled."""

    effect: Effect  # what it does to the draft; on the call path
    needs: Needs = NO_NEEDS  # what it looks at


@dataclass(frozen=True, slots=True)
class ActionKind:
    """A kind of action. `read` raises `ConfigurationError`; the effect of its deed must not. `schema` and `example` as of conditions."""

    name: str
    summary: str  # one line for the docs and `--help`
    read: Callable[[Node, Scope], Deed]
    schema: Fragment = field(default_factory=dict)
    example: str = ""
    excludes: frozenset[str] = frozenset()  # actions that cannot stand beside it
    requires: frozenset[str] = frozenset()  # one of these has to stand beside it; empty: none
