"""AGI environment -> RouteRequest, Decision -> channel variables. No I/O: what the dialplan and ctiroute say to each other.

The variables are a contract with dialplans in the field (docs/reference/dialplan.md): `CTI_STATUS` is always there and always last,
because a dialplan takes any value in it as "the answer is complete".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, assert_never

from ctiroute.errors import AgiError
from ctiroute.model import (
    Caller,
    Decision,
    Medium,
    RouteRequest,
    Status,
    ToDefault,
    ToExtension,
    ToMenu,
    ToOperator,
    ToQueue,
)
from ctiroute.model.phone import MAX_RAW, clean, is_withheld, parse_phone
from ctiroute.protocol.agi_command import NAME, VALUE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from ctiroute.protocol.agi_environment import AgiEnvironment

ATTEST: Final = "attest="  # argument of AGI() that passes on what the dialplan knows of the number, by STIR_SHAKEN() or its trunk
ATTESTATIONS: Final = frozenset("ABC")  # full, partial, gateway (RFC 8588)
NOBODY: Final = "unknown"  # what Asterisk writes in place of a value it does not have

# AST_PRES_RESTRICTION of include/asterisk/callerid.h: 0x20 the caller forbade it, 0x40 the network has no number.
_PRESENTATION: Final = 0x60


def to_route_request(env: AgiEnvironment, pbx: str, region: str, now: datetime) -> RouteRequest:
    """Return the question in this environment.

    `pbx` is the name of the Asterisk that asks, `region` the ISO 3166-1 alpha-2 country in which numbers without a code are
    read, `now` aware UTC. The first argument of AGI() is the Linkedid; without one the caller's own channel stands for the call.
    Raises a hostile `AgiError` when not even that is an id.
    """
    values = env.values
    leg_id = values["agi_uniqueid"]
    call_id = f"{pbx}:{env.args[0]}" if env.args and env.args[0] else ""
    if VALUE.fullmatch(call_id) is None or not call_id:
        call_id = f"{pbx}:{leg_id}"
        if VALUE.fullmatch(call_id) is None:
            raise AgiError("the id of the channel is not one that Asterisk makes", hostile=True)
    dialed = values["agi_dnid"]
    if dialed in {NOBODY, ""}:
        dialed = values["agi_extension"]
    language = values["agi_language"]
    args = tuple(map(_clean, env.args[1:]))
    return RouteRequest(
        call_id=call_id,
        medium=Medium.VOICE,
        caller=_caller(values, region),
        dialed=parse_phone(dialed, region) or _clean(dialed),
        received_at=now,
        pbx=pbx,
        language=_clean(language) or None,
        leg_id=_clean(leg_id),
        args=args,
        attestation=_attestation(args) if args else None,
    )


def to_variables(decision: Decision, call_id: str, dropped: Callable[[str], None] = lambda _: None) -> dict[str, str]:
    """Return the channel variables that carry this decision, in the order in which they must be set (`CTI_STATUS` last).

    Values that do not fit the contract's alphabet are left out and their names given to `dropped`; when the destination itself is
    among them, the answer is the default way with status `error`, for half a destination is none.
    """
    try:
        values = _destination(decision)
    except AgiError:
        dropped("CTI_ACTION")
        return failed(call_id)
    for name, value in (("CTI_LANGUAGE", decision.language), ("CTI_ANNOUNCE", decision.announce), ("CTI_RULE", decision.rule)):
        if value is None:
            continue
        if VALUE.fullmatch(value):
            values[name] = value
        else:
            dropped(name)
    for own, value in decision.variables.items():
        name = f"CTI_X_{own}"
        if VALUE.fullmatch(value) and NAME.fullmatch(name):
            values[name] = value
        else:
            dropped(name)
    values["CTI_CALL_ID"] = call_id
    values["CTI_STATUS"] = decision.status.value
    return values


def failed(call_id: str, status: Status = Status.ERROR) -> dict[str, str]:
    """Return the variables that send a call the default way because there is no decision."""
    return {"CTI_ACTION": "default", "CTI_CALL_ID": call_id, "CTI_STATUS": status.value}


def _destination(decision: Decision) -> dict[str, str]:
    values: dict[str, str]
    match decision.destination:
        case ToQueue(queue, priority):
            values = {"CTI_ACTION": "queue", "CTI_QUEUE": _needed(queue), "CTI_PRIORITY": _needed(str(priority))}
        case ToOperator() as to:
            values = {"CTI_ACTION": "operator", "CTI_OPERATOR": _needed(to.interface), "CTI_OPERATOR_TIMEOUT": _needed(str(to.timeout_s))}
            if to.queue is not None:
                values |= {"CTI_QUEUE": _needed(to.queue), "CTI_PRIORITY": _needed(str(to.priority))}
        case ToMenu(menu, order):
            values = {"CTI_ACTION": "menu", "CTI_MENU": _needed(menu)}
            if order:
                values["CTI_MENU_ORDER"] = _needed("&".join(order))
        case ToExtension(extension):
            values = {"CTI_ACTION": "extension", "CTI_EXTENSION": _needed(extension)}
        case ToDefault():
            values = {"CTI_ACTION": "default"}
        case _ as never:
            assert_never(never)
    return values


def _needed(value: str) -> str:
    """Return a value without which the destination is none."""
    if not value or VALUE.fullmatch(value) is None:
        raise AgiError("the destination cannot be said in the contract's alphabet")
    return value


def _caller(values: Mapping[str, str], region: str) -> Caller:
    number, name, presentation = values["agi_callerid"], values["agi_calleridname"], values["agi_callingpres"]
    raw = _clean(number)
    withheld = is_withheld(raw) or (presentation.isdecimal() and presentation.isascii() and bool(int(presentation) & _PRESENTATION))
    return Caller(
        raw="" if raw == NOBODY else raw,
        phone=None if withheld else parse_phone(raw, region),
        name="" if name == NOBODY else _clean(name),
        withheld=withheld,
    )


def _attestation(args: tuple[str, ...]) -> str | None:
    """Return the level of an argument attest=A. Any other value vouches for nothing, and neither do two that differ."""
    found = {arg.removeprefix(ATTEST) for arg in args if arg.startswith(ATTEST)}
    return found.pop() if len(found) == 1 and found <= ATTESTATIONS else None


def _clean(text: str) -> str:
    """Do as `model.phone.clean`, without its cost for the text that nearly every call has."""
    return text.strip()[:MAX_RAW] if text.isascii() and text.isprintable() else clean(text)
