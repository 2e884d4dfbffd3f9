"""The FastAGI server over real sockets, on both loops: every session ends in an answer or is closed, and nothing escapes."""

from __future__ import annotations

import asyncio
import logging
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import uvloop
from prometheus_client import CollectorRegistry

from ctiroute.connectors.asterisk.fastagi import FastAgiServer
from ctiroute.model import Decision, RouteRequest, Status, ToQueue, Trace
from ctiroute.settings.model import AsteriskSettings, FastAgiSettings

BLOCK = (Path(__file__).parents[2] / "data" / "agi" / "asterisk-22.10.1-pjsip.agi").read_bytes()
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
PROMO = Decision(Status.ROUTED, ToQueue("promo", 10), Trace(lambda: ()), rule="autumn")
ANSWER = {
    "CTI_ACTION": "queue",
    "CTI_QUEUE": "promo",
    "CTI_PRIORITY": "10",
    "CTI_RULE": "autumn",
    "CTI_CALL_ID": "asterisk:1700000000.1",
    "CTI_STATUS": "routed",
}


# pytest-asyncio's newer hook for this cannot be kept to one module: it reaches every folder that is collected with it.
pytestmark = pytest.mark.filterwarnings('ignore:Overriding the "event_loop_policy" fixture:pytest.PytestDeprecationWarning')


@pytest.fixture(params=[asyncio.DefaultEventLoopPolicy, uvloop.EventLoopPolicy], ids=["asyncio", "uvloop"])
def event_loop_policy(request: pytest.FixtureRequest) -> asyncio.AbstractEventLoopPolicy:
    """Run each test on both loops."""
    policy: asyncio.AbstractEventLoopPolicy = request.param()
    return policy


async def promo() -> Decision:
    """Decide at once."""
    return PROMO


async def never() -> Decision:
    """Never decide."""
    await asyncio.Event().wait()
    return PROMO


@dataclass
class Decider:
    """A handler that decides as the test says, and keeps what it was asked."""

    after_a_while: Callable[[], Awaitable[Decision]] = promo
    at_once: Callable[[], Decision | None] = lambda: None
    asked: asyncio.Queue[RouteRequest] = field(default_factory=asyncio.Queue)
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Queue[RouteRequest] = field(default_factory=asyncio.Queue)
    deadlines: list[float] = field(default_factory=list)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def decide(self, request: RouteRequest) -> Decision | None:
        """Answer as told."""
        decision = self.at_once()
        if decision is not None:
            self.asked.put_nowait(request)
        return decision

    def begin(self, request: RouteRequest, deadline_at: float, answer: Callable[[Decision], None]) -> Callable[[], None]:
        """Answer as told, later."""
        self.asked.put_nowait(request)
        self.deadlines.append(deadline_at)
        task = asyncio.get_running_loop().create_task(self._answer(answer))
        self.tasks.append(task)

        def let_go() -> None:
            task.cancel()

        return let_go

    async def route(self, request: RouteRequest, deadline_at: float) -> Decision:
        """Be asked by nobody: the session does not wait."""
        raise NotImplementedError

    async def _answer(self, answer: Callable[[Decision], None]) -> None:
        try:
            decision = await self.after_a_while()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        answer(decision)

    def abandoned(self, request: RouteRequest) -> None:
        """Keep who left."""
        self.gone.put_nowait(request)


@dataclass
class Asterisk:
    """One AGI() as seen from the dialplan."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def say(self, data: bytes) -> None:
        """Send bytes."""
        self.writer.write(data)

    async def hear(self) -> dict[str, str]:
        """Return the variables of the next command."""
        line = await self.reader.readline()
        match = re.fullmatch(rb'EXEC MSet "(.*)"\n', line)
        assert match is not None, line
        return dict(pair.split("=", 1) for pair in match[1].decode().split(","))

    async def closed(self) -> bytes:
        """Wait until the other side closes; return what it still said."""
        try:
            return await self.reader.read()
        except ConnectionError:
            return b""

    async def ask(self, block: bytes = BLOCK) -> dict[str, str]:
        """Play a whole session; return the answer."""
        self.say(block)
        answer = await self.hear()
        self.say(b"200 result=0\n")
        assert await self.closed() == b""
        return answer


@dataclass
class Site:
    """A running server and the way to it."""

    server: FastAgiServer
    registry: CollectorRegistry

    @asynccontextmanager
    async def call(self, host: str = "127.0.0.1") -> AsyncIterator[Asterisk]:
        """Connect; everything inside must happen within five seconds."""
        async with asyncio.timeout(5):
            reader, writer = await asyncio.open_connection(host, self.server.port)
            try:
                yield Asterisk(reader, writer)
            finally:
                writer.close()

    def count(self, result: str) -> float:
        """Return how many sessions ended so."""
        return self.registry.get_sample_value("ctiroute_agi_sessions_total", {"result": result}) or 0.0

    async def counted(self, result: str, times: int = 1) -> None:
        """Wait until so many sessions ended so."""
        async with asyncio.timeout(5):
            while self.count(result) < times:  # noqa: ASYNC110 - a counter has no event
                await asyncio.sleep(0.001)


@asynccontextmanager
async def site(decider: Decider, *asterisks: AsteriskSettings, **settings: object) -> AsyncIterator[Site]:
    """Run a server on a free port; fail when anything at all was left to the loop's exception handler."""
    escaped: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: escaped.append(context))
    registry = CollectorRegistry()
    server = FastAgiServer(FastAgiSettings(port=0, **settings), asterisks, "UA", decider, registry, lambda: NOW)  # type: ignore[arg-type]
    await server.start()
    try:
        yield Site(server, registry)
    finally:
        await server.stop()
    assert escaped == []
    assert registry.get_sample_value("ctiroute_agi_open_sockets") == 0


@pytest.mark.parametrize("make", [Decider, lambda: Decider(never, lambda: PROMO)], ids=["waited for", "at once"])
async def test_a_call_is_answered_in_one_round_trip_and_confirmed(make: Callable[[], Decider]) -> None:
    """The environment goes in, the decision comes out as variables with the status last, and the socket closes after the reply."""
    decider = make()
    async with site(decider) as here, here.call() as asterisk:
        answer = await asterisk.ask()
        assert list(answer.items())[-1] == ("CTI_STATUS", "routed")
        assert answer == ANSWER
        await here.counted("routed")
        assert here.registry.get_sample_value("ctiroute_agi_answer_seconds_count") == 1
    request = decider.asked.get_nowait()
    assert (request.call_id, request.caller.phone, request.received_at) == ("asterisk:1700000000.1", "+380671234567", NOW)


async def test_how_the_bytes_arrive_changes_nothing() -> None:
    """An environment that trickles in byte by byte, and a reply cut in two, are the same call."""
    async with site(Decider()) as here, here.call() as asterisk:
        for position in range(len(BLOCK)):
            asterisk.say(BLOCK[position : position + 1])
            await asyncio.sleep(0)
        assert await asterisk.hear() == ANSWER
        asterisk.say(b"200 res")
        await asyncio.sleep(0)
        asterisk.say(b"ult=0\n")
        assert await asterisk.closed() == b""
        await here.counted("routed")


async def test_a_long_answer_waits_for_each_reply() -> None:
    """The second command is sent only after the first is confirmed, so the status cannot come before what it stands for."""

    async def wordy() -> Decision:
        return Decision(Status.ROUTED, ToQueue("promo"), Trace(lambda: ()), variables={f"V{n}": "x" * 100 for n in range(30)})

    async with site(Decider(wordy)) as here, here.call() as asterisk:
        asterisk.say(BLOCK)
        first = await asterisk.hear()
        assert "CTI_STATUS" not in first
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await asterisk.reader.read(1)
        asterisk.say(b"200 result=0\n")
        second = await asterisk.hear()
        assert second["CTI_STATUS"] == "routed"
        assert len(first | second) == 30 + 5
        asterisk.say(b"200 result=0\n")
        assert await asterisk.closed() == b""
        await here.counted("routed")


@pytest.mark.parametrize(
    "garbage",
    [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", bytes.fromhex("1603010200010001fc0303"), b"\0\0\0\0", b"SIP/2.0 200 OK\r\n", b"\n\n"],
    ids=["http", "tls", "zeros", "sip", "blank"],
)
async def test_garbage_is_closed_at_once(garbage: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """Other protocols get no answer and no traceback, and are gone long before the header time is over."""
    decider = Decider()
    async with site(decider) as here, here.call() as asterisk:
        async with asyncio.timeout(1):
            asterisk.say(garbage)
            assert await asterisk.closed() == b""
        assert here.count("garbage") + here.count("hostile") == 1
    assert decider.asked.empty()
    assert not any(record.exc_info for record in caplog.records)


async def test_connect_and_close_is_garbage() -> None:
    """A port scan costs a counter."""
    async with site(Decider()) as here:
        for sent in (b"", BLOCK[:100]):
            async with here.call() as asterisk:
                asterisk.say(sent)
        await here.counted("garbage", 2)


@pytest.mark.parametrize("trickle", [False, True], ids=["silent", "trickling"])
async def test_a_peer_that_does_not_finish_is_closed_when_its_time_is_over(trickle: bool) -> None:
    """Neither silence nor a byte now and then holds a socket beyond the header time."""
    loop = asyncio.get_running_loop()
    async with site(Decider(), header_timeout_s=0.2) as here, here.call() as asterisk:
        began = loop.time()
        if trickle:
            for position in range(200):
                asterisk.say(BLOCK[position : position + 1])
                await asyncio.sleep(0.005)
                if asterisk.reader.at_eof() or here.count("slow"):
                    break
        assert await asterisk.closed() == b""
        assert 0.15 <= loop.time() - began < 1.0
        assert here.count("slow") == 1


async def test_many_silent_sockets_delay_no_call() -> None:
    """Hundreds of sockets that say nothing leave a real call its answer, and all go at their time."""
    async with site(Decider(), header_timeout_s=0.5) as here:
        silent = [await asyncio.open_connection("127.0.0.1", here.server.port) for _ in range(200)]
        async with here.call() as asterisk, asyncio.timeout(0.4):
            assert await asterisk.ask() == ANSWER
        await here.counted("slow", 200)
        for _, writer in silent:
            writer.close()


async def test_a_hostile_environment_decides_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """Smuggled lines are counted, the handler is not asked, and the log does not repeat the text."""
    decider = Decider()
    async with site(decider) as here:
        for _ in range(3):
            async with here.call() as asterisk:
                asterisk.say(BLOCK.replace(b"Olena", b"Olena\nagi_vip: secret-text"))
                assert await asterisk.closed() == b""
        assert here.count("hostile") == 3
    assert decider.asked.empty()
    assert len([record for record in caplog.records if "AGI from" in record.getMessage()]) == 1
    assert "secret-text" not in caplog.text


async def test_a_handler_that_breaks_still_gives_an_answer(caplog: pytest.LogCaptureFixture) -> None:
    """An exception sends the caller the default way at once, and so does a decision that cannot be said."""

    class Broken(Decider):
        def begin(self, request: RouteRequest, deadline_at: float, answer: Callable[[Decision], None]) -> Callable[[], None]:
            super().begin(request, deadline_at, answer)
            raise ZeroDivisionError

    async def nonsense() -> Decision:
        return replace(PROMO, variables={"x": ZeroDivisionError})  # type: ignore[dict-item]

    def broken_at_once() -> Decision:
        raise ZeroDivisionError

    for decider in (Broken(never), Decider(nonsense), Decider(promo, broken_at_once)):
        async with site(decider) as here, here.call() as asterisk:
            assert await asterisk.ask() == {"CTI_ACTION": "default", "CTI_CALL_ID": "asterisk:1700000000.1", "CTI_STATUS": "error"}
            await here.counted("error")
    assert "ZeroDivisionError" in caplog.text


async def test_the_deadline_answers_for_a_handler_that_does_not() -> None:
    """At the deadline the caller gets the default way and the look-up is stopped; the handler's own deadline was a little earlier."""
    decider = Decider(never)
    loop = asyncio.get_running_loop()
    async with site(decider, deadline_s=0.2) as here, here.call() as asterisk:
        began = loop.time()
        assert (await asterisk.ask())["CTI_STATUS"] == "timeout"
        assert 0.15 < loop.time() - began < 0.35
        await decider.cancelled.wait()
        await here.counted("timeout")
        assert decider.deadlines[0] < began + 0.2
    assert decider.gone.empty()


async def test_a_handler_that_will_not_stop_changes_nothing_later() -> None:
    """An answer that comes after the deadline's is not sent."""
    release = asyncio.Event()

    async def stubborn() -> Decision:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await release.wait()
        return PROMO

    async with site(Decider(stubborn), deadline_s=0.1) as here, here.call() as asterisk:
        assert (await asterisk.ask())["CTI_STATUS"] == "timeout"
        release.set()
        await here.counted("timeout")
        assert here.count("routed") == 0


async def test_an_environment_after_the_deadline_is_answered_without_a_look_up() -> None:
    """The deadline counts from accept: a peer that took longer to ask gets the default way at once."""
    decider = Decider()
    async with site(decider, deadline_s=0.05) as here, here.call() as asterisk:
        await asyncio.sleep(0.1)  # the peer that takes too long
        assert (await asterisk.ask())["CTI_STATUS"] == "timeout"
        await here.counted("timeout")
    assert decider.asked.empty()


@pytest.mark.parametrize("way", ["hangup", "close", "reset"])
async def test_a_hang_up_stops_the_look_up(way: str) -> None:
    """The look-up is cancelled within 100 ms, and the handler hears who left."""
    decider = Decider(never)
    async with site(decider) as here, here.call() as asterisk:
        asterisk.say(BLOCK)
        request = await decider.asked.get()
        if way == "hangup":
            asterisk.say(b"HANGUP\n")
        elif way == "close":
            asterisk.writer.close()
        else:
            asterisk.writer.transport.abort()
        async with asyncio.timeout(0.1):
            await decider.cancelled.wait()
            assert await decider.gone.get() == request
        assert here.count("abandoned") == 1
        assert await asterisk.closed() == b""


async def test_a_hang_up_right_behind_the_environment_asks_nothing() -> None:
    """Bytes behind the environment belong to the conversation."""
    decider = Decider()
    async with site(decider) as here, here.call() as asterisk:
        asterisk.say(BLOCK + b"HANGUP\n")
        assert await asterisk.closed() == b""
        assert here.count("abandoned") == 1
    assert decider.asked.empty()


@pytest.mark.parametrize(
    ("said", "result"),
    [
        (b"200 result=1\n", "routed"),
        (b"HANGUP\n200 result=0\n", "routed"),
        (b"HANGUP\n511 Command Not Permitted on a dead channel or intercept routine\n", "unconfirmed"),
        (b"510 Invalid or unknown command\n", "unconfirmed"),
        (b"520-Usage:\n more\n520 End of proper usage.\n", "unconfirmed"),
        (b"200 result=-2\n", "unconfirmed"),
        (b"what?\n", "lost_step"),
        (b"200 result=1 (a\nb)\n", "lost_step"),
        (b"x" * 10_000, "lost_step"),
    ],
)
async def test_the_end_of_a_session_is_told_by_its_reply(said: bytes, result: str) -> None:
    """Only a plain success counts as confirmed; a reply of another form is lost step and closes the session."""
    async with site(Decider()) as here, here.call() as asterisk:
        asterisk.say(BLOCK)
        assert await asterisk.hear() == ANSWER
        asterisk.say(said)
        assert await asterisk.closed() == b""
        await here.counted(result)


async def test_a_reply_before_any_command_is_lost_step() -> None:
    """A peer that talks out of turn during the look-up is closed, and the look-up stopped."""
    decider = Decider(never)
    async with site(decider) as here, here.call() as asterisk:
        asterisk.say(BLOCK)
        await decider.asked.get()
        asterisk.say(b"200 result=0\n")
        assert await asterisk.closed() == b""
        await decider.cancelled.wait()
        assert here.count("lost_step") == 1


async def test_an_answer_nobody_confirms_does_not_hold_the_socket() -> None:
    """A peer that goes, or falls silent, after the answer is closed."""
    async with site(Decider(), header_timeout_s=0.1, deadline_s=0.1) as here:
        async with here.call() as asterisk:
            asterisk.say(BLOCK)
            assert await asterisk.hear() == ANSWER
        await here.counted("unconfirmed")
        async with here.call() as asterisk:
            asterisk.say(BLOCK)
            assert await asterisk.hear() == ANSWER
            assert await asterisk.closed() == b""
        await here.counted("unconfirmed", 2)


async def test_an_unruly_note_taker_does_not_break_the_server() -> None:
    """A handler that raises when told of a hang-up costs nobody anything."""

    class Unruly(Decider):
        def abandoned(self, request: RouteRequest) -> None:
            super().abandoned(request)
            raise ZeroDivisionError

    async with site(Unruly(never)) as here:
        async with here.call() as asterisk:
            asterisk.say(BLOCK + b"HANGUP\n")
            assert await asterisk.closed() == b""
        assert here.count("abandoned") == 1


async def test_sockets_beyond_the_bound_are_closed_at_once() -> None:
    """The bound counts open sockets; when one goes, the next is served."""
    async with site(Decider(), max_sockets=1) as here:
        async with here.call() as first:
            first.say(BLOCK[:10])
            async with here.call() as second:
                assert await second.closed() == b""
            assert here.count("overload") == 1
            assert here.registry.get_sample_value("ctiroute_agi_open_sockets") == 1
        await here.counted("garbage")
        async with here.call() as third:
            assert await third.ask() == ANSWER


def own_address() -> str | None:
    """Return an address of this machine that is not loopback; no packet is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return None
        address: str = probe.getsockname()[0]
        return None if address.startswith("127.") else address


@pytest.mark.skipif(own_address() is None, reason="this machine has only loopback")
async def test_a_peer_that_is_not_listed_is_closed_unread() -> None:
    """Only listed networks and loopback are heard."""
    address = own_address() or ""
    decider = Decider()
    async with site(decider, host="0.0.0.0", allow_from=("198.51.100.0/24",)) as here:
        async with here.call(address) as asterisk:
            asterisk.say(BLOCK)
            assert await asterisk.closed() == b""
        assert here.count("refused_peer") == 1
        assert decider.asked.empty()
        async with here.call() as asterisk:
            assert await asterisk.ask() == ANSWER
    async with site(decider, host="0.0.0.0", allow_from=(address + "/32",)) as here, here.call(address) as asterisk:
        assert await asterisk.ask() == ANSWER


@pytest.mark.parametrize(
    ("script", "served"),
    [
        ("route/s3cret", True),
        ("route/s3cret?pbx=two", True),
        ("route", False),
        ("route/wrong", False),
        ("route/s3cret/x", False),
        ("x/s3cret", False),
    ],
)
async def test_the_secret_must_be_right_and_is_never_logged(script: str, served: bool, caplog: pytest.LogCaptureFixture) -> None:
    """Without the right script path the session is closed unanswered."""
    caplog.set_level(logging.DEBUG)
    block = BLOCK.replace(b"script: route", b"script: " + script.encode())
    async with site(Decider(), secret="s3cret") as here, here.call() as asterisk:
        if served:
            assert await asterisk.ask(block) == ANSWER
        else:
            asterisk.say(block)
            assert await asterisk.closed() == b""
            assert here.count("refused_script") == 1
    assert "s3cret" not in caplog.text
    assert "wrong," not in caplog.text.replace("or a wrong secret", "")


@pytest.mark.parametrize(
    ("script", "pbx"), [("route", "two"), ("route?pbx=three", "three"), ("route?pbx=nobody", "two"), ("route?x=1&pbx=one", "one")]
)
async def test_the_asterisk_is_known_by_query_or_address(script: str, pbx: str) -> None:
    """A configured name in the query wins, else the peer's address tells who asks."""
    names = (
        AsteriskSettings("one", host="192.0.2.1"),
        AsteriskSettings("two", host="192.0.2.2", addresses=("127.0.0.1",)),
        AsteriskSettings("three"),
    )
    block = BLOCK.replace(b"script: route", b"script: " + script.encode())
    async with site(Decider(), *names) as here, here.call() as asterisk:
        assert (await asterisk.ask(block))["CTI_CALL_ID"] == f"{pbx}:1700000000.1"


async def test_drain_finishes_the_calls_in_hand() -> None:
    """After the drain began nobody new is let in, and the call in hand still has its answer."""
    release = asyncio.Event()

    async def patient() -> Decision:
        await release.wait()
        return PROMO

    decider = Decider(patient)
    async with site(decider) as here, here.call() as asterisk:
        asterisk.say(BLOCK)
        await decider.asked.get()
        async with asyncio.TaskGroup() as group:
            drained = group.create_task(here.server.drain(5), name="drain")
            await asyncio.sleep(0)
            with pytest.raises(OSError, match=r"refused|Connect call failed"):
                await asyncio.open_connection("127.0.0.1", here.server.port)
            assert not drained.done()
            release.set()
            assert await asterisk.hear() == ANSWER
            asterisk.say(b"200 result=0\n")
        assert here.count("routed") == 1


async def test_drain_does_not_wait_for_ever() -> None:
    """What is not over in time is closed, and its look-up stopped."""
    decider = Decider(never)
    async with site(decider, deadline_s=5.0) as here, here.call() as asterisk:
        asterisk.say(BLOCK)
        await decider.asked.get()
        await here.server.drain(0.05)
        assert decider.cancelled.is_set()
        assert await asterisk.closed() == b""


async def test_a_destination_that_cannot_be_said_is_counted() -> None:
    """The caller takes the default way, the status says that something is wrong, and the metric says what."""

    async def odd() -> Decision:
        return Decision(Status.ROUTED, ToQueue("a queue"), Trace(lambda: ()))

    async with site(Decider(odd)) as here, here.call() as asterisk:
        assert (await asterisk.ask())["CTI_STATUS"] == "error"
        await here.counted("error")
        assert here.registry.get_sample_value("ctiroute_agi_values_dropped_total", {"name": "CTI_ACTION"}) == 1


async def test_stopping_is_possible_at_any_time() -> None:
    """Before the start there is nothing to stop, an idle server drains at once, and stopping twice is stopping."""
    server = FastAgiServer(FastAgiSettings(port=0), (), "UA", Decider(), CollectorRegistry(), lambda: NOW)
    await server.stop()
    await server.drain(1)
    await server.start()
    async with asyncio.timeout(0.5):
        await server.drain(60)
    await server.stop()


async def test_a_taken_port_is_an_error_of_the_start() -> None:
    """The service hears that it cannot listen, with the system's own words."""
    async with site(Decider()) as here:
        second = FastAgiServer(FastAgiSettings(port=here.server.port), (), "UA", Decider(), CollectorRegistry(), lambda: NOW)
        with pytest.raises(OSError, match="in use"):
            await second.start()
