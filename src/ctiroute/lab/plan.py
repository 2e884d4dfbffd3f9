"""What the lab's Asterisk is configured with: queues, the phones in them, menus, and how the people behave. Plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Strategy(StrEnum):
    """How a queue offers a call (queues.conf)."""

    IN_TURN = "rrmemory"  # one phone after the other, beginning after the last one rung
    ALL = "ringall"


class Transfer(StrEnum):
    """How an operator passes a caller on."""

    BLIND = "blind"  # sends him on and leaves
    ATTENDED = "attended"  # asks on a second call of the phone, then joins the two
    FEATURE = "feature"  # Asterisk's own (features.conf atxfer): the second call has the first one's linked id


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What the person at a phone does. Seconds are the lab's own and pass faster with its speed."""

    answer_after_s: float | None = 3.0  # None: does not pick up
    talk_s: float = 20.0  # until he hangs up or passes the caller on
    transfer: Transfer | None = None
    transfer_to: str = ""  # extension of a phone, or name of a queue (blind only)
    consult_s: float = 5.0  # how long he talks with the colleague before he joins the calls; 0: joins while it rings


@dataclass(frozen=True, slots=True)
class LabPhone:
    """A phone, by its extension."""

    extension: str  # "1001"
    name: str = ""  # MemberName; "" is the interface, as in Asterisk
    technology: str = "PJSIP"
    local: bool = False  # rung as FreePBX does, by way of Local/1001@from-queue/n
    behaviour: Behaviour = Behaviour()

    @property
    def device(self) -> str:
        """The device's own name: "PJSIP/1001"."""
        return f"{self.technology}/{self.extension}"

    @property
    def interface(self) -> str:
        """The name under which it is a member of queues."""
        return f"Local/{self.extension}@from-queue/n" if self.local else self.device

    @property
    def member_name(self) -> str:
        """The name queues.conf gives the member."""
        return self.name or self.interface


@dataclass(frozen=True, slots=True)
class LabQueue:
    """A waiting line."""

    name: str
    phones: tuple[str, ...]  # extensions
    strategy: Strategy = Strategy.IN_TURN
    ring_s: float = 15.0  # how long one phone rings
    retry_s: float = 1.0  # between two tries
    timeout_s: float = 300.0  # then the caller takes the default way


@dataclass(frozen=True, slots=True)
class LabMenu:
    """A voice menu: the caller listens, then presses one of its keys, or hangs up."""

    name: str
    listen_s: float = 6.0
    queue: str = ""  # where the key leads that callers press; "": they hang up


@dataclass(frozen=True, slots=True)
class LabConfig:
    """One simulated Asterisk."""

    phones: tuple[LabPhone, ...] = ()
    queues: tuple[LabQueue, ...] = ()
    menus: tuple[LabMenu, ...] = (LabMenu("main"),)
    default_menu: str = "main"  # the default way
    agi_host: str = "127.0.0.1"
    agi_port: int = 4573
    more_agi_ports: tuple[int, ...] = ()  # of further nodes, which are asked in turn
    agi_script: str = "route"  # with "/SECRET" where one is set
    ami_host: str = "127.0.0.1"
    ami_port: int = 0  # 0: any free port
    username: str = "ctiroute"
    secret: str = "ctiroute"  # noqa: S105 - of a simulation on the loopback interface
    trunk: str = "PJSIP/trunk"
    speed: float = 1.0  # 10: ten seconds of the story pass in one

    def __post_init__(self) -> None:
        """Raise ValueError when a queue or a menu names what is not there."""
        phones = {phone.extension for phone in self.phones}
        queues = {queue.name for queue in self.queues}
        for queue in self.queues:
            if missing := set(queue.phones) - phones:
                raise ValueError(f"queue {queue.name} names a phone that is not there: {', '.join(sorted(missing))}")
        for menu in self.menus:
            if menu.queue and menu.queue not in queues:
                raise ValueError(f"menu {menu.name} leads to a queue that is not there: {menu.queue}")


@dataclass(frozen=True, slots=True)
class Ring:
    """What became of one phone that rang."""

    extension: str
    interface: str
    leg: str  # Uniqueid of the leg that rang
    queue: str  # "": rung directly
    rang_at: float  # time.monotonic() when the ring was told on the manager interface
    ended_at: float | None = None  # None: still ringing
    result: str = "ringing"  # answered | no answer | busy | elsewhere | caller gone


@dataclass(slots=True)
class LabCall:
    """A call's story: filled in while it happens, whole when `Lab.call` returns."""

    number: str
    dialed: str
    name: str
    linkedid: str = ""
    started_at: float = 0.0  # time.monotonic()
    variables: dict[str, str] = field(default_factory=dict)  # CTI_* as they were set
    decision_ms: float | None = None  # from connecting to the closed AGI; None: ctiroute was not reached
    decided_at: int | None = None  # port of the AGI that answered
    failure: str = ""  # why the call took the default way by itself; "" when ctiroute answered
    way: str = "default"  # queue | operator | menu | extension | default
    target: str = ""  # name of the queue, menu, ...
    rings: list[Ring] = field(default_factory=list)
    transfers: list[tuple[str, str, str]] = field(default_factory=list)  # (how, from extension, to)
    answered_by: str = ""  # extension of who talked last
    ended_at: float | None = None  # time.monotonic()
    outcome: str = ""  # completed | abandoned | menu | failed

    @property
    def status(self) -> str:
        """CTI_STATUS, or "" when ctiroute set none."""
        return self.variables.get("CTI_STATUS", "")


Script = Mapping[str, Behaviour]  # extension -> what its person does in this call, in place of the usual
