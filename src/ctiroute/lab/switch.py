"""The inside of the lab's Asterisk: channels come, ring, meet and go, and each step is told on the manager interface.

Knows single steps. What makes a call of them is the dialplan.
"""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ctiroute.lab.channels import Bridge, Channel, ChannelState, Event, Headers
from ctiroute.lab.plan import LabPhone

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ctiroute.lab.plan import LabQueue

# Device states as QueueMemberStatus counts them (include/asterisk/devicestate.h).
NOT_IN_USE, IN_USE, RINGING = "1", "2", "6"


@dataclass(slots=True, eq=False)
class Waiting:
    """A caller in a queue."""

    queue: str
    channel: Channel
    joined_at: float  # time.monotonic()
    priority: int = 0


@dataclass(slots=True, eq=False)
class Phone:
    """A phone's state over all calls."""

    plan: LabPhone
    status: str = NOT_IN_USE
    calls_taken: int = 0


@dataclass(slots=True, eq=False)
class Dialled:
    """One phone that was rung: its legs, the outermost first (Local;1, Local;2, device; or the device alone)."""

    phone: Phone
    legs: list[Channel] = field(default_factory=list)
    asked: bool = False  # by Asterisk's own attended transfer: the outer leg is called without a Dial()

    @property
    def leg(self) -> Channel:
        """The leg the caller is connected with."""
        return self.legs[0]

    @property
    def device(self) -> Channel:
        """The leg that is the phone itself."""
        return self.legs[-1]


class Switch:
    """Channels, bridges, phones and queues. `publish` takes each event."""

    def __init__(self, phones: Iterable[LabPhone], queues: Iterable[LabQueue], publish: Callable[[Event], None]) -> None:
        self.phones = {phone.extension: Phone(phone) for phone in phones}
        self.queues = {queue.name: queue for queue in queues}
        self.channels: dict[str, Channel] = {}
        self.waiting: list[Waiting] = []
        self._publish = publish
        self._epoch = int(time.time())
        self._serials = itertools.count(1)
        self._locals = itertools.count(1)
        self._last_rung: dict[str, int] = {}

    # --- legs

    def new(
        self,
        technology: str,
        *,
        linkedid: str = "",
        name: str = "",
        number: str = "",
        caller_name: str = "",
        exten: str = "s",
        context: str = "from-internal",
    ) -> Channel:
        """Bring up a channel; without a `linkedid` it begins a call of its own."""
        serial = next(self._serials)
        uniqueid = f"{self._epoch}.{serial}"
        channel = Channel(name or f"{technology}-{serial:08x}", uniqueid, linkedid or uniqueid, number, caller_name, exten, context)
        if not linkedid:
            channel.state = ChannelState.RING
        self.channels[uniqueid] = channel
        self.tell("Newchannel", "call", channel.headers())
        return channel

    def state(self, channel: Channel, state: ChannelState) -> None:
        """Change a channel's state."""
        if channel.state is not state:
            channel.state = state
            self.tell("Newstate", "call", channel.headers())

    def hang_up(self, channel: Channel, cause: int = 16, text: str = "Normal Clearing") -> None:
        """Take a channel down. Repeating it changes nothing."""
        if self.channels.pop(channel.uniqueid, None) is not None:
            self.leave(channel)
            self.tell("Hangup", "call", (*channel.headers(), ("Cause", str(cause)), ("Cause-txt", text)))

    def hold(self, channel: Channel, *, held: bool) -> None:
        """Put the other side on hold from this channel, or take it back."""
        self.tell("Hold" if held else "Unhold", "call", channel.headers())

    # --- dialling

    def dial(self, caller: Channel, phone: Phone, *, asked: bool = False) -> Dialled:
        """Make the legs to a phone; it does not ring yet. `asked`: for Asterisk's own attended transfer, always over a Local leg."""
        dialled = Dialled(phone, asked=asked)
        if phone.plan.local or asked:
            context = "from-internal" if asked else "from-queue"
            name = f"Local/{phone.plan.extension}@{context}-{next(self._locals):08x}"
            for half in (";1", ";2"):
                dialled.legs.append(self._outgoing(caller, name + half, phone.plan.extension))
            one, two = dialled.legs
            two.state = ChannelState.RING
            self.tell(
                "LocalBridge",
                "call",
                (
                    *one.headers("LocalOne"),
                    *two.headers("LocalTwo"),
                    ("Context", context),
                    ("Exten", phone.plan.extension),
                    ("LocalOptimization", "No"),
                ),
            )
        else:
            dialled.legs.append(self._outgoing(caller, "", phone.plan.extension, phone.plan.device))
        return dialled

    def ring(self, caller: Channel, dialled: Dialled) -> None:
        """Let a phone ring that was dialled."""
        phone = dialled.phone.plan
        local = len(dialled.legs) > 1
        if not dialled.asked:
            self._dial_begin(caller, dialled.leg, f"{phone.extension}@from-queue/n" if local else phone.extension)
        if local:
            dialled.legs.append(self._outgoing(caller, "", phone.extension, phone.device))
            self._dial_begin(dialled.legs[1], dialled.device, phone.extension)
        self.set_phone(dialled.phone, RINGING)
        for leg in (dialled.device, dialled.leg):
            self.state(leg, ChannelState.RINGING)

    def pick_up(self, caller: Channel, dialled: Dialled) -> None:
        """Answer a ringing phone: every leg is up, every dial is over."""
        self.set_phone(dialled.phone, IN_USE)
        self.state(dialled.device, ChannelState.UP)
        if len(dialled.legs) > 1:
            self._dial_end(dialled.legs[1], dialled.device, "ANSWER")
            self.state(dialled.legs[1], ChannelState.UP)
            self.state(dialled.leg, ChannelState.UP)
            inner = self.bridge()
            self.enter(inner, dialled.device)
            self.enter(inner, dialled.legs[1])
        if not dialled.asked:
            self._dial_end(caller, dialled.leg, "ANSWER")

    def end_dial(self, caller: Channel, dialled: Dialled, status: str) -> None:
        """Tell that a dial ended unanswered: NOANSWER, CANCEL, BUSY."""
        if len(dialled.legs) > 1:
            self._dial_end(dialled.legs[1], dialled.device, status)
        if not dialled.asked:
            self._dial_end(caller, dialled.leg, status)

    def drop(self, dialled: Dialled, cause: int = 16, text: str = "Normal Clearing") -> None:
        """Take down every leg to a phone, and the phone is free."""
        for leg in (dialled.device, *dialled.legs[:-1]):
            self.hang_up(leg, cause, text)
        self.set_phone(dialled.phone, NOT_IN_USE)

    # --- talking

    def bridge(self) -> Bridge:
        """Make a place to talk."""
        bridge = Bridge(f"{next(self._serials):08x}-1ab0-4c00-8000-0000000000b1")
        self.tell("BridgeCreate", "call", bridge.headers())
        return bridge

    def enter(self, bridge: Bridge, channel: Channel) -> None:
        """Put a channel into a bridge."""
        self.leave(channel)
        bridge.channels.append(channel)
        channel.bridge = bridge
        self.tell("BridgeEnter", "call", (*bridge.headers(), *channel.headers()))

    def leave(self, channel: Channel) -> None:
        """Take a channel out of its bridge; an empty bridge is gone."""
        bridge = channel.bridge
        if bridge is None:
            return
        bridge.channels.remove(channel)
        channel.bridge = None
        self.tell("BridgeLeave", "call", (*bridge.headers(), *channel.headers()))
        if not bridge.channels:
            self.tell("BridgeDestroy", "call", bridge.headers())

    # --- phones and queues

    def set_phone(self, phone: Phone, status: str) -> None:
        """Change a phone's state, and say so for every queue it is in."""
        phone.status = status
        for queue in self.queues.values():
            if phone.plan.extension in queue.phones:
                self.tell(
                    "QueueMemberStatus",
                    "agent",
                    (("Queue", queue.name), *_member(phone, "MemberName", "Interface"), ("Ringinuse", "0"), ("Wrapuptime", "0")),
                )

    def free(self, queue: LabQueue) -> list[Phone]:
        """Return the phones of a queue that may ring now, beginning after the last one that was rung."""
        begin = self._last_rung.get(queue.name, -1) + 1
        in_turn = [*queue.phones[begin:], *queue.phones[:begin]]
        return [self.phones[extension] for extension in in_turn if self.phones[extension].status == NOT_IN_USE]

    def rung(self, queue: LabQueue, phone: Phone) -> None:
        """Remember who was rung last."""
        self._last_rung[queue.name] = queue.phones.index(phone.plan.extension)

    def tell(self, name: str, privilege: str, headers: Headers) -> None:
        """Publish an event."""
        self._publish(Event(name, privilege, headers))

    # --- lists, for those who just connected

    def channel_list(self) -> Iterator[Headers]:
        """Yield the headers of each CoreShowChannel."""
        for channel in tuple(self.channels.values()):
            bridge = channel.bridge.bridge_id if channel.bridge else ""
            yield (
                *channel.headers(),
                ("BridgeId", bridge),
                ("Application", channel.application),
                ("ApplicationData", ""),
                ("Duration", "00:00:00"),
            )

    def queue_list(self) -> Iterator[tuple[str, Headers]]:
        """Yield each queue with its members and callers, as QueueStatus lists them."""
        for queue in self.queues.values():
            entries = [entry for entry in self.waiting if entry.queue == queue.name]
            yield (
                "QueueParams",
                (
                    ("Queue", queue.name),
                    ("Max", "0"),
                    ("Strategy", queue.strategy.value),
                    ("Calls", str(len(entries))),
                    ("Holdtime", "0"),
                    ("TalkTime", "0"),
                    ("Completed", "0"),
                    ("Abandoned", "0"),
                    ("ServiceLevel", "0"),
                    ("ServicelevelPerf", "0.0"),
                    ("ServicelevelPerf2", "0.0"),
                    ("Weight", "0"),
                ),
            )
            for extension in queue.phones:
                yield "QueueMember", (("Queue", queue.name), *_member(self.phones[extension], "Name", "Location"), ("Wrapuptime", "0"))
            for position, entry in enumerate(entries, 1):
                channel = entry.channel
                yield (
                    "QueueEntry",
                    (
                        ("Queue", queue.name),
                        ("Position", str(position)),
                        ("Channel", channel.name),
                        ("Uniqueid", channel.uniqueid),
                        ("CallerIDNum", channel.number or "unknown"),
                        ("CallerIDName", channel.caller_name or "unknown"),
                        ("ConnectedLineNum", channel.connected_number or "unknown"),
                        ("ConnectedLineName", channel.connected_name or "unknown"),
                        ("Wait", str(int(time.monotonic() - entry.joined_at))),
                        ("Priority", str(entry.priority)),
                    ),
                )

    # --- pieces

    def _outgoing(self, caller: Channel, name: str, exten: str, technology: str = "") -> Channel:
        channel = self.new(technology, linkedid=caller.linkedid, name=name, number=exten, exten=exten)
        channel.connected_number, channel.connected_name = caller.number, caller.caller_name
        return channel

    def _dial_begin(self, source: Channel, target: Channel, dial_string: str) -> None:
        self.tell("DialBegin", "call", (*source.headers(), *target.headers("Dest"), ("DialString", dial_string)))

    def _dial_end(self, source: Channel, target: Channel, status: str) -> None:
        self.tell("DialEnd", "call", (*source.headers(), *target.headers("Dest"), ("DialStatus", status)))


def _member(phone: Phone, name_header: str, interface_header: str) -> Headers:
    """Return what app_queue.c writes about a member; QueueMember calls name and interface otherwise than all other events."""
    plan = phone.plan
    first: Headers = ((name_header, plan.member_name), (interface_header, plan.interface))
    return (
        *first,
        ("StateInterface", plan.device),
        ("Membership", "static"),
        ("Penalty", "0"),
        ("CallsTaken", str(phone.calls_taken)),
        ("LastCall", "0"),
        ("LastPause", "0"),
        ("LoginTime", "0"),
        ("InCall", "1" if phone.status == IN_USE else "0"),
        ("Status", phone.status),
        ("Paused", "0"),
        ("PausedReason", ""),
    )
