"""Callback orders <-> Asterisk's words: the Originate of one, and what the dialplan and Asterisk tell of it. Does no I/O.

The dialplan is `extensions_ctiroute_callback.conf`; its UserEvents carry the order's id and fence, which nobody outside can know.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING

from ctiroute.connectors.asterisk.translate.events import interface_of
from ctiroute.model.callback import AttemptOutcome, CallbackHeard, CallbackPlacing, CallbackStage, FirstRung

if TYPE_CHECKING:
    from collections.abc import Mapping

CONTEXT = "ctiroute-callback"
USER_EVENT = "CtirouteCallback"
# Every event that is read, with the headers it always has (main/manager.c: fast_originate; apps/app_userevent.c).
WANTED: Mapping[str, tuple[str, ...]] = MappingProxyType({"OriginateResponse": ("ActionID", "Response"), "UserEvent": ("UserEvent",)})
CLASSES = "call,user"

_VALUE = re.compile(r"[A-Za-z0-9_.:@/+&-]{0,128}", re.ASCII)  # what the dialplan's FILTER() lets through
_MARK = re.compile(r"-cb([a-z0-9]{1,64})x([0-9]{1,9})", re.ASCII)
_ORDER = re.compile(r"[a-z0-9]{1,64}", re.ASCII)
_SPARE_MS = 5_000  # Originate's own patience ends after the phones', so that the dialplan can say how it went
_OUTCOMES = {
    "BUSY": AttemptOutcome.BUSY,
    "NOANSWER": AttemptOutcome.NO_ANSWER,
    "CANCEL": AttemptOutcome.NO_ANSWER,
    "CONGESTION": AttemptOutcome.UNREACHABLE,
    "CHANUNAVAIL": AttemptOutcome.UNREACHABLE,
}


def originate(placing: CallbackPlacing) -> tuple[dict[str, str], str]:
    """Return the headers of the Originate, and the mark by which its end is known.

    Raises ValueError for a value the dialplan could not use: a comma in one would set a variable of its own.
    """
    second = FirstRung.CUSTOMER if placing.first is FirstRung.OPERATOR else FirstRung.OPERATOR
    variables = {
        "CTI_CB_ORDER": placing.callback_id,
        "CTI_CB_FENCE": str(placing.fence),
        "CTI_CB_PHONE": placing.phone,
        "CTI_CB_QUEUE": placing.queue,
        "CTI_CB_OPERATOR": placing.operator_interface,
        "CTI_CB_OPERATOR_S": str(placing.operator_s),
        "CTI_CB_CUSTOMER": placing.customer_channel,
        "CTI_CB_CUSTOMER_S": str(placing.customer_s),
    }
    for name, value in variables.items():
        if not _VALUE.fullmatch(value):
            raise ValueError(f"{name} holds what a dialplan cannot use")
    # Our side may ring twice: who promised it, then the queue.
    first_s = placing.customer_s if placing.first is FirstRung.CUSTOMER else placing.operator_s * 2
    headers = {
        "Channel": f"Local/{placing.first.value}@{CONTEXT}/n",
        "Context": CONTEXT,
        "Exten": second.value,
        "Priority": "1",
        "Timeout": str(first_s * 1000 + _SPARE_MS),
        "CallerID": f"<{placing.phone}>",
        "Async": "true",
        "ChannelId": placing.channel_id,
        "OtherChannelId": f"{placing.channel_id}b",
        "Variable": ",".join(f"{name}={value}" for name, value in variables.items()),
    }
    return headers, placing.channel_id


def heard(name: str, headers: Mapping[str, str]) -> CallbackHeard | None:
    """Return what an event tells of an order, or None when it tells nothing."""
    if name == "OriginateResponse":
        found = _MARK.search(headers["ActionID"])
        if found is None or found.end() != len(headers["ActionID"]) or headers["Response"] == "Success":
            return None
        return CallbackHeard(found[1], int(found[2]), CallbackStage.NOT_PLACED)
    if name != "UserEvent" or headers["UserEvent"] != USER_EVENT:
        return None
    order, fence, side = headers.get("Order", ""), headers.get("Fence", ""), headers.get("Side", "")
    try:
        stage = CallbackStage(headers.get("Stage", ""))
        sides = FirstRung(side) if side else None
    except ValueError:
        return None
    if not (_ORDER.fullmatch(order) and fence.isascii() and fence.isdigit() and len(fence) < 10):  # noqa: PLR2004 - as in _MARK
        return None
    outcome = None
    if stage is CallbackStage.FAILED:
        outcome = AttemptOutcome.NO_OPERATOR if sides is FirstRung.OPERATOR else _OUTCOMES.get(headers.get("Status", ""))
        outcome = outcome or AttemptOutcome.UNREACHABLE
    return CallbackHeard(order, int(fence), stage, sides, outcome, interface_of(headers.get("Channel", "")))
