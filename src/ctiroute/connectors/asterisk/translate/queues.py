"""Asterisk's events about queues -> QueueEvents. Does no I/O and keeps nothing.

Facts are of Asterisk 13 to 22, apps/app_queue.c: queue_member_blob_create, queue_publish_multi_channel_blob, manager_queues_status.
"""

from __future__ import annotations

from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING

from ctiroute.connectors.asterisk.translate.words import count, seconds, text
from ctiroute.model import Member
from ctiroute.model.queue import MemberGone, MemberTold, QueuesTold, WaitBegan, WaitEnded

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from ctiroute.model.queue import QueueEvent

    Headers = Mapping[str, str]

_MEMBER, _CALLER = ("Queue", "Interface"), ("Queue", "Uniqueid", "Linkedid")

# Every event that is used, with the headers it always has.
WANTED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "QueueMemberAdded": _MEMBER,
        "QueueMemberStatus": _MEMBER,
        "QueueMemberPause": _MEMBER,
        "QueueMemberRemoved": _MEMBER,
        "QueueCallerJoin": _CALLER,
        "QueueCallerAbandon": _CALLER,
        "QueueCallerLeave": _CALLER,
    }
)

# include/asterisk/devicestate.h: what app_queue.c (is_member_available) rings even where `ringinuse` is off.
_RINGABLE = frozenset({"0", "1"})  # AST_DEVICE_UNKNOWN: nobody watches it; AST_DEVICE_NOT_INUSE


def queue_event(pbx: str, name: str, headers: Headers, now: datetime) -> QueueEvent | None:
    """Return what an event of the Asterisk named `pbx` means for a queue, or None when it means nothing to us. `now`: aware, UTC."""
    match name:
        case "QueueMemberAdded" | "QueueMemberStatus" | "QueueMemberPause":
            return _member(pbx, headers, "Interface", "MemberName", now)
        case "QueueMemberRemoved":
            return MemberGone(pbx, text(headers["Queue"]), text(headers["Interface"]), now)
        case "QueueCallerJoin":
            return WaitBegan(pbx, text(headers["Queue"]), text(headers["Uniqueid"]), now)
        case "QueueCallerLeave" | "QueueCallerAbandon":
            return WaitEnded(pbx, text(headers["Queue"]), text(headers["Uniqueid"]), now)
        case _:
            return None


def queues_told(pbx: str, params: Iterable[Headers], members: Iterable[Headers], entries: Iterable[Headers], now: datetime) -> QueuesTold:
    """Return how all queues stand, from the QueueParams, QueueMember and QueueEntry events of QueueStatus."""
    return QueuesTold(
        pbx,
        tuple(text(headers["Queue"]) for headers in params if headers.get("Queue")),
        # QueueMember calls the interface Location and the member Name, unlike all other events.
        tuple(_member(pbx, headers, "Location", "Name", now) for headers in members if headers.get("Queue") and headers.get("Location")),
        tuple(
            WaitBegan(pbx, text(headers["Queue"]), text(headers["Uniqueid"]), now - timedelta(seconds=seconds(headers, "Wait") or 0.0))
            for headers in entries
            if headers.get("Queue") and headers.get("Uniqueid")
        ),
        now,
    )


def _member(pbx: str, headers: Headers, interface: str, name: str, now: datetime) -> MemberTold:
    free = headers.get("Status", "0") in _RINGABLE and not count(headers, "Paused") and not count(headers, "InCall")
    member = Member(text(headers[interface]), text(headers.get(name, "")), text(headers.get("StateInterface", "")))
    return MemberTold(pbx, text(headers["Queue"]), member, free, now)
