"""A call that was promised: the company rings the customer, at a time, about a matter. What may happen to it is in `callback_life`."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from ctiroute.model.identity import Identifier, Medium
from ctiroute.model.value import Value


class CallbackState(StrEnum):
    """Where an order stands."""

    ORDERED = "ordered"  # waits for its time; also between two attempts
    CLAIMED = "claimed"  # a node is about to place it; nothing was sent to a switch yet
    RINGING = "ringing"  # a switch was asked, or is about to be: a phone may ring
    TALKING = "talking"  # customer and operator are together
    DONE = "done"  # they talked
    GIVEN_UP = "given_up"  # the last attempt failed, or the window is over
    CANCELLED = "cancelled"

    @property
    def is_live(self) -> bool:
        """Say whether a node has it in hand just now."""
        return self in {CallbackState.CLAIMED, CallbackState.RINGING, CallbackState.TALKING}

    @property
    def is_over(self) -> bool:
        """Say whether nothing will come of it any more."""
        return self in {CallbackState.DONE, CallbackState.GIVEN_UP, CallbackState.CANCELLED}


class AttemptOutcome(StrEnum):
    """How one attempt ended."""

    TALKED = "talked"
    NO_OPERATOR = "no_operator"  # nobody of ours answered; the customer's phone never rang, or nobody was there when he answered
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    UNREACHABLE = "unreachable"  # the network could not reach the number: wrong, switched off, congested
    REFUSED = "refused"  # the switch did not take the order, or is away; no phone rang
    UNCERTAIN = "uncertain"  # we lost sight of it (a crash, a lost link): a phone may have rung


class FirstRung(StrEnum):
    """Whose phone rings first."""

    OPERATOR = "operator"  # the customer is rung once an operator is there: he never waits
    CUSTOMER = "customer"  # the operator's time is not spent on customers who do not answer


class CallbackAttempt(Value, frozen=True):
    """One try to bring the two together."""

    call_id: str  # of the call it makes, known before it is placed
    node: str  # which node placed it
    started_at: datetime  # aware, UTC
    outcome: AttemptOutcome | None = None  # None: not over
    ended_at: datetime | None = None  # aware, UTC
    operator_id: str | None = None  # who answered on our side; None: nobody, or not known


class CallbackOrder(Value, frozen=True):
    """A promise to ring a customer."""

    callback_id: str  # unique; letters and digits, it is a part of call ids
    phone: str  # E.164
    due_at: datetime  # aware, UTC: not before; moved out of quiet hours, and on after a failed attempt
    until: datetime  # aware, UTC: not after, then it is given up
    ordered_at: datetime  # aware, UTC
    asked_at: datetime  # aware, UTC: the time that was promised first, before anything moved it
    source: str = ""  # who ordered: name of an API key or connector, "operator", "queue", "cli"
    external_id: str = ""  # the source's own key: ordered again, it is the same order; "": none
    ordered_by: str = ""  # for people: who promised it; "": the source says it
    matter: str = ""  # a phone has one open order for a matter: "interaction:i-7", a topic, a queue
    customer_id: str | None = None
    identifier: Identifier | None = None  # by which he asked, where it was another than the phone
    medium: Medium = Medium.VOICE  # in which he asked
    queue: str | None = None  # whose operators ring
    owner: str | None = None  # operator_id of who rings before the queue does; without a queue, nobody else
    first: FirstRung = FirstRung.OPERATOR
    note: str = ""  # for the operator, at most 4,000 characters
    touch_id: str | None = None  # what it is about
    interaction_id: str | None = None
    call_id: str | None = None  # of the call in which it was promised
    state: CallbackState = CallbackState.ORDERED
    most_attempts: int = 3
    attempts: tuple[CallbackAttempt, ...] = ()  # oldest first
    node: str = ""  # that has it in hand
    lease_until: datetime | None = None  # aware, UTC: then the node is taken for dead, and another may take the order over
    fence: int = 0  # grows with every claim: a node that was taken for dead knows that the order is no longer its own
    revision: int = 1  # grows with every change: of two who change it at once, one is told that it came too late
    closed_at: datetime | None = None  # aware, UTC

    @property
    def place(self) -> str:
        """Who is to ring, as a key by which orders are held back while nobody is free: "queue:promo", "operator:olena"."""
        return f"queue:{self.queue}" if self.queue else f"operator:{self.owner or ''}"

    @property
    def ripe_at(self) -> datetime | None:
        """When a node has to look at it: its time, or the end of the lease; None: never."""
        return self.due_at if self.state is CallbackState.ORDERED else self.lease_until


class CallbackAsked(Value, frozen=True):
    """What somebody wants: the one way in for all media."""

    source: str  # name of an API key or connector, "operator", "queue", "cli"
    phone: str = ""  # as people write it; "": that of the customer whom `identifier` names
    identifier: Identifier | None = None
    customer_id: str | None = None  # None: whoever has the phone, if that is one
    due_at: datetime | None = None  # None: as soon as may be
    until: datetime | None = None  # None: as the settings say
    queue: str | None = None
    owner: str | None = None
    first: FirstRung | None = None
    matter: str = ""  # "": made of what it is about
    note: str = ""
    touch_id: str | None = None
    interaction_id: str | None = None
    call_id: str | None = None
    external_id: str = ""
    ordered_by: str = ""
    medium: Medium = Medium.VOICE
    attempts: int | None = None


class CallbackClaim(Value, frozen=True):
    """What a node asks the store for: the next order that is due, or one whose node died."""

    node: str
    now: datetime  # aware, UTC
    lease_until: datetime  # aware, UTC
    at_once: int  # orders in hand over all nodes; with so many no other that is due is given out
    not_at: frozenset[str] = frozenset()  # places (see `CallbackOrder.place`) where nobody is free


class CallbackFilter(Value, frozen=True):
    """Which orders are wanted, and how many."""

    phone: str | None = None
    customer_id: str | None = None
    is_open: bool | None = None  # None: open and closed ones
    before: str | None = None  # callback_id of the last one of the page before; None: the first page
    limit: int = 50


class CallbackPromise(Value, frozen=True):
    """What an operator reads of the order that made a call ring."""

    callback_id: str
    promised_at: datetime  # aware, UTC: the time that was promised
    ordered_by: str  # who promised it, or where it was ordered
    note: str
    attempt: int  # 1: the first
    most_attempts: int
    customer_waits: bool  # his phone was rung first: he is there already

    @classmethod
    def of(cls, order: CallbackOrder) -> CallbackPromise:
        """Return what is to be read of an order."""
        waits = order.first is FirstRung.CUSTOMER
        by = order.ordered_by or order.source
        return cls(order.callback_id, order.asked_at, by, order.note, max(1, len(order.attempts)), order.most_attempts, waits)


class CallbackStage(StrEnum):
    """What a switch tells of a call that it was asked to place."""

    NOT_PLACED = "not_placed"  # the first phone was never answered, or the switch could not even ring it
    ANSWERED = "answered"  # one side picked up
    FAILED = "failed"  # one side did not
    OVER = "over"  # a half of the call hung up, for whatever reason


class CallbackHeard(Value, frozen=True):
    """Something happened to a call that was placed for an order."""

    callback_id: str
    fence: int  # of the claim it was placed under
    stage: CallbackStage
    side: FirstRung | None = None  # whose phone: ours or the customer's; None: the call as a whole
    outcome: AttemptOutcome | None = None  # of a side that failed
    interface: str = ""  # of the phone that was picked up


class CallbackPlacing(Value, frozen=True):
    """An order in the form in which a switch is asked to place it."""

    callback_id: str
    fence: int
    phone: str  # E.164: what our side's phone shows
    first: FirstRung
    customer_channel: str  # what is dialled for the customer: "Local/+380671234567@outgoing/n"
    operator_interface: str = ""  # rung before the queue; "": the queue alone
    queue: str = ""
    operator_s: int = 30  # how long our side's phones ring
    customer_s: int = 45

    @property
    def channel_id(self) -> str:
        """The id of the call's first channel, which makes the call's own. A switch takes no second channel of the same id."""
        return f"cb{self.callback_id}x{self.fence}"


class CallbackPlaced(StrEnum):
    """What became of the question to a switch."""

    TAKEN = "taken"
    REFUSED = "refused"  # surely nothing rings
    UNCERTAIN = "uncertain"  # asked, and no answer: a phone may ring
