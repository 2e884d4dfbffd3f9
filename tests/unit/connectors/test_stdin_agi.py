"""`ctiroute-agi` as Asterisk starts it: a real process on real pipes, with a real daemon socket behind it (or a wrong one, or none)."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import stat
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from ctiroute.connectors.asterisk.agi_socket import AgiSocketServer
from ctiroute.model import Decision, RouteRequest, Status, ToMenu, Trace
from ctiroute.settings.model import AsteriskSettings, FastAgiSettings

pytestmark = pytest.mark.lengthy

BLOCK = (Path(__file__).parents[2] / "data" / "agi" / "asterisk-22.10.1-script.agi").read_bytes()
LINE = json.dumps({"environment": BLOCK.decode().rstrip("\n").split("\n")}).encode() + b"\n"
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
MENU = Decision(Status.ROUTED, ToMenu("credit"), Trace(lambda: ()))
COMMAND = b'EXEC MSet "CTI_ACTION=menu,CTI_MENU=credit,CTI_CALL_ID=pbx1:pbx-1700000000.6,CTI_STATUS=routed"\n'


async def menu() -> Decision:
    """Decide at once."""
    return MENU


async def never() -> Decision:
    """Never decide."""
    await asyncio.Event().wait()
    return MENU


@dataclass
class Decider:
    """A handler that decides as the test says."""

    after_a_while: Callable[[], Awaitable[Decision]] = menu
    asked: asyncio.Queue[RouteRequest] = field(default_factory=asyncio.Queue)
    gone: asyncio.Queue[RouteRequest] = field(default_factory=asyncio.Queue)

    def decide(self, request: RouteRequest) -> Decision | None:  # noqa: ARG002 - the RouteHandler's interface
        """Wait, always."""
        return None

    def begin(self, request: RouteRequest, deadline_at: float, answer: Callable[[Decision], None]) -> Callable[[], None]:
        """Be asked by nobody: this server waits."""
        raise NotImplementedError

    async def route(self, request: RouteRequest, deadline_at: float) -> Decision:
        """Answer as told."""
        assert deadline_at > 0
        self.asked.put_nowait(request)
        return await self.after_a_while()

    def abandoned(self, request: RouteRequest) -> None:
        """Keep who left."""
        self.gone.put_nowait(request)


@dataclass
class Daemon:
    """A running socket server."""

    server: AgiSocketServer
    path: Path
    registry: CollectorRegistry

    async def counted(self, result: str) -> None:
        """Wait until a session ended so."""
        async with asyncio.timeout(5):
            while not self.registry.get_sample_value("ctiroute_agi_socket_sessions_total", {"result": result}):  # noqa: ASYNC110 - a counter has no event
                await asyncio.sleep(0.001)

    async def send(self, data: bytes) -> bytes:
        """Say something else than the script would; return the answer."""
        async with asyncio.timeout(5):
            reader, writer = await asyncio.open_unix_connection(self.path)
            writer.write(data)
            answer = await reader.read()
            writer.close()
            return answer


@asynccontextmanager
async def daemon(folder: Path, decider: Decider, **settings: float) -> AsyncIterator[Daemon]:
    """Run a daemon's socket in this folder."""
    registry, path = CollectorRegistry(), folder / "agi.sock"
    server = AgiSocketServer(path, FastAgiSettings(**settings), (AsteriskSettings("pbx1"),), "UA", decider, registry, lambda: NOW)  # type: ignore[arg-type]
    await server.start()
    try:
        yield Daemon(server, path, registry)
    finally:
        await server.stop()
    assert not path.exists()


@asynccontextmanager
async def script(*args: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Start the script as Asterisk does; it must end by itself, quietly, with 0."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "ctiroute.connectors.asterisk.stdin_agi",
        "pbx-1700000000.6",
        *args,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(15):
            yield process
            _, complaint = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0
    assert b"Traceback" not in complaint
    assert "Олена".encode() not in complaint


def to(process: asyncio.subprocess.Process, data: bytes) -> None:
    """Write to the script's standard input."""
    assert process.stdin is not None
    process.stdin.write(data)


async def line_of(process: asyncio.subprocess.Process) -> bytes:
    """Return the script's next line; b"" when it says nothing more."""
    assert process.stdout is not None
    return await process.stdout.readline()


async def test_the_script_sets_what_the_daemon_says(tmp_path: Path) -> None:
    """The environment reaches the handler whole, the answer reaches Asterisk in one command, and stderr stays empty."""
    decider = Decider()
    async with daemon(tmp_path, decider) as here:
        async with script(f"--socket={here.path}") as process:
            to(process, BLOCK)
            assert await line_of(process) == COMMAND
            to(process, b"200 result=0\n")
            assert await line_of(process) == b""
            assert process.stderr is not None
            assert await process.stderr.read() == b""
        await here.counted("routed")
    request = decider.asked.get_nowait()
    assert (request.caller.phone, request.dialed, request.args) == ("+380671234567", "+380800300000", ("promo",))


async def test_the_socket_may_be_named_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """CTIROUTE_AGI_SOCKET stands in for the option."""
    async with daemon(tmp_path, Decider()) as here:
        monkeypatch.setenv("CTIROUTE_AGI_SOCKET", str(here.path))
        async with script() as process:
            to(process, BLOCK)
            assert await line_of(process) == COMMAND
            to(process, b"200 result=0\n")


async def test_without_a_daemon_nothing_is_set(tmp_path: Path) -> None:
    """No socket, no variable: the dialplan sees an empty status."""
    async with script(f"--socket={tmp_path / 'none.sock'}") as process:
        to(process, BLOCK)
        assert await line_of(process) == b""


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"garbage\n",
        b"[]\n",
        b'{"variables": 1}\n',
        b'{"variables": {"CTI_STATUS": 1}}\n',
        b'{"variables": {"CTI_STATUS": "routed"}}',
        b'{"variables": {"SHELL": "x", "CTI_STATUS": "routed"}}\n',
        b'{"variables": {"CTI_X_A": "a,b", "CTI_STATUS": "routed"}}\n',
        b"\xff\xfe\n",
        b"[" * 50_000 + b"\n",
    ],
)
async def test_a_daemon_that_talks_nonsense_sets_nothing(tmp_path: Path, answer: bytes) -> None:
    """Whatever comes back, only whole answers inside the contract are set."""

    async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(answer)
        writer.close()

    path = tmp_path / "agi.sock"
    server = await asyncio.start_unix_server(nonsense, path)
    async with server, script(f"--socket={path}") as process:
        to(process, BLOCK)
        assert await line_of(process) == b""


async def test_a_daemon_that_hangs_is_given_up(tmp_path: Path) -> None:
    """The script bounds itself: it ends without setting anything while the daemon still thinks."""
    decider = Decider(never)
    async with daemon(tmp_path, decider, deadline_s=60.0) as here, script(f"--socket={here.path}") as process:
        to(process, BLOCK)
        assert await line_of(process) == b""
        assert await decider.gone.get() == decider.asked.get_nowait()


@pytest.mark.parametrize("way", ["sighup", "eof"])
async def test_a_hang_up_during_the_look_up_ends_the_script(tmp_path: Path, way: str) -> None:
    """SIGHUP, as Asterisk sends it, ends the script at once and is known to the daemon; a closed pipe ends it after the answer."""
    decider = Decider(never if way == "sighup" else menu)
    async with daemon(tmp_path, decider) as here, script(f"--socket={here.path}") as process:
        to(process, BLOCK)
        await decider.asked.get()
        if way == "sighup":
            process.send_signal(signal.SIGHUP)
            async with asyncio.timeout(0.5):
                await decider.gone.get()
            assert await line_of(process) == b""
        else:
            assert process.stdin is not None
            process.stdin.close()


@pytest.mark.parametrize(
    "said", [b"HANGUP\n", b"HANGUP\n511 Command Not Permitted\n", b"520-Usage:\nx\n", b"510 Invalid\n", b"200 result=-1\n", b"x\n"]
)
async def test_whatever_asterisk_replies_the_script_ends(tmp_path: Path, said: bytes) -> None:
    """Neither a hang-up nor a reply that never ends, with the pipe closed behind it, holds the process or makes it fail."""
    async with daemon(tmp_path, Decider()) as here, script(f"--socket={here.path}") as process:
        to(process, BLOCK)
        assert await line_of(process) == COMMAND
        to(process, said)
        assert process.stdin is not None
        process.stdin.close()


async def test_a_closed_output_is_no_failure(tmp_path: Path) -> None:
    """Asterisk may close the pipe before the answer is written."""
    inner, outer = os.pipe()
    async with daemon(tmp_path, Decider()) as here:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "ctiroute.connectors.asterisk.stdin_agi",
            f"--socket={here.path}",
            stdin=asyncio.subprocess.PIPE,
            stdout=outer,
            stderr=asyncio.subprocess.PIPE,
        )
        os.close(outer)
        os.close(inner)
        async with asyncio.timeout(15):
            _, complaint = await process.communicate(BLOCK)
    assert process.returncode == 0
    assert b"Traceback" not in complaint
    assert b"Exception ignored" not in complaint


@pytest.mark.parametrize(
    ("lines", "result"),
    [
        (b"GET / HTTP/1.1\n", "garbage"),
        (b"\xff\n", "garbage"),
        (b'{"environment": "x"}\n', "garbage"),
        (b'{"environment": [1]}\n', "garbage"),
        (b"[" * 40_000 + b"\n", "garbage"),
        (b"x" * 80_000, "garbage"),
        (json.dumps({"environment": []}).encode() + b"\n", "hostile"),
        (json.dumps({"environment": [*BLOCK.decode().split("\n")[:-2], "agi_vip: 1"]}).encode() + b"\n", "hostile"),
        (json.dumps({"environment": [*BLOCK.decode().split("\n")[:-2], "agi_arg_3: 1\n2"]}).encode() + b"\n", "hostile"),
    ],
)
async def test_the_daemon_believes_no_other_line(tmp_path: Path, lines: bytes, result: str) -> None:
    """What is no environment is closed without an answer, and a hostile one is counted as such."""
    decider = Decider()
    async with daemon(tmp_path, decider) as here:
        with suppress(ConnectionError):
            assert await here.send(lines) == b""
        await here.counted(result)
    assert decider.asked.empty()


async def test_the_daemon_keeps_its_deadlines(tmp_path: Path) -> None:
    """A silent script is let go, a slow or broken handler is answered for."""

    async def broken() -> Decision:
        raise ZeroDivisionError

    async def cancelled() -> Decision:
        raise asyncio.CancelledError

    async with daemon(tmp_path, Decider(), header_timeout_s=0.1) as here:
        assert await here.send(b"{") == b""
        await here.counted("slow")
    for decide, status in ((never, "timeout"), (broken, "error"), (cancelled, "error")):
        async with daemon(tmp_path, Decider(decide), deadline_s=0.2) as here:
            assert json.loads(await here.send(LINE))["variables"]["CTI_STATUS"] == status
            await here.counted(status)


async def test_the_socket_is_for_the_group_and_for_one_daemon(tmp_path: Path) -> None:
    """Others cannot open it, a second daemon is refused, a dead one's socket is replaced, and another file is left alone."""
    async with daemon(tmp_path, Decider()) as here:
        assert stat.S_IMODE(here.path.stat().st_mode) == 0o660
        with pytest.raises(OSError, match="another daemon"):
            async with daemon(tmp_path, Decider()):
                pass
    dead = tmp_path / "agi.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(dead))
    async with daemon(tmp_path, Decider()):
        pass
    dead.write_text("mine")
    with pytest.raises(OSError, match="in use"):
        async with daemon(tmp_path, Decider()):
            pass
    assert dead.read_text() == "mine"


async def test_the_drain_lets_the_call_in_hand_finish(tmp_path: Path) -> None:
    """After the drain began the call in hand still has its answer."""
    release = asyncio.Event()

    async def patient() -> Decision:
        await release.wait()
        return MENU

    decider = Decider(patient)
    async with daemon(tmp_path, decider) as here, asyncio.TaskGroup() as group:
        asking = group.create_task(here.send(LINE), name="ask")
        await decider.asked.get()
        draining = group.create_task(here.server.drain(5), name="drain")
        await asyncio.sleep(0)
        assert not draining.done()
        release.set()
        assert json.loads(await asking)["variables"]["CTI_STATUS"] == "routed"


async def test_the_drain_does_not_wait_for_ever(tmp_path: Path) -> None:
    """What is not over in time is closed without an answer: the script takes the default way."""
    decider = Decider(never)
    async with daemon(tmp_path, decider, deadline_s=60.0) as here, asyncio.TaskGroup() as group:
        asking = group.create_task(here.send(LINE), name="ask")
        await decider.asked.get()
        await here.server.drain(0.05)
        assert await asking == b""


async def test_scripts_beyond_the_bound_are_closed_at_once(tmp_path: Path) -> None:
    """The bound is that of the FastAGI sockets."""
    async with daemon(tmp_path, Decider(), max_sockets=1) as here:
        _, writer = await asyncio.open_unix_connection(here.path)
        assert await here.send(b"") == b""
        await here.counted("overload")
        writer.close()


async def test_an_unruly_note_taker_does_not_break_the_daemon(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A handler that raises when told of a hang-up costs nobody anything."""

    class Unruly(Decider):
        def abandoned(self, request: RouteRequest) -> None:
            super().abandoned(request)
            raise ZeroDivisionError

    decider = Unruly(never)
    async with daemon(tmp_path, decider) as here:
        _, writer = await asyncio.open_unix_connection(here.path)
        writer.write(LINE)
        await decider.asked.get()
        writer.close()
        await here.counted("abandoned")
    assert "taking note of the hang-up failed" in caplog.text
