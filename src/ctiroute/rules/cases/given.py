"""What a case takes for granted: who calls, what is known of him, what the queues look like, and what the clock says.

Times are written as people say them: `sent: 12m ago`, counted from the case's own `now`. Knows nothing of rules but their timezone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping as Map
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

from ctiroute.documents import Mapping, Node, Scalar, Sequence, boolean, choice, duration, fault, fields, integer, mapping_of, refuse, text
from ctiroute.documents.parsers import language, one_or_list
from ctiroute.errors import ConfigurationError, Fault
from ctiroute.model import (
    UNKNOWN,
    WITHHELD,
    Caller,
    CallerContext,
    Customer,
    Identifier,
    IdentifierKind,
    Identity,
    Interaction,
    InteractionEvent,
    InteractionStatus,
    Medium,
    OfferTerms,
    Operator,
    Outcome,
    PastCall,
    QueueState,
    RouteRequest,
    Touch,
    TouchStatus,
)
from ctiroute.rules.cases.reasons import reason, reasons_of
from ctiroute.rules.facts import Facts
from ctiroute.rules.hours import read_zone
from ctiroute.rules.numbers import number

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import tzinfo

    from ctiroute.documents import Fields, Parser

T = TypeVar("T")

PHONE = "+380671234567"  # who calls where a case does not say
DIALED = "+380441234567"
PBX = "case"
WITHHELD_WORD = "withheld"
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d(?::\d\d)?) ?(Z|[+-]\d\d:\d\d|[A-Za-z]+(?:[/_+-][A-Za-z0-9_+-]+)*)?", re.ASCII)
_AGO = re.compile(r"(.+?) +ago|in +(.+)")
_NOT_FIELDS = frozenset({"title", "text", "terms"})  # of an offer; anything else is one of its fields
MAX_MEMBERS = 10_000


@dataclass(frozen=True, slots=True)
class Given:
    """The facts of one case."""

    now: datetime  # aware, UTC
    context: CallerContext
    operators: Map[str, Operator] = field(default_factory=dict)
    queues: Map[str, QueueState] = field(default_factory=dict)
    available: frozenset[str] | None = None  # operator_ids; None: not known

    @property
    def request(self) -> RouteRequest:
        """The question."""
        return self.context.request

    @property
    def facts(self) -> Facts:
        """The same, as conditions see it."""
        return Facts(self.request, self.context, self.now, self.operators, queues=self.queues, available=self.available)


def merge(base: Node | None, over: Node) -> Node:
    """Return `over` laid over `base`: mappings key by key, everything else whole. What is null in `over` takes away."""
    if not isinstance(over, Mapping) or not isinstance(base, Mapping):
        return over
    entries = dict(base.entries)
    for key, value in over:
        if isinstance(value, Scalar) and value.value is None:
            entries.pop(key.text, None)
        else:
            entries[key.text] = (key, merge(base.get(key.text), value))
    return Mapping(entries, over.file, over.line, over.column)


def read_given(node: Node, zone: tzinfo | None) -> Given:
    """Parse the facts of a case, all layers merged. `zone` is that of the rules; None: they have none. Raises `ConfigurationError`."""
    with fields(node, "given") as f:
        if "now" not in f:
            f.wrong(node, "now is missing", 'a case has a clock that stands still: write now: "2026-11-20 12:00"')
        now = f.get("now", moment(zone), datetime.min.replace(tzinfo=UTC))
        at = _when(now, zone)
        medium = f.get("medium", choice(*Medium), Medium.VOICE)
        caller, attestation = f.get("caller", _caller, (Caller(PHONE, PHONE), None))
        dialed = f.get("dialed", number, DIALED)
        customers = _several(f, "customer", "customers", _customer)
        touches = _several(f, "touch", "touches", _touch(at))
        interactions = _several(f, "interaction", "interactions", _interaction(at))
        calls = _several(f, "call", "calls", _call(at))
        reasons = _several(f, "reason", "reasons", reason)
        operators = f.get("operators", mapping_of(_operator), {})
        queues = f.get("queues", mapping_of(_queue(now)), {})
        available = f.get("available", _names, None)
    people = tuple(customer(place + 1) for place, customer in enumerate(customers))
    identity = Identity.of(people) if people or not caller.withheld else WITHHELD
    mark = Identifier(IdentifierKind.PHONE, caller.phone or PHONE)
    context = CallerContext(
        request=RouteRequest(f"{PBX}:1", Medium(medium), caller, dialed, now, pbx=PBX, attestation=attestation),
        identity=identity if people or caller.withheld else UNKNOWN,
        touches=tuple(sorted((one(place + 1, mark) for place, one in enumerate(touches)), key=lambda it: it.sent_at, reverse=True)),
        interactions=tuple(
            sorted((one(place + 1, people) for place, one in enumerate(interactions)), key=lambda it: it.updated_at, reverse=True)
        ),
        calls=tuple(sorted((one(place + 1) for place, one in enumerate(calls)), key=lambda it: it.received_at, reverse=True)),
        gathered_at=now,
    )
    context = replace(context, reasons=reasons_of(context, reasons))
    named = {name: one(name) for name, one in operators.items()}
    return Given(
        now, context, named, {name: one(name) for name, one in queues.items()}, None if available is None else frozenset(available)
    )


KEYS = (
    "now", "medium", "caller", "dialed", "customer", "customers", "touch", "touches", "interaction", "interactions", "call", "calls",
    "reason", "reasons",    "operators", "queues", "available",
)  # fmt: skip


def moment(zone: tzinfo | None) -> Parser[datetime]:
    """Return a parser of a point in time: 2026-11-20 12:00, with a timezone or an offset behind it, or in `zone`."""

    def parse(node: Node) -> datetime:
        match = _MOMENT.fullmatch(text(node).strip())
        if match is None:
            refuse(node, "expected a point in time", 'write it as "2026-11-20 12:00", or "2026-11-20 12:00 Europe/Kyiv"')
        day, clock, place = match.groups()
        offset = place is not None and (place == "Z" or place[0] in "+-")
        try:
            at = datetime.fromisoformat(f"{day}T{clock}{place if offset else ''}")
        except ValueError:
            refuse(node, "there is no such date or time")
        if at.tzinfo is None:
            at = at.replace(tzinfo=_zone(node, place, zone))
        try:
            return at.astimezone(UTC)
        except OverflowError:
            refuse(node, "there is no such date or time")

    return parse


def _zone(node: Node, name: str | None, zone: tzinfo | None) -> tzinfo:
    if name is not None:
        return read_zone(Scalar(name, name, node.file, node.line, node.column))
    if zone is None:
        refuse(node, "in which timezone?", 'the rules have none: write now: "2026-11-20 12:00 Europe/Kyiv"')
    return zone


def _when(now: datetime, zone: tzinfo | None) -> Parser[datetime]:
    """Return a parser of `12m ago`, `in 5m`, `now`, or a point in time."""

    def parse(node: Node) -> datetime:
        written = text(node).strip()
        if written == "now":
            return now
        match = _AGO.fullmatch(written)
        if match is None and _MOMENT.fullmatch(written) is None:
            refuse(node, "expected a time", "write 12m ago, 3d ago, now, in 5m, or 2026-11-20 12:00")
        if match is None:
            return moment(zone)(node)
        span = duration(Scalar(written, match[1] or match[2], node.file, node.line, node.column))
        try:
            return now - span if match[1] else now + span
        except OverflowError:
            refuse(node, "there is no such date or time")

    return parse


def _several(f: Fields, one: str, many: str, parser: Parser[T]) -> tuple[T, ...]:
    """Read what may stand once under its name, or as a list under the plural."""

    def listed(node: Node) -> tuple[T, ...]:
        if not isinstance(node, Sequence):
            refuse(node, "expected a list", f"one alone stands under {one}:")
        faults: list[Fault] = []
        values: list[T] = []
        for item in node.items:
            try:
                values.append(parser(item))
            except ConfigurationError as error:
                faults.extend(error.faults)
        if faults:
            raise ConfigurationError(faults)
        return tuple(values)

    single = f.get(one, parser, None)
    return (*(() if single is None else (single,)), *f.get(many, listed, ()))


def _names(node: Node) -> tuple[str, ...]:
    return () if isinstance(node, Sequence) and not node.items else one_or_list(text)(node)


def _value(node: Node) -> str:
    """Parse any scalar as the text that it is: fields of a form may be empty, attributes may read `true`."""
    if not isinstance(node, Scalar):
        refuse(node, "expected text", "put it in quotes")
    return node.text


_values = mapping_of(_value, empty=True)


def _caller(node: Node) -> tuple[Caller, str | None]:
    """Return the caller, and how far the network vouches for the number."""
    if isinstance(node, Scalar) and node.text == WITHHELD_WORD:
        return Caller("", None, withheld=True), None
    if not isinstance(node, Mapping):
        return _numbered(number(node), "", withheld=False), None
    with fields(node, "caller") as f:
        withheld = f.get("withheld", boolean, default=False)
        value = f.get("number", number, "" if withheld else PHONE)
        name = f.get("name", text, "")
        attestation = f.get("attestation", choice(*"ABC"), None)
    return _numbered(value, name, withheld=withheld), attestation


def _numbered(value: str, name: str, *, withheld: bool) -> Caller:
    return Caller(value, value if value.startswith("+") and not withheld else None, name, withheld)


def _customer(node: Node) -> Callable[[int], Customer]:
    with fields(node, "a customer") as f:
        customer_id = f.get("id", text, "")
        name = f.get("name", text, "")
        spoken = f.get("language", language, None)
        attributes = f.get("attributes", _values, {})
    return lambda place: Customer(customer_id or f"customer-{place}", name, spoken, attributes)


def _touch(at: Parser[datetime]) -> Parser[Callable[[int, Identifier], Touch]]:
    def parse(node: Node) -> Callable[[int, Identifier], Touch]:
        with fields(node, "a touch") as f:
            campaign = f.require("campaign", text)
            title = f.get("title", text, "")
            medium = f.get("medium", choice(*Medium), Medium.SMS)
            sent_at = f.require("sent", at)
            delivered_at = f.get("delivered", at, None)
            read_at = f.get("read", at, None)
            clicked_at = f.get("clicked", at, None)
            reached = TouchStatus.CLICKED if clicked_at else TouchStatus.READ if read_at else TouchStatus.DELIVERED
            status = f.get("status", choice(*TouchStatus), reached)
            offer = f.get("offer", _offer, OfferTerms())
        return lambda place, mark: Touch(
            touch_id=f"touch-{place}",
            campaign=campaign,
            campaign_title=title,
            medium=Medium(medium),
            identifier=mark,
            sent_at=sent_at,
            status=TouchStatus(status),
            offer=offer,
            delivered_at=delivered_at,
            read_at=read_at,
            clicked_at=clicked_at,
        )

    return parse


def _offer(node: Node) -> OfferTerms:
    values = _values(node)
    own = {name: value for name, value in values.items() if name not in _NOT_FIELDS}
    return OfferTerms(values.get("title", ""), values.get("text", ""), values.get("terms", ""), own)


def _interaction(at: Parser[datetime]) -> Parser[Callable[[int, tuple[Customer, ...]], Interaction]]:
    def parse(node: Node) -> Callable[[int, tuple[Customer, ...]], Interaction]:
        with fields(node, "an interaction") as f:
            topic = f.require("topic", text)
            title = f.get("title", text, "")
            medium = f.get("medium", choice(*Medium), Medium.WEB)
            status = f.get("status", choice(*InteractionStatus), InteractionStatus.OPEN)
            updated_at = f.require("updated", at)
            opened_at = f.get("opened", at, updated_at)
            owner = f.get("owner", text, None)
            outcome = f.get("outcome", text, "")
            form = f.get("form", _values, {})
            messages = f.get("messages", one_or_list(text), ())
            flags = f.get("flags", one_or_list(text), ())
        return lambda place, people: Interaction(
            interaction_id=f"interaction-{place}",
            customer_id=people[0].customer_id if len(people) == 1 else None,
            medium=Medium(medium),
            topic=topic,
            title=title,
            status=InteractionStatus(status),
            opened_at=opened_at,
            updated_at=updated_at,
            owner=owner,
            outcome=outcome,
            form=form,
            events=tuple(InteractionEvent(updated_at, "message", message) for message in messages),
            flags=flags,
        )

    return parse


def _call(at: Parser[datetime]) -> Parser[Callable[[int], PastCall]]:
    def parse(node: Node) -> Callable[[int], PastCall]:
        with fields(node, "an earlier call") as f:
            received_at = f.require("received", at)
            outcome = f.get("outcome", choice(*Outcome), Outcome.ANSWERED)
            rule = f.get("rule", text, None)
            queue = f.get("queue", text, None)
            operator = f.get("operator", text, None)
            customer = f.get("customer", text, None)
        return lambda place: PastCall(f"{PBX}:before-{place}", received_at, Outcome(outcome), rule, queue, operator, customer)

    return parse


def _operator(node: Node) -> Callable[[str], Operator]:
    if isinstance(node, Scalar):
        phone = text(node)
        return lambda name: Operator(name, name, (phone,))
    with fields(node, "an operator") as f:
        phones = f.get("phone", one_or_list(text), ())
        full = f.get("name", text, "")
        spoken = f.get("language", language, "en")
        team = f.get("team", text, "")
    return lambda name: Operator(name, full or name, phones, language=spoken, team=team)


def _queue(now: datetime) -> Parser[Callable[[str], QueueState]]:
    def parse(node: Node) -> Callable[[str], QueueState]:
        with fields(node, "a queue") as f:
            free = f.get("free", integer(0, MAX_MEMBERS), None)
            members = f.get("members", integer(0, MAX_MEMBERS), None)
            waiting = f.get("waiting", integer(0, MAX_MEMBERS), 0)
            longest = f.get("longest_wait", duration, timedelta())
            if free is not None and members is not None and free > members:
                f.wrong(f.node.entries["free"][0], "more are free than there are members")
            if longest and not waiting:
                f.faults.append(fault(f.node.entries["longest_wait"][0], "nobody waits", "write waiting: 1 beside it"))
        there = members if members is not None else (free if free is not None else 1)
        return lambda name: QueueState(
            queue=name,
            members=there,
            free=free if free is not None else there,
            waiting=waiting,
            longest_wait_s=longest.total_seconds(),
            at=now,
        )

    return parse
