"""The link to Asterisk's manager interface against a scripted one on a real socket, with panoramisk beside it as a second reader."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import panoramisk
import pytest
from prometheus_client import CollectorRegistry

from ctiroute.connectors.asterisk.ami_connection import AmiTiming
from ctiroute.connectors.asterisk.ami_link import AsteriskLink
from ctiroute.connectors.asterisk.ami_metrics import AmiMetrics
from ctiroute.connectors.asterisk.ami_orphans import KEEP
from ctiroute.connectors.asterisk.translate.events import WANTED, Translator
from ctiroute.model import CallEvent, LegEnded, LegStarted, SwitchLost, SwitchSnapshot
from ctiroute.protocol.ami import AmiEvent, AmiReader
from ctiroute.settings.model import AsteriskSettings

Headers = Sequence[tuple[str, str]]
pytestmark = pytest.mark.lengthy

CHALLENGE = "840415273"
SECRET = "s3cret"
RNG = Random(7)  # noqa: S311 - spreads waits, keeps no secret
DATA = Path(__file__).parents[2] / "data" / "ami"
QUICK = AmiTiming(connect_s=5.0, answer_s=1.0, list_s=1.0, ping_every_s=0.05, ping_answer_s=1.0)


def block(*headers: tuple[str, str]) -> bytes:
    """Return headers as Asterisk writes them."""
    return b"".join(f"{name}: {value}\r\n".encode() for name, value in headers) + b"\r\n"


def hangup(number: int) -> bytes:
    """Return a Hangup of one channel."""
    return block(("Event", "Hangup"), ("Uniqueid", f"1.{number}"), ("Linkedid", f"1.{number}"), ("Cause", "16"))


def channel(number: int) -> Headers:
    """Return a channel as CoreShowChannels lists it."""
    return (
        ("Event", "CoreShowChannel"),
        ("Channel", f"PJSIP/t-{number:08x}"),
        ("ChannelStateDesc", "Up"),
        ("Uniqueid", f"1.{number}"),
        ("Linkedid", f"1.{number}"),
    )


@dataclass
class AmiServer:
    """Answers Challenge, Login, Ping, CoreShowChannels and QueueStatus; everything else it is told to send."""

    secret: str = SECRET
    banner: bytes = b"Asterisk Call Manager/9.0.0\r\n"
    lists: dict[str, list[Headers]] = field(default_factory=dict)  # action -> events of its answer
    refusals: dict[str, str] = field(default_factory=dict)  # action -> message of the refusal
    silent: set[str] = field(default_factory=set)  # actions that are never answered
    before_lists: bytes = b""  # sent between login and the first list, as live events are
    actions: list[dict[str, str]] = field(default_factory=list)  # what clients asked
    connections: int = 0
    port: int = 0
    tls: ssl.SSLContext | None = None
    _writers: list[asyncio.StreamWriter] = field(default_factory=list)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[AmiServer]:
        """Listen on a free port of 127.0.0.1."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=self.tls)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            self.hang_up()
            await asyncio.gather(*self._tasks)
            await server.wait_closed()

    def send(self, data: bytes) -> None:
        """Send bytes to every client."""
        for writer in self._writers:
            writer.write(data)

    async def drained(self) -> None:
        """Wait until the clients have taken what was sent."""
        for writer in self._writers:
            await writer.drain()

    def hang_up(self) -> None:
        """Close every connection at once."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something that the server sees."""
        async with asyncio.timeout(10), self._changed:
            await self._changed.wait_for(condition)

    def asked(self, action: str) -> int:
        """Return how often an action came."""
        return sum(asked["Action"] == action for asked in self.actions)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        self._writers.append(writer)
        writer.write(self.banner)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                text = (await reader.readuntil(b"\r\n\r\n")).decode()
                action = dict(line.split(": ", 1) for line in text.split("\r\n") if line)
                self.actions.append(action)
                self._answer(action, writer)
                async with self._changed:
                    self._changed.notify_all()
        writer.close()
        async with self._changed:
            self._changed.notify_all()

    def _answer(self, action: Mapping[str, str], writer: asyncio.StreamWriter) -> None:
        name, tail = action["Action"], (("ActionID", action["ActionID"]),)
        if name in self.silent:
            return
        if name in self.refusals:
            writer.write(block(*(("Response", "Error"), *tail, ("Message", self.refusals[name]))))
        elif name == "Challenge":
            writer.write(block(*(("Response", "Success"), *tail, ("Challenge", CHALLENGE))))
        elif name == "Login":
            key = hashlib.md5((CHALLENGE + self.secret).encode(), usedforsecurity=False).hexdigest()
            if action.get("Key") == key or action.get("Secret") == self.secret:
                writer.write(block(*(("Response", "Success"), *tail, ("Message", "Authentication accepted"))) + self.before_lists)
            else:
                writer.write(block(*(("Response", "Error"), *tail, ("Message", "Authentication failed"))))
                writer.close()
        elif name == "Ping":
            writer.write(block(*(("Response", "Success"), *tail, ("Ping", "Pong"), ("Timestamp", "1700000000.000000"))))
        elif name in ("CoreShowChannels", "QueueStatus"):
            complete = name + "Complete"
            writer.write(block(*(("Response", "Success"), *tail, ("EventList", "start"), ("Message", "Will follow"))))
            events = self.lists.get(name, [])
            for event in events:
                writer.write(block(*(*event[:1], *tail, *event[1:])))
            writer.write(block(*(("Event", complete), *tail, ("EventList", "Complete"), ("ListItems", str(len(events))))))
        else:
            writer.write(block(*(("Response", "Error"), *tail, ("Message", "Invalid/unknown command"))))


class Heard:
    """A sink that keeps what it heard and lets a test wait for it."""

    def __init__(self) -> None:
        self.events: list[CallEvent] = []
        self.fail_on: type | None = None
        self._news = asyncio.Event()

    def heard(self, event: CallEvent) -> None:
        """Keep the event."""
        self.events.append(event)
        self._news.set()
        if self.fail_on is not None and isinstance(event, self.fail_on):
            raise ValueError("a fault downstream")

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until what was heard fulfils a condition."""
        async with asyncio.timeout(10):
            while not condition():
                self._news.clear()
                await self._news.wait()

    def count(self, kind: type) -> int:
        """Return how many events of a kind came."""
        return sum(isinstance(event, kind) for event in self.events)

    def names(self) -> list[str]:
        """Return the kinds of events, in order."""
        return [type(event).__name__ for event in self.events]


@dataclass
class Rig:
    """A server, a link to it, and what the link told."""

    server: AmiServer
    heard: Heard = field(default_factory=Heard)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    ahead: timedelta = timedelta(0)  # how far the link's clock is ahead of ours
    link: AsteriskLink = field(init=False)

    def sample(self, name: str, **labels: str) -> float:
        """Return a metric's value."""
        return self.registry.get_sample_value(name, {"pbx": "hq", **labels}) or 0.0

    @contextlib.asynccontextmanager
    async def linked(
        self, *, serve: bool = True, tls: bool = False, ca: Path | None = None, secret: str = SECRET, **options: object
    ) -> AsyncIterator[Rig]:
        """Run the server and the link; options are those of AsteriskLink."""
        async with contextlib.AsyncExitStack() as stack:
            if serve:
                await stack.enter_async_context(self.server.serving())
            settings = AsteriskSettings(name="hq", port=self.server.port, secret=secret, tls=tls, tls_ca=ca)
            values = {"timing": QUICK, "first_s": 0.01, "longest_s": 0.05, "refused_s": 0.2, **options}
            self.link = AsteriskLink(settings, self.heard, AmiMetrics(self.registry), lambda: datetime.now(UTC) + self.ahead, RNG, **values)  # type: ignore[arg-type]  # options by name
            async with asyncio.TaskGroup() as group:
                task = group.create_task(self.link.run(), name="link")
                yield self
                task.cancel()

    async def down(self, text: str) -> None:
        """Wait until the link says this cause."""
        async with asyncio.timeout(10):
            while text not in self.link.state.detail:  # noqa: ASYNC110 - the state is for whoever looks; it calls nobody
                await asyncio.sleep(0.005)
        assert not self.link.state.up


@pytest.fixture
async def rig() -> Rig:
    """Return a rig that is not started."""
    return Rig(AmiServer())


async def test_snapshot_comes_before_events_read_meanwhile(rig: Rig) -> None:
    """Events that arrive between login and the end of the lists follow the snapshot, in order."""
    rig.server.lists = {"CoreShowChannels": [channel(1), channel(2)]}
    rig.server.before_lists = hangup(1) + hangup(2)
    async with rig.linked():
        await rig.heard.until(lambda: rig.heard.count(LegEnded) == 2)
        assert rig.heard.names() == ["SwitchSnapshot", "LegEnded", "LegEnded"]
        assert rig.link.state.up
        assert rig.link.state.degraded == ()
        assert rig.sample("ctiroute_ami_up") == 1
        assert rig.sample("ctiroute_ami_events_total") >= 2
        assert rig.sample("ctiroute_ami_call_events_total") == 2
        assert rig.sample("ctiroute_ami_connects_total", result="ok") == 1


async def test_the_secret_is_never_sent_when_challenge_is_there(rig: Rig) -> None:
    """Login goes by challenge, asks for two classes of events, and does not wait for FullyBooted."""
    async with rig.linked():
        await rig.heard.until(lambda: rig.heard.count(SwitchSnapshot) == 1)
    login = next(action for action in rig.server.actions if action["Action"] == "Login")
    assert "Secret" not in login
    assert (login["Events"], login["AuthType"]) == ("call,agent", "MD5")


async def test_plain_login_where_no_challenge_is_offered(rig: Rig) -> None:
    """On the same machine a switch that offers no challenge gets the secret itself."""
    rig.server.refusals = {"Challenge": "Must specify AuthType"}
    async with rig.linked():
        await rig.heard.until(lambda: rig.heard.count(SwitchSnapshot) == 1)


async def test_broken_link_is_told_and_resynchronised(rig: Rig) -> None:
    """What was read before the break is passed on, then the loss, then the truth anew."""
    async with rig.linked():
        await rig.heard.until(lambda: rig.heard.count(SwitchSnapshot) == 1)
        rig.server.send(hangup(1) * 300)
        await rig.heard.until(lambda: rig.heard.count(LegEnded) == 300)
        rig.server.hang_up()
        await rig.heard.until(lambda: rig.heard.count(SwitchSnapshot) == 2)
    assert rig.heard.names() == ["SwitchSnapshot", *["LegEnded"] * 300, "SwitchLost", "SwitchSnapshot"]
    assert rig.sample("ctiroute_ami_connects_total", result="lost") == 1


async def test_half_open_link_is_noticed(rig: Rig) -> None:
    """A peer that is connected but silent is given up when it leaves a ping unanswered."""
    async with rig.linked():
        await rig.heard.until(lambda: rig.heard.count(SwitchSnapshot) == 1)
        rig.server.silent = {"Ping"}
        await rig.heard.until(lambda: rig.heard.count(SwitchLost) == 1)
        assert "ping" in rig.link.state.detail
        rig.server.silent = set()
        await rig.heard.until(lambda: rig.heard.count(SwitchSnapshot) == 2)


async def test_default_timing_notices_a_dead_link_in_time() -> None:
    """With the figures in use a dead peer is noticed within 25 seconds."""
    timing = AmiTiming()
    assert timing.ping_every_s + timing.ping_answer_s <= 25


@pytest.mark.parametrize(
    ("action", "message", "words"),
    [
        ("Login", "Authentication failed", "check the user name, the secret"),
        ("Login", "Login Already In Use", "logged in elsewhere and allowmultiplelogin is off"),
        ("Login", "Permission denied", "may not log in"),
        ("Login", "", "no reason given"),
    ],
)
async def test_refused_login_is_named_and_not_hammered(rig: Rig, action: str, message: str, words: str) -> None:
    """A refusal is told with its mend, and tried again only after the long wait."""
    rig.server.refusals = {action: message}
    loop = asyncio.get_running_loop()
    async with rig.linked(refused_s=0.5):
        began = loop.time()
        await rig.down(words)
        await rig.server.until(lambda: rig.server.asked("Login") == 2)
        assert loop.time() - began >= 0.49
        assert rig.heard.events == []
    assert rig.sample("ctiroute_ami_connects_total", result="refused") >= 1


async def test_wrong_secret(rig: Rig) -> None:
    """A wrong secret is told as such."""
    async with rig.linked(secret="wrong"):
        await rig.down("check the user name, the secret")


async def test_refused_logins_are_half_a_minute_apart() -> None:
    """The least time between two refused tries is 30 s, unless a test says otherwise."""
    link = AsteriskLink(AsteriskSettings(), Heard(), AmiMetrics(CollectorRegistry()), lambda: datetime.now(UTC), RNG)
    assert link._refused_s == 30.0


async def test_shutting_down_is_waited_out(rig: Rig) -> None:
    """A switch that shuts down is tried again as soon as any other that is away."""
    rig.server.refusals = {"Login": "Asterisk is shutting down"}
    async with rig.linked(refused_s=60.0):
        await rig.down("shutting down")
        rig.server.refusals = {}
        await rig.heard.until(lambda: rig.heard.count(SwitchSnapshot) == 1)


async def test_missing_write_class_degrades_and_does_not_loop(rig: Rig) -> None:
    """An account that may not list channels works without a snapshot, says what to add, and asks once."""
    rig.server.refusals = {"CoreShowChannels": "Permission denied"}
    async with rig.linked():
        await rig.server.until(lambda: rig.server.asked("Ping") >= 3)
        rig.server.send(hangup(1))
        await rig.heard.until(lambda: rig.heard.count(LegEnded) == 1)
        assert rig.heard.names() == ["LegEnded"]
        assert rig.link.state.up
        assert "write = reporting" in rig.link.state.degraded[0]
    assert rig.server.asked("CoreShowChannels") == 1


async def test_call_that_ended_unheard_is_ended_in_time(rig: Rig) -> None:
    """Where channels may not be listed, a leg from before a gap is ended after a bounded time."""
    rig.server.refusals = {"CoreShowChannels": "Permission denied"}
    begin = (("Event", "Newchannel"), ("Channel", "PJSIP/t-00000001"), ("Uniqueid", "1.1"), ("Linkedid", "1.1"))
    async with rig.linked():
        await rig.server.until(lambda: rig.server.asked("QueueStatus") == 1)
        rig.server.send(block(*begin))
        await rig.heard.until(lambda: rig.heard.count(LegStarted) == 1)
        rig.server.hang_up()
        await rig.server.until(lambda: rig.server.asked("Ping") >= 1 and rig.server.asked("QueueStatus") == 2)
        rig.ahead = KEEP
        rig.server.send(block(("Event", "QueueMemberStatus"), ("Queue", "q"), ("Interface", "PJSIP/1")))
        await rig.heard.until(lambda: rig.heard.count(LegEnded) == 1)
    assert rig.heard.names() == ["LegStarted", "SwitchLost", "LegEnded"]


async def test_switch_without_queues_degrades(rig: Rig) -> None:
    """A switch without app_queue gives a snapshot without waiting callers."""
    rig.server.refusals = {"QueueStatus": "Invalid/unknown command"}
    async with rig.linked():
        await rig.heard.until(lambda: rig.heard.count(SwitchSnapshot) == 1)
        await rig.server.until(lambda: rig.server.asked("Ping") >= 1)
        assert "app_queue" in rig.link.state.degraded[0]


@pytest.mark.parametrize("action", ["Challenge", "Login", "CoreShowChannels", "QueueStatus"])
async def test_action_without_an_answer_ends_the_try(rig: Rig, action: str) -> None:
    """No action waits for ever: the link says which, and begins anew."""
    rig.server.silent = {action}
    async with rig.linked():
        await rig.down(f"did not answer {action}")
        rig.server.silent = set()
        await rig.heard.until(lambda: rig.heard.count(SwitchSnapshot) == 1)


@pytest.mark.parametrize(
    ("banner", "words"), [(b"HTTP/1.1 400 Bad Request\r\n", "no Asterisk manager interface"), (b"", "sent no manager banner")]
)
async def test_peer_that_is_no_manager(rig: Rig, banner: bytes, words: str) -> None:
    """A wrong port is told as such."""
    rig.server.banner = banner
    async with rig.linked():
        await rig.down(words)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    """Return a certificate for 127.0.0.1 that is its own authority, and a server's context with it."""
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=asterisk"
    command += " -addext subjectAltName=IP:127.0.0.1"
    subprocess.run([*command.split(), "-keyout", key, "-out", cert], check=True, capture_output=True)  # noqa: S603 - our own words
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert, key)
    return cert, context


async def test_tls_with_the_given_authority(rig: Rig, certificate: tuple[Path, ssl.SSLContext]) -> None:
    """A link over TLS comes up when the switch's certificate is signed by the authority in the settings."""
    rig.server.tls = certificate[1]
    async with rig.linked(tls=True, ca=certificate[0]):
        await rig.heard.until(lambda: rig.heard.count(SwitchSnapshot) == 1)


@pytest.mark.parametrize("ca", [None, Path("/nowhere/ca.pem")])
async def test_tls_that_cannot_be_trusted(rig: Rig, certificate: tuple[Path, ssl.SSLContext], ca: Path | None) -> None:
    """A certificate nobody vouches for is refused before the login, and the setting to look at is named."""
    rig.server.tls = certificate[1]
    async with rig.linked(tls=True, ca=ca):
        await rig.down("tls_ca")
        assert rig.server.actions == []


async def test_flood_is_read_whole_and_in_order(rig: Rig) -> None:
    """Many times the events of a busy second, sent as fast as the socket takes them, overflow nothing and lose nothing."""
    noise = block(("Event", "VarSet"), ("Variable", "x"), ("Value", "y" * 300)) * 5
    async with rig.linked(timing=replace(QUICK, ping_answer_s=20.0)):
        await rig.heard.until(lambda: rig.heard.count(SwitchSnapshot) == 1)
        for number in range(0, 8_000, 100):
            rig.server.send(b"".join(hangup(n) + noise for n in range(number, number + 100)))
            await rig.server.drained()
        await rig.heard.until(lambda: rig.heard.count(LegEnded) == 8_000)
        assert rig.server.connections == 1
        await rig.server.until(lambda: rig.server.asked("Ping") >= 1)
    assert [event.leg_id for event in rig.heard.events if isinstance(event, LegEnded)] == [f"hq:1.{n}" for n in range(8_000)]
    assert rig.sample("ctiroute_ami_events_total") == 48_000 + 2  # with the ends of the two lists


async def test_connection_that_is_never_taken(rig: Rig) -> None:
    """A host that swallows packets is given up, and told apart from one that refuses."""
    async with rig.linked(timing=replace(QUICK, connect_s=0.0)):
        await rig.down("does a firewall let us through")


async def test_nobody_listens(rig: Rig) -> None:
    """A refused connection is told with what to look at."""
    async with rig.server.serving():
        pass
    async with rig.linked(serve=False):
        await rig.down("is Asterisk running")


async def test_overflow_resynchronises_and_is_counted(rig: Rig) -> None:
    """More events than may wait end the connection; none that was read is dropped, and the truth comes anew."""
    rig.server.before_lists = b"".join(hangup(number) for number in range(60))
    async with rig.linked(max_queued=50):
        await rig.down("50 events wait")
        rig.server.before_lists = b""
        await rig.heard.until(lambda: rig.heard.count(SwitchSnapshot) == 1)
        rig.server.send(b"".join(hangup(number) for number in range(60)))
        await rig.heard.until(lambda: rig.heard.count(SwitchSnapshot) == 2)
    assert rig.heard.names() == ["SwitchSnapshot", *["LegEnded"] * 50, "SwitchLost", "SwitchSnapshot"]
    assert rig.sample("ctiroute_ami_overflows_total") >= 1


async def test_hostile_blocks_are_counted_and_resynchronise(rig: Rig) -> None:
    """A cut block and the forged one behind it are dropped; the truth is asked for again on the same connection, at once."""
    async with rig.linked():
        await rig.heard.until(lambda: rig.heard.count(SwitchSnapshot) == 1)
        rig.server.send(block(("Event", "Hangup"), ("Uniqueid", "1.1")) + hangup(6) + block(("Linkedid", "1.1")) + hangup(2))
        await rig.heard.until(lambda: rig.heard.count(SwitchSnapshot) == 2)
    assert [event.leg_id for event in rig.heard.events if isinstance(event, LegEnded)] == ["hq:1.2"]
    assert rig.server.connections == 1
    for reason in ("mandatory header missing", "behind a cut block", "neither event nor response"):
        assert rig.sample("ctiroute_ami_hostile_blocks_total", reason=reason) == 1


async def test_a_flood_of_cut_blocks_does_not_keep_us_busy(rig: Rig) -> None:
    """The truth is asked for once in a while, however many blocks are cut."""
    cut = block(("Event", "Hangup"), ("Uniqueid", "1.1")) + block(("Linkedid", "1.1"))
    async with rig.linked(resync_s=60.0):
        await rig.heard.until(lambda: rig.heard.count(SwitchSnapshot) == 1)
        for number in range(1, 4):
            rig.server.send(cut + hangup(number))
            await rig.heard.until(lambda expected=number: rig.heard.count(LegEnded) == expected)  # type: ignore[misc]
        await rig.heard.until(lambda: rig.heard.count(SwitchSnapshot) == 2)
        rig.server.send(cut + hangup(4))
        await rig.heard.until(lambda: rig.heard.count(LegEnded) == 4)
    assert rig.heard.count(SwitchSnapshot) == 2


async def test_fault_downstream_does_not_cost_the_link(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    """An exception of the listener is logged and counted; the next event comes."""
    rig.heard.fail_on = LegEnded
    with caplog.at_level(logging.CRITICAL):
        async with rig.linked():
            await rig.heard.until(lambda: rig.heard.count(SwitchSnapshot) == 1)
            rig.server.send(hangup(1) + hangup(2))
            await rig.heard.until(lambda: rig.heard.count(LegEnded) == 2)
    assert rig.sample("ctiroute_ami_event_failures_total") == 2
    assert rig.server.connections == 1


async def test_secret_with_a_line_end_is_never_written(rig: Rig) -> None:
    """A setting that would become an action of its own is refused before a byte of it is sent."""
    rig.server.refusals = {"Challenge": "no"}
    async with rig.linked(secret="x\r\nAction: Originate"):
        await rig.down("control character")
    assert {action["Action"] for action in rig.server.actions} == {"Challenge"}


async def test_panoramisk_sees_the_same(rig: Rig) -> None:
    """An independent client on the same server hears the same events and is given the same answers."""
    conversation = (DATA / "22-queue-freepbx-local.txt").read_bytes().partition(b"Authentication accepted\r\n\r\n")[2]
    theirs: list[tuple[str, dict[str, str]]] = []
    async with rig.linked():
        await rig.heard.until(lambda: rig.heard.count(SwitchSnapshot) == 1)
        peer = panoramisk.Manager(host="127.0.0.1", port=rig.server.port, username="ctiroute", secret="s3cret")
        ended = asyncio.Event()
        peer.register_event("Hangup", lambda _manager, _message: ended.set())
        peer.register_event("*", lambda _manager, message: theirs.append((message.event, dict(message.items()))))
        await peer.connect()
        rig.server.lists = {"CoreShowChannels": [channel(1), channel(2)]}
        listed = await peer.send_action({"Action": "CoreShowChannels"}, as_list=True)
        assert [message.uniqueid for message in listed if message.event == "CoreShowChannel"] == ["1.1", "1.2"]
        rig.server.send(conversation + hangup(9))
        await rig.heard.until(lambda: any(isinstance(event, LegEnded) and event.leg_id == "hq:1.9" for event in rig.heard.events))
        async with asyncio.timeout(5):
            await ended.wait()
        peer.close()
    ours = [
        message
        for message in AmiReader(None).receive(b"Asterisk Call Manager/9\r\n" + conversation + hangup(9))
        if isinstance(message, AmiEvent)
    ]
    assert [name for name, _ in theirs] == [event.name for event in ours]
    for (_, seen), event in zip(theirs, ours, strict=True):
        assert {key.lower(): value for key, value in event.headers.items() if key != "Event"} == {
            key.lower(): value for key, value in seen.items() if key.lower() not in {"event", "content"}
        }
    translator = Translator("hq")
    expected = [translator.event(event.name, event.headers, datetime.now(UTC)) for event in ours if event.name in WANTED]
    assert rig.heard.names()[1:] == [type(event).__name__ for event in expected if event is not None]


async def test_healthy_link_begins_with_the_shortest_wait(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A link that was well for a while is tried again at once, however often it broke before."""
    monkeypatch.setattr("ctiroute.connectors.asterisk.ami_link._HEALTHY_S", 0.0)
    async with rig.linked(first_s=0.01, longest_s=30.0):
        for broken in range(1, 12):  # without the new start the last wait would be over 10 s
            await rig.heard.until(lambda expected=broken: rig.heard.count(SwitchSnapshot) == expected)  # type: ignore[misc]
            rig.server.hang_up()
