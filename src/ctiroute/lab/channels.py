"""Channels, bridges and what Asterisk 22 writes about them. Knows nothing of calls as a whole.

The lab is a peer of ctiroute, not a part of it: it writes Asterisk's bytes itself, in the order and with the names of
main/manager_channels.c (ast_manager_build_channel_state_string_prefix) and main/manager_bridges.c, so that a mistake in ctiroute's own
reader is not made twice.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

Headers = tuple[tuple[str, str], ...]


class ChannelState(IntEnum):
    """`enum ast_channel_state` (include/asterisk/channelstate.h), as far as the lab's channels get."""

    DOWN = 0
    RING = 4  # somebody calls us
    RINGING = 5  # we call somebody
    UP = 6

    @property
    def words(self) -> str:
        """The text of `ast_state2str`."""
        return self.name.capitalize()


@dataclass(slots=True, eq=False)
class Channel:
    """One leg of a call inside the lab's Asterisk."""

    name: str  # "PJSIP/1001-0000001a"
    uniqueid: str
    linkedid: str
    number: str = ""  # caller ID number; "" shows as "<unknown>"
    caller_name: str = ""
    exten: str = ""
    context: str = "from-internal"
    state: ChannelState = ChannelState.DOWN
    connected_number: str = ""
    connected_name: str = ""
    language: str = "en"
    priority: int = 1
    application: str = ""
    bridge: Bridge | None = None

    def headers(self, prefix: str = "") -> Headers:
        """Return the fourteen headers that describe a channel in every event."""
        return (
            (f"{prefix}Channel", self.name),
            (f"{prefix}ChannelState", str(int(self.state))),
            (f"{prefix}ChannelStateDesc", self.state.words),
            (f"{prefix}CallerIDNum", self.number or "<unknown>"),
            (f"{prefix}CallerIDName", self.caller_name or "<unknown>"),
            (f"{prefix}ConnectedLineNum", self.connected_number or "<unknown>"),
            (f"{prefix}ConnectedLineName", self.connected_name or "<unknown>"),
            (f"{prefix}Language", self.language),
            (f"{prefix}AccountCode", ""),
            (f"{prefix}Context", self.context),
            (f"{prefix}Exten", self.exten),
            (f"{prefix}Priority", str(self.priority)),
            (f"{prefix}Uniqueid", self.uniqueid),
            (f"{prefix}Linkedid", self.linkedid),
        )


@dataclass(slots=True, eq=False)
class Bridge:
    """Where channels meet and talk."""

    bridge_id: str
    channels: list[Channel] = field(default_factory=list)

    def headers(self, prefix: str = "") -> Headers:
        """Return the seven headers that describe a bridge in every event."""
        return (
            (f"{prefix}BridgeUniqueid", self.bridge_id),
            (f"{prefix}BridgeType", "basic"),
            (f"{prefix}BridgeTechnology", "simple_bridge"),
            (f"{prefix}BridgeCreator", "<unknown>"),
            (f"{prefix}BridgeName", "<unknown>"),
            (f"{prefix}BridgeNumChannels", str(len(self.channels))),
            (f"{prefix}BridgeVideoSourceMode", "none"),
        )


@dataclass(frozen=True, slots=True)
class Event:
    """One event as it goes to every manager session that may read its class."""

    name: str
    privilege: str  # "call": the class a session must be allowed to read
    headers: Headers

    def encode(self) -> bytes:
        """Return the block as manager.c writes it: CRLF lines, a blank one behind."""
        return block((("Event", self.name), ("Privilege", f"{self.privilege},all"), *self.headers))


def block(headers: Headers) -> bytes:
    """Return headers as one block. A value is written as it is, like Asterisk does; only what would not be text is replaced."""
    return "".join(f"{key}: {value}\r\n" for key, value in headers).encode(errors="replace") + b"\r\n"
