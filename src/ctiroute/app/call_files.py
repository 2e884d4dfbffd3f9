"""What we know of each live call, kept until the desk forgets it, and how it is stored so that a restart can still show it."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace

import msgspec

from ctiroute.model import CallerContext, Decision, Identity, IdentityKind, PopPlan, RuleTrace, Status

MAX_FILES = 10_000  # some 4 KiB each; the oldest goes first, and can be read from the store again


@dataclass(frozen=True, slots=True)
class CallFile:
    """One call's context, and what was decided about it in the form the screen needs."""

    context: CallerContext
    plan: PopPlan = PopPlan()
    status: Status | None = None  # None: nobody asked us to route this call
    rule: str | None = None
    rules: tuple[RuleTrace, ...] = ()
    touch_id: str | None = None
    interaction_id: str | None = None
    ruleset_version: str = ""

    @classmethod
    def of(cls, context: CallerContext, decision: Decision, *, worded: bool = True) -> CallFile:
        """Return the file of a fresh decision. Wording its trace costs ten times the decision, so it is done for screens only."""
        return cls(
            context=context,
            plan=decision.pop,
            status=decision.status,
            rule=decision.rule,
            rules=decision.trace.rules if worded else (),
            touch_id=decision.touch_id,
            interaction_id=decision.interaction_id,
            ruleset_version=decision.ruleset_version,
        )

    def chosen(self, customer_id: str) -> CallFile | None:
        """Return the file as it is once the operator has said which candidate calls; None: he is no candidate."""
        customer = next((it for it in self.context.identity.customers if it.customer_id == customer_id), None)
        if customer is None:
            return None
        others = tuple(it for it in self.context.identity.customers if it is not customer)  # so that a wrong choice can be mended
        return replace(self, context=replace(self.context, identity=Identity(IdentityKind.KNOWN, (customer, *others))))


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(CallFile)


def to_bytes(file: CallFile) -> bytes:
    """Return the JSON under which a call is kept."""
    return _encoder.encode(file)


def from_bytes(data: bytes) -> CallFile | None:
    """Return what was kept; None when a version before this one wrote something we cannot read."""
    try:
        return _decoder.decode(data)
    except msgspec.MsgspecError:
        return None


@dataclass(slots=True)
class _Entry:
    """A file, or what it will be made of when somebody needs it."""

    context: CallerContext
    decision: Decision | None
    file: CallFile | None = None


class CallFiles:
    """Files of live calls by call id. Bounded: an overflow forgets the oldest, which the store still has."""

    def __init__(self, limit: int = MAX_FILES) -> None:
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._limit = limit

    def decided(self, context: CallerContext, decision: Decision) -> None:
        """Keep a fresh decision. Costs next to nothing: the file is worded when it is first asked for."""
        self._put(_Entry(context, decision))

    def keep(self, file: CallFile) -> None:
        """Keep a file made elsewhere (read from the store, or a choice of the operator's)."""
        self._put(_Entry(file.context, None, file))

    def completed(self, context: CallerContext) -> bool:
        """Take a context that is more complete; False when the call is not ours any more."""
        file = self.get(context.request.call_id)
        if file is None:
            return False
        self.keep(replace(file, context=context))
        return True

    def get(self, call_id: str) -> CallFile | None:
        """Return a call's file, or None."""
        entry = self._entries.get(call_id)
        if entry is None:
            return None
        if entry.file is None:
            entry.file = CallFile.of(entry.context, entry.decision) if entry.decision else CallFile(entry.context)
        return entry.file

    def to_keep(self, call_id: str) -> CallFile | None:
        """Return what is worth storing of a call, with the trace only if somebody has read it; None when there is no such call.

        The trace follows from the context and the rules' version, so it can be worded again when it is asked for.
        """
        entry = self._entries.get(call_id)
        if entry is None:
            return None
        if entry.file is None and entry.decision is not None:
            return CallFile.of(entry.context, entry.decision, worded=False)
        return entry.file

    def forget(self, call_id: str) -> None:
        """Let go of a call that is over."""
        self._entries.pop(call_id, None)

    def _put(self, entry: _Entry) -> None:
        self._entries[entry.context.request.call_id] = entry
        if len(self._entries) > self._limit:
            self._entries.popitem(last=False)
