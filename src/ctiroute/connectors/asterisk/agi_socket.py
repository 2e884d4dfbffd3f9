"""The daemon's side of `ctiroute-agi`: a unix socket on which the script hands over an AGI environment and gets variables back.

One line of JSON each way, `{"environment": [line, …]}` and `{"variables": {name: value, …}}`. The same handler, deadline and checks as
over FastAGI; a script that goes before its answer is a caller who hung up. Streams, not callbacks: a process for each call costs a
hundred times what they do.
"""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import socket
import stat
from typing import TYPE_CHECKING, Final

from ctiroute.connectors.asterisk.access import ScriptPath
from ctiroute.connectors.asterisk.agi_metrics import AgiMetrics, SessionResult
from ctiroute.connectors.asterisk.agi_session import HANDLER_MARGIN_S
from ctiroute.connectors.asterisk.translate.routing import failed, to_route_request, to_variables
from ctiroute.errors import AgiError
from ctiroute.model import Status
from ctiroute.protocol.agi_environment import MAX_ENVIRONMENT, AgiEnvironment, read_environment

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from prometheus_client import CollectorRegistry

    from ctiroute.connectors.asterisk.ports import RouteHandler
    from ctiroute.model import Decision, RouteRequest
    from ctiroute.settings.model import AsteriskSettings, FastAgiSettings

log = logging.getLogger(__name__)

MODE: Final = 0o660  # Asterisk runs as another user: it shares our group
MAX_LINE: Final = 8 * MAX_ENVIRONMENT  # bytes of JSON; one byte of the environment can take six there


class AgiSocketServer:
    """Listens at `path` for `ctiroute-agi`; the other arguments are those of `FastAgiServer`."""

    def __init__(
        self,
        path: Path,
        settings: FastAgiSettings,
        asterisks: tuple[AsteriskSettings, ...],
        region: str,
        handler: RouteHandler,
        registry: CollectorRegistry,
        clock: Callable[[], datetime],
    ) -> None:
        self._path = path
        self._settings = settings
        self._pbx = ScriptPath("", asterisks).by_address("127.0.0.1")  # the script runs where its Asterisk runs: here
        self._region = region
        self._handler = handler
        self._clock = clock
        self._metrics = AgiMetrics(registry, lambda: float(len(self._sessions)), "ctiroute_agi_socket")
        self._sessions: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Bind and listen. Raises `OSError` when the directory is missing or another daemon listens there."""
        self._server = await asyncio.start_unix_server(self._serve, sock=_bind(self._path), limit=MAX_LINE)
        log.info("ctiroute-agi is heard at %s", self._path)

    async def drain(self, timeout_s: float) -> None:
        """Accept no more, and wait until the calls in hand have their answers, for at most `timeout_s`; the rest is closed."""
        if self._server is not None:
            self._server.close()
        if self._sessions:
            await asyncio.wait(self._sessions, timeout=timeout_s)
        await self.stop()

    async def stop(self) -> None:
        """Close the socket and every session now."""
        if self._server is None:
            return
        self._server.close()
        self._server = None
        for session in self._sessions:
            session.cancel()
        if self._sessions:
            await asyncio.wait(self._sessions)
        self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("asyncio runs this in a task")
        self._sessions.add(task)
        try:
            if len(self._sessions) > self._settings.max_sockets:
                self._metrics.ended(SessionResult.OVERLOAD)
            else:
                self._metrics.ended(await self._session(reader, writer))
        finally:
            self._sessions.discard(task)
            writer.close()

    async def _session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> SessionResult:
        loop = asyncio.get_running_loop()
        accepted_at = loop.time()
        try:
            async with asyncio.timeout_at(accepted_at + self._settings.header_timeout_s):
                request = self._read(await reader.readuntil(b"\n"))
        except TimeoutError:
            return SessionResult.SLOW
        except AgiError as error:
            log.warning("ctiroute-agi: %s", error)
            return SessionResult.HOSTILE if error.hostile else SessionResult.GARBAGE
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return SessionResult.GARBAGE
        values = await self._answer(request, reader, accepted_at + self._settings.deadline_s)
        if values is None:
            return SessionResult.ABANDONED
        try:
            writer.write(json.dumps({"variables": values}).encode() + b"\n")
            await writer.drain()
        except OSError:
            return SessionResult.UNCONFIRMED
        self._metrics.answered(loop.time() - accepted_at)
        return SessionResult(values["CTI_STATUS"])

    def _read(self, line: bytes) -> RouteRequest:
        try:
            lines = json.loads(line)["environment"]
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise AgiError("not a line of ctiroute-agi") from error
        if not isinstance(lines, list) or not all(isinstance(text, str) for text in lines):
            raise AgiError("not a line of ctiroute-agi")
        if any("\n" in text or "\0" in text for text in lines):
            raise AgiError("a NUL or a line break in the environment", hostile=True)
        return to_route_request(_without_option(read_environment(lines)), self._pbx, self._region, self._clock())

    async def _answer(self, request: RouteRequest, reader: asyncio.StreamReader, deadline_at: float) -> dict[str, str] | None:
        """Return the variables for a call, or None when the caller has gone."""
        async with asyncio.TaskGroup() as group:
            routing = group.create_task(self._route(request, deadline_at), name=f"route {request.call_id}")
            # The script says nothing after its line, so whatever is read here, it has gone.
            leaving = group.create_task(_until_gone(reader), name=f"hang-up {request.call_id}")
            time_left = max(0.0, deadline_at - asyncio.get_running_loop().time())
            await asyncio.wait({routing, leaving}, timeout=time_left, return_when=asyncio.FIRST_COMPLETED)
            decided, gone = routing.done(), leaving.done()
            routing.cancel()
            leaving.cancel()
        if decided:
            decision = None if routing.cancelled() else routing.result()
            return failed(request.call_id) if decision is None else to_variables(decision, request.call_id, self._metrics.dropped)
        if gone:
            try:
                self._handler.abandoned(request)
            except Exception:
                log.exception("%s: taking note of the hang-up failed", request.call_id)
            return None
        log.warning("%s: no decision in time, taking the default way", request.call_id)
        return failed(request.call_id, Status.TIMEOUT)

    async def _route(self, request: RouteRequest, deadline_at: float) -> Decision | None:
        """Ask the handler; None when it broke."""
        try:
            return await self._handler.route(request, deadline_at - HANDLER_MARGIN_S)
        except Exception:
            log.exception("%s: the decision failed, taking the default way", request.call_id)
            return None


async def _until_gone(reader: asyncio.StreamReader) -> None:
    try:
        await reader.read(1)
    except OSError:
        return


def _without_option(env: AgiEnvironment) -> AgiEnvironment:
    """Leave out what the script told itself: its own option is no argument of the call."""
    return AgiEnvironment(env.values, tuple(arg for arg in env.args if not arg.startswith("--socket=")))


def _bind(path: Path) -> socket.socket:
    """Return a bound unix socket with its mode set before anybody can connect; takes the place of a dead daemon's."""
    try:
        if stat.S_ISSOCK(path.lstat().st_mode):
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
                probe.settimeout(1.0)
                if probe.connect_ex(str(path)) == 0:
                    raise OSError(errno.EADDRINUSE, "another daemon listens there", str(path))
            path.unlink()
    except FileNotFoundError:
        pass
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(str(path))
        path.chmod(MODE)
    except OSError:
        listener.close()
        raise
    return listener
