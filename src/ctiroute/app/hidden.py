"""Stand-ins for what a stored call does not hold. Whoever looks at one is found out, instead of being answered with a guess."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from ctiroute.model import Caller, CallerContext, QueueState

NUMBER = "the caller's number"
QUEUES = "the live state of queues"
OPERATORS = "whose phone was free"

_OF_THE_NUMBER = frozenset({"phone", "raw", "name", "country"})


class HiddenFactError(LookupError):
    """A rule wanted to see what is not kept."""

    def __init__(self, what: str, rule: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.rule = rule


class HiddenCaller(Caller, frozen=True):
    """A caller whose number is masked. That it was withheld is known; anything that follows from the number raises."""

    shown: str = ""  # the masked number, for people

    @classmethod
    def of(cls, masked: Caller) -> HiddenCaller:
        """Return what stands in for a caller of whom the masked number alone is kept."""
        return cls("", None, "", masked.withheld, masked.raw)

    def __getattribute__(self, name: str) -> object:
        if name in _OF_THE_NUMBER:
            raise HiddenFactError(NUMBER)
        return object.__getattribute__(self, name)


class Hidden:
    """Queues and operators of whom nothing is known. They answer as a service that hears no switch would, and note who asked."""

    def __init__(self) -> None:
        self.asked = ""  # what somebody looked at
        self._no_queue: Mapping[str, QueueState] = _HiddenQueues(self, {})
        self._nobody: Collection[str] = _HiddenOperators(self, (), ())

    def all_but(self, kept: Sequence[QueueState]) -> Mapping[str, QueueState]:
        """Return the queues of which some are known."""
        return _HiddenQueues(self, {state.queue: state for state in kept}) if kept else self._no_queue

    def free(self, kept: Collection[str] | None, asked: Collection[str], context: CallerContext) -> Collection[str]:
        """Return whose phone was free. `kept` are those who are known to have been, None: nobody asked.

        The others who were `asked` about by name, who talked with this caller or who own a conversation of his were not.
        """
        if kept is None:
            return self._nobody
        known = {*asked, *(call.operator_id for call in context.calls), *(one.owner for one in context.interactions)}
        return _HiddenOperators(self, kept, known)


class _HiddenQueues(Mapping[str, QueueState]):
    def __init__(self, owner: Hidden, known: Mapping[str, QueueState]) -> None:
        self._owner, self._known = owner, known

    def __getitem__(self, name: str) -> QueueState:
        state = self._known.get(name)
        if state is None:
            self._owner.asked = QUEUES
            raise KeyError(name)
        return state

    def __iter__(self) -> Iterator[str]:
        self._owner.asked = QUEUES  # there may have been others
        return iter(self._known)

    def __len__(self) -> int:
        self._owner.asked = QUEUES
        return len(self._known)


class _HiddenOperators(Collection[str]):
    def __init__(self, owner: Hidden, free: Collection[str], known: Collection[str | None]) -> None:
        self._owner, self._free, self._known = owner, free, known

    def __contains__(self, operator_id: object) -> bool:
        if operator_id in self._free:
            return True
        if operator_id is not None and operator_id not in self._known:
            self._owner.asked = OPERATORS
        return False

    def __iter__(self) -> Iterator[str]:
        self._owner.asked = OPERATORS  # there may have been others
        return iter(self._free)

    def __len__(self) -> int:
        self._owner.asked = OPERATORS
        return len(self._free)
