"""The manager interface of the lab's Asterisk: an AMI server that behaves as main/manager.c of release 22 does.

Knows sessions, logins and answers; what there is to tell comes from a `Truth`. A reader that stalls is dropped, as Asterisk does.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import secrets
import time
from typing import TYPE_CHECKING, Protocol, cast

from ctiroute.lab.channels import Event, Headers, block

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

BANNER = b"Asterisk Call Manager/11.0.0\r\n"
WRONG_LOGIN_S = 1.0  # manager.c sleeps so long before it closes on a wrong password
MAX_BACKLOG = 1 << 20  # bytes a session may lag behind before it is dropped (Asterisk: writetimeout)
_MAX_LINE = 1025  # manager.c: inbuf
_MAX_HEADERS = 128  # AST_MAX_MANHEADERS
_CLASSES = frozenset({"call", "agent"})  # what the shipped account may read


class Truth(Protocol):
    """What the switch knows, asked when a session asks."""

    def channel_list(self) -> Iterable[Headers]:
        """Yield the headers of each CoreShowChannel."""

    def queue_list(self) -> Iterable[tuple[str, Headers]]:
        """Yield the name and headers of each QueueParams, QueueMember and QueueEntry, in order."""


class Session(asyncio.Protocol):
    """One manager connection."""

    def __init__(self, server: Manager) -> None:
        self._server = server
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._challenge = ""
        self._reads: frozenset[str] = frozenset()
        self.logged_in = False
        self.asked: set[str] = set()  # actions this session has had answered
        self._late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance
        self._server.sessions.add(self)
        self._server.idle.clear()
        self._transport.write(BANNER)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's interface
        """Forget the session."""
        self._transport = None
        self._server.sessions.discard(self)
        if not self._server.sessions:
            self._server.idle.set()
        if self._late:
            self._late.cancel()

    def data_received(self, data: bytes) -> None:
        """Take actions: header lines up to a blank one. Lines may end in CRLF or LF."""
        self._buffer += data
        while self._transport is not None and not self._late:
            head, blank, rest = self._buffer.replace(b"\r\n", b"\n").partition(b"\n\n")
            if not blank:
                if len(self._buffer) > _MAX_LINE * _MAX_HEADERS:
                    self._transport.abort()
                return
            self._buffer = rest
            lines = (line.partition(":") for line in head.decode(errors="replace").split("\n") if ":" in line)
            self._action({key.strip().lower(): value.strip() for key, _, value in lines})

    def tell(self, event: Event, data: bytes) -> None:
        """Send an event if this session may read it and wants it."""
        if self.logged_in and event.privilege in self._reads:
            self._write(data)

    def close(self) -> None:
        """End the session at once, as a broken link does."""
        if self._transport is not None:
            self._transport.abort()

    # --- actions

    def _action(self, headers: Mapping[str, str]) -> None:
        name = headers.get("action", "").lower()
        action_id = headers.get("actionid", "")
        if name in {"challenge", "login", "logoff"}:
            self._open(name, headers, action_id)
        elif not self.logged_in:
            self._respond("Error", action_id, "Permission denied")
        elif name == "ping":
            self._respond("Success", action_id, "", ("Ping", "Pong"), ("Timestamp", f"{time.time():.6f}"))
        elif name == "events":
            self._mask(headers.get("eventmask", "on"))
            self._respond("Success", action_id, "", ("Events", "On" if self._reads else "Off"))
        elif name == "queuestatus":
            self._list("QueueStatus", action_id, "Queue status will follow", self._server.truth.queue_list())
        elif name == "coreshowchannels":
            channels = (("CoreShowChannel", headers) for headers in self._server.truth.channel_list())
            self._list("CoreShowChannels", action_id, "Channels will follow", channels)
        else:
            self._respond("Error", action_id, "Invalid/unknown command")
        self.asked.add(name)
        self._server.changed.set()

    def _open(self, name: str, headers: Mapping[str, str], action_id: str) -> None:
        if name == "challenge":
            if headers.get("authtype", "").lower() != "md5":
                self._respond("Error", action_id, "Must specify AuthType")
                return
            self._challenge = str(secrets.randbelow(10**9))
            self._respond("Success", action_id, "", ("Challenge", self._challenge))
        elif name == "login":
            self._login(headers, action_id)
        else:
            self._respond("Goodbye", action_id, "Thanks for all the fish.")
            if self._transport is not None:
                self._transport.close()

    def _login(self, headers: Mapping[str, str], action_id: str) -> None:
        secret = self._server.secret
        if headers.get("authtype", "").lower() == "md5":
            wanted = hashlib.md5((self._challenge + secret).encode(), usedforsecurity=False).hexdigest() if self._challenge else ""
            given = headers.get("key", "")
        else:
            wanted, given = secret, headers.get("secret", "")
        known = headers.get("username", "") == self._server.username
        if not (known and wanted and hmac.compare_digest(wanted.encode(), given.encode())):
            self._late = asyncio.get_running_loop().call_later(self._server.wrong_login_s, self._refuse, action_id)
            return
        self.logged_in = True
        self._mask(headers.get("events", "on"))
        self._respond("Success", action_id, "Authentication accepted")

    def _refuse(self, action_id: str) -> None:
        self._respond("Error", action_id, "Authentication failed")
        if self._transport is not None:
            self._transport.close()

    def _mask(self, mask: str) -> None:
        """Take the classes a session wants; it never gets more than its account may read."""
        wanted = mask.lower()
        if wanted in {"on", "yes", "true", "1", "all"}:
            self._reads = _CLASSES
        else:
            self._reads = _CLASSES & {word.strip() for word in wanted.split(",")}

    def _list(self, action: str, action_id: str, message: str, items: Iterable[tuple[str, Headers]]) -> None:
        tag: Headers = (("ActionID", action_id),) if action_id else ()
        self._respond("Success", action_id, message, ("EventList", "start"))
        number = 0
        for name, headers in items:
            # QueueStatus writes the ActionID last, CoreShowChannels first (app_queue.c, manager.c).
            body = (*tag, *headers) if action == "CoreShowChannels" else (*headers, *tag)
            self._write(block((("Event", name), *body)))
            number += 1
        self._write(block((("Event", f"{action}Complete"), *tag, ("EventList", "Complete"), ("ListItems", str(number)))))

    def _respond(self, response: str, action_id: str, message: str, *more: tuple[str, str]) -> None:
        tag: Headers = (("ActionID", action_id),) if action_id else ()
        # astman_send_listack writes EventList before Message, all other answers have the message alone or no message.
        text: Headers = (("Message", message),) if message else ()
        self._write(block((("Response", response), *tag, *more, *text)))

    def _write(self, data: bytes) -> None:
        if self._transport is None:
            return
        self._transport.write(data)
        if self._transport.get_write_buffer_size() > MAX_BACKLOG:
            self._transport.abort()


class Manager:
    """The server and its sessions. `truth` answers lists; `wrong_login_s` is how long a refusal takes."""

    def __init__(self, username: str, secret: str, truth: Truth, *, wrong_login_s: float = WRONG_LOGIN_S) -> None:
        self.username = username
        self.secret = secret
        self.truth = truth
        self.wrong_login_s = wrong_login_s
        self.sessions: set[Session] = set()
        self.changed = asyncio.Event()
        self.idle = asyncio.Event()  # set while there is no session
        self.idle.set()
        self.port = 0
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> None:
        """Listen; port 0 takes any free one, `port` tells which."""
        self._server = await asyncio.get_running_loop().create_server(lambda: Session(self), host, port)
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Close the port and every session."""
        if self._server is not None:
            self._server.close()
        self.drop()
        if self._server is not None:
            await self._server.wait_closed()

    def drop(self) -> None:
        """Break every session, as a lost link does; the port stays open."""
        for session in tuple(self.sessions):
            session.close()

    def publish(self, event: Event) -> None:
        """Send an event to every session that may read it."""
        data = event.encode()
        for session in tuple(self.sessions):
            session.tell(event, data)

    async def listener(self, timeout_s: float) -> bool:
        """Wait until some session has logged in and read the live channels, thus hears what comes; False when none did in time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while not any(session.logged_in and "coreshowchannels" in session.asked for session in self.sessions):
                    self.changed.clear()
                    await self.changed.wait()
                return True
        return False
