"""What we know of each live call, kept until the desk forgets it, and how it is stored so that a restart can still show it."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from ctiroute.model import (
    CallbackPromise,
    CallerContext,
    Decision,
    Identity,
    IdentityKind,
    PopPlan,
    ProposalFate,
    QueueState,
    RuleTrace,
    Status,
    ToExtension,
    ToOperator,
    ToQueue,
)
from ctiroute.model.value import Value

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_FILES = 10_000  # some 2 KiB each; the oldest goes first, and can be read from the store again


class CallFile(Value, frozen=True):
    """One call's context, and what was decided about it in the form the screen needs."""

    context: CallerContext
    plan: PopPlan = PopPlan()
    status: Status | None = None  # None: nobody asked us to route this call
    rule: str | None = None
    rules: tuple[RuleTrace, ...] = ()
    touch_id: str | None = None
    interaction_id: str | None = None
    ruleset_version: str = ""
    queues: tuple[QueueState, ...] = ()  # the live queues that the rules asked about
    available: tuple[str, ...] | None = None  # the operators who could be rung; None: not known, or no rule asked
    tags: tuple[str, ...] = ()
    callback: CallbackPromise | None = None  # the order that made us place this call
    masked: bool = False  # the phone numbers in it are masked
    reason_found: str | None = None  # what an operator found the reason to be: touch_id, interaction_id, "" for neither; None: not said
    fates: tuple[ProposalFate, ...] | None = None  # what became of proposals to this caller; None: not looked up
    past_menu: bool = False  # the decision sent the call to people, not to a menu and not the ordinary way

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
            queues=decision.queues,
            available=decision.available,
            tags=decision.tags,
            past_menu=isinstance(decision.destination, ToQueue | ToOperator | ToExtension),
        )

    def chosen(self, customer_id: str) -> CallFile | None:
        """Return the file as it is once the operator has said which candidate calls; None: he is no candidate."""
        customer = next((it for it in self.context.identity.customers if it.customer_id == customer_id), None)
        if customer is None:
            return None
        identity = self.context.identity
        others = tuple(it for it in identity.customers if it is not customer)  # so that a wrong choice can be mended
        candidates = tuple(sorted(identity.candidates, key=lambda it: it.customer_id != customer_id))
        return replace(self, context=replace(self.context, identity=Identity(IdentityKind.KNOWN, (customer, *others), candidates)))


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


class CallFiles:
    """Files of live calls by call id. Bounded: an overflow forgets the oldest, which the store still has.

    A decided call is packed into its stored form at once. Most calls are over before anybody opens their file again, and a context that
    is let go of while it is fresh costs nothing more; thousands kept as objects cost every call a third of its time, in garbage
    collection and in memory gone cold (`benchmarks/README.md`).
    """

    def __init__(self, explain: Callable[[CallFile], CallFile] = lambda file: file, limit: int = MAX_FILES) -> None:
        """`explain` words the trace of a file that was packed without."""
        self._entries: OrderedDict[str, CallFile | bytes] = OrderedDict()
        self._explain = explain
        self._limit = limit

    def decided(self, context: CallerContext, decision: Decision, *, worded: bool = False) -> bytes:
        """Keep a fresh decision; return what is worth storing of it.

        Its trace follows from the context and the rules' version, so it is worded when somebody opens the file, unless `worded`.
        """
        packed = to_bytes(CallFile.of(context, decision, worded=worded))
        self._put(context.request.call_id, packed)
        return packed

    def keep(self, file: CallFile) -> None:
        """Keep a file made elsewhere (read from the store, or a choice of the operator's)."""
        self._put(file.context.request.call_id, file)

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
        if isinstance(entry, bytes):
            unpacked = from_bytes(entry)
            if unpacked is None:
                return None
            entry = self._entries[call_id] = self._explain(unpacked)
        return entry

    def packed(self, call_id: str) -> bytes | None:
        """Return what is worth storing of a call, with the trace only if somebody has read it; None when there is no such call."""
        entry = self._entries.get(call_id)
        return to_bytes(entry) if isinstance(entry, CallFile) else entry

    def forget(self, call_id: str) -> None:
        """Let go of a call that is over."""
        self._entries.pop(call_id, None)

    def call_ids(self) -> list[str]:
        """Return the calls of which there is a file, the oldest first."""
        return list(self._entries)

    def _put(self, call_id: str, entry: CallFile | bytes) -> None:
        self._entries[call_id] = entry
        if len(self._entries) > self._limit:
            self._entries.popitem(last=False)
