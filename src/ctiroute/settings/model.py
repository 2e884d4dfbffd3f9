"""The service's own configuration, as frozen values. The reader in `load.py` makes it from ctiroute.yml and CTIROUTE_*.

Every field is a key of the file with the same name; docs/reference/configuration.md describes each, and a test holds the two
together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import time
from pathlib import Path

from ctiroute.model.quiet_hours import NEVER_QUIET, QuietHours


@dataclass(frozen=True, slots=True)
class FastAgiSettings:
    """Where Asterisk asks."""

    host: str = "127.0.0.1"  # another bind needs allow_from
    port: int = 4573  # 0: any free port
    allow_from: tuple[str, ...] = ()  # networks in CIDR form; loopback is always allowed
    secret: str = ""  # second part of the script path, agi://host/route/SECRET; "" means none is asked for
    deadline_s: float = 1.0  # of a whole call, from accept
    header_timeout_s: float = 2.0  # until the environment is complete
    max_sockets: int = 2000  # more are closed at once


@dataclass(frozen=True, slots=True)
class AsteriskSettings:
    """One Asterisk's manager interface."""

    name: str = "asterisk"  # shown on screens, part of call ids; letters, digits, - and _
    host: str = "127.0.0.1"
    port: int = 5038
    username: str = "ctiroute"
    secret: str = ""
    tls: bool = False
    tls_ca: Path | None = None  # None: the system's trust store
    addresses: tuple[str, ...] = ()  # further source addresses of its AGI requests


@dataclass(frozen=True, slots=True)
class WebSettings:
    """Screens, API, health."""

    host: str = "127.0.0.1"
    port: int = 8080  # 0: any free port
    origins: tuple[str, ...] = ()  # exact origins besides the page's own
    secure_cookie: bool = False  # set behind TLS
    session_hours: float = 12.0
    same_extension: str = "latest"  # latest | all | reject: two operators on one extension
    trusted_proxies: tuple[str, ...] = ()  # networks whose X-Forwarded-For is believed


@dataclass(frozen=True, slots=True)
class CallbackSettings:
    """How promised calls are placed. Orders are taken whatever stands here; without a secret this node places none."""

    pbx: str = ""  # name of the Asterisk that places them; "": the first
    username: str = "ctiroute-originate"
    secret: str = ""
    quiet: str = "20:00-09:00"  # by the customer's clock; "none": never
    queue: str = ""  # of orders that name neither queue nor owner; "": those are refused
    first: str = "operator"  # operator | customer: whose phone rings first
    attempts: int = 3
    pause_minutes: float = 15.0  # between two attempts
    window_hours: float = 48.0  # an order that names no end is given up so long after its time
    at_once: int = 5  # in hand over all nodes
    operator_s: int = 30  # how long our side's phones ring
    customer_s: int = 45
    customer_channel: str = "Local/{number}@ctiroute-callback-out/n"  # what is dialled; {number}: E.164, {digits}: without its plus

    @property
    def quiet_hours(self) -> QuietHours:
        """`quiet`, read."""
        return NEVER_QUIET if self.quiet == "none" else QuietHours(*(time.fromisoformat(part) for part in self.quiet.split("-")))


@dataclass(frozen=True, slots=True)
class RetentionSettings:
    """For how many days each kind of record is kept; None: for ever."""

    touches_days: int | None = 365
    interactions_days: int | None = 730  # closed ones, from their last event; open ones stay
    calls_days: int | None = 365
    snapshots_days: int | None = 30  # what was known of the caller when he called: all of it personal, and most of a call's bytes
    missed_calls_days: int | None = 30
    wrap_ups_days: int | None = 365
    callbacks_days: int | None = 90  # orders that are done, given up or cancelled; open ones stay
    proposals_days: int | None = 365  # what became of what operators proposed
    webhooks_days: int | None = 14  # what was delivered, or given up; what still waits is kept until it is either


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """Another system that is told what happens here."""

    name: str  # in lists, metrics and variables
    url: str  # http or https; asked as it stands here and nowhere else: a redirection is not followed
    events: tuple[str, ...] = ("*",)  # kinds of announcements, with * for any part
    secret: str = ""  # of the signature
    timeout_s: float = 10.0  # for one attempt, from connecting to the answer
    attempts: int = 20  # with pauses of 2 s to 1 h: about nine hours; then it is given up


@dataclass(frozen=True, slots=True)
class WrapUpCode:
    """How a call may end for the business, as one of the codes an operator chooses from."""

    code: str  # what reports and webhooks carry
    label: Mapping[str, str]  # language -> what operators read; "" is for all


@dataclass(frozen=True, slots=True)
class ClosedLoopSettings:
    """How the outcome of a call finds what it belongs to."""

    touch_hours: float = 24.0  # a call that no rule laid to a touch belongs to the latest one sent so shortly before; 0: to none
    wrap_up_quiet_s: float = 20.0  # a note is told when nothing was typed for so long


@dataclass(frozen=True, slots=True)
class HookSettings:
    """An address to which a vendor posts messages."""

    name: str  # the last part of the address, and the source of what comes by it
    mapping: str  # a shipped one by its name, or the path of a file; the connector's name unless it is given
    secret: str = ""  # of the signature, the token or the password, as the mapping says
    verify_token: str = ""  # what the vendor sends along when the address is set up, where one does


@dataclass(frozen=True, slots=True)
class MailboxSettings:
    """A mailbox that is asked for new mail by IMAP."""

    name: str  # the source of what comes by it
    host: str
    username: str
    secret: str = ""  # the password
    port: int = 993
    tls: bool = True  # false: STARTTLS is asked for, and without it only a server on this machine is spoken to
    tls_ca: Path | None = None  # None: the system's trust store
    folder: str = "INBOX"
    mapping: str = "mail"  # a shipped one by its name, or the path of a file
    poll_s: float = 30.0  # between two looks
    days: int = 3  # how far back a mailbox is looked through


@dataclass(frozen=True, slots=True)
class TelegramSettings:
    """A bot whose messages are asked for, where Telegram cannot reach us."""

    name: str  # the source of what comes by it
    secret: str = ""  # the bot's token
    mapping: str = "telegram"  # a shipped one by its name, or the path of a file
    api: str = "https://api.telegram.org"  # or a Bot API server of the company's own


@dataclass(frozen=True, slots=True)
class ConnectorsSettings:
    """The media besides voice that tell us things by themselves."""

    hooks: tuple[HookSettings, ...] = ()
    imap: tuple[MailboxSettings, ...] = ()
    telegram: tuple[TelegramSettings, ...] = ()


@dataclass(frozen=True, slots=True)
class ContinueSettings:
    """Links by which a customer goes on with a form on the company's own page."""

    url: str = ""  # of that page, with {token} where the token belongs; "": links are made without one
    secret: str = ""  # what they are signed with; "": none are made
    hours: float = 72.0  # for how long one is good


@dataclass(frozen=True, slots=True)
class Settings:
    """All of ctiroute.yml."""

    data_dir: Path = Path("/var/lib/ctiroute")
    store: str = ""  # URL; "" means sqlite:///<data_dir>/ctiroute.db
    redis: str = ""  # URL; "" means none: this node shares nothing with others, and routes without a copy of its store
    rules: Path = Path("/etc/ctiroute/rules")
    region: str = "UA"  # country in which numbers without a code are read
    language: str = "en"  # of operators that have none
    sensitive: tuple[str, ...] = ()  # attributes of customers that must not be shown on the word of a caller's number alone
    trusted_attestation: tuple[str, ...] = ("A",)  # how the network has to vouch for a number (A, B, C) that is to be believed for them
    log_level: str = "info"
    log_format: str = "text"  # text | json
    shadow: Path | None = None  # rules that are asked beside those in use, and never act; None: none
    snapshot_numbers: str = "keep"  # keep | mask: phone numbers in what is kept of a call's context
    agi_socket: Path | None = None  # unix socket of ctiroute-agi; None: <data_dir>/agi.sock
    fastagi: FastAgiSettings = field(default_factory=FastAgiSettings)
    asterisk: tuple[AsteriskSettings, ...] = ()  # none: no pops, routing only
    web: WebSettings = field(default_factory=WebSettings)
    retention: RetentionSettings = field(default_factory=RetentionSettings)
    callbacks: CallbackSettings = field(default_factory=CallbackSettings)
    webhooks: tuple[WebhookSettings, ...] = ()  # none: nobody is told
    closed_loop: ClosedLoopSettings = field(default_factory=ClosedLoopSettings)
    wrap_up: Mapping[str, tuple[WrapUpCode, ...]] = field(default_factory=dict)  # queue -> its codes; "*" for those not named
    connectors: ConnectorsSettings = field(default_factory=ConnectorsSettings)  # none: calls are all we hear of
    continue_link: ContinueSettings = field(default_factory=ContinueSettings)

    @property
    def store_url(self) -> str:
        """The store's URL, with the embedded store as its default."""
        return self.store or f"sqlite://{self.data_dir.absolute() / 'ctiroute.db'}"
