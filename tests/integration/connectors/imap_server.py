"""A mail server on a real socket that speaks as much IMAP4rev1 (RFC 3501) as a poller needs, and misbehaves when a test says so."""

from __future__ import annotations

import asyncio
import base64
import re
import ssl
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

USER, PASSWORD = "help", "geheim ✓"


@dataclass
class Kept:
    """One mail on the server."""

    raw: bytes
    date: str = "02-Mar-2026 08:30:00 +0000"
    flags: set[str] = field(default_factory=set)


@dataclass
class MailServer:
    """One folder, INBOX."""

    mails: dict[int, Kept] = field(default_factory=dict)
    keywords: bool = True  # clients may set words of their own
    plain: bool = True  # AUTHENTICATE PLAIN is offered
    read_only: bool = False
    starttls: ssl.SSLContext | None = None
    withholds: set[int] = field(default_factory=set)  # UIDs that are named and not handed over
    hangs_on: str = ""  # a command that is never answered
    answers: dict[str, bytes] = field(default_factory=dict)  # command -> what is answered in place of it
    drops_after: str = ""  # a command after which the connection is cut
    heard: list[str] = field(default_factory=list)
    port: int = 0

    def gets(self, raw: bytes) -> int:
        """Let a mail arrive, and return its UID."""
        uid = max(self.mails, default=100) + 1
        self.mails[uid] = Kept(raw)
        return uid

    def marked(self, flag: str = "CtirouteTaken") -> set[int]:
        """Return the UIDs of mail with this flag."""
        return {uid for uid, mail in self.mails.items() if flag in mail.flags}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Talk to one client."""
        writer.write(b"* OK ready\r\n")
        with suppress(ConnectionError):
            while line := await reader.readline():
                tag, _, rest = line.decode().rstrip("\r\n").partition(" ")
                command = rest.upper()
                name = " ".join(command.split()[: 2 if command.startswith("UID") else 1])
                self.heard.append(name)
                if name == "STARTTLS" and self.starttls is not None:
                    writer.write(f"{tag} OK begin\r\n".encode())
                    await writer.drain()
                    await writer.start_tls(self.starttls)
                    continue
                if name == self.hangs_on:
                    await asyncio.Event().wait()
                if name in self.answers:
                    writer.write(self.answers[name].replace(b"TAG", tag.encode()))
                else:
                    writer.write(await self._answer(tag, name, rest, reader, writer))
                await writer.drain()
                if name in {self.drops_after, "LOGOUT"}:
                    break

    async def _answer(self, tag: str, name: str, rest: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        if name == "AUTHENTICATE":
            writer.write(b"+ \r\n")
            known = base64.b64decode(await reader.readline()).decode() == f"\0{USER}\0{PASSWORD}"
        else:
            known = name != "LOGIN" or rest == f'LOGIN "{USER}" "secret"'
        if not known:
            return f"{tag} NO [AUTHENTICATIONFAILED] go away\r\n".encode()
        said = self._said(name, rest)
        return said + f"{tag} OK{' [READ-ONLY]' if name == 'SELECT' and self.read_only else ''} done\r\n".encode()

    def _said(self, name: str, rest: str) -> bytes:
        match name:
            case "CAPABILITY":
                more = (b" AUTH=PLAIN" if self.plain else b"") + (b" STARTTLS" if self.starttls is not None else b"")
                return b"* CAPABILITY IMAP4rev1" + more + b"\r\n"
            case "SELECT":
                permanent = rb"\Seen \Deleted \*" if self.keywords else rb"\Seen \Deleted"
                return b"* %d EXISTS\r\n* OK [PERMANENTFLAGS (%s)] ok\r\n* OK [UIDVALIDITY 1] ok\r\n" % (len(self.mails), permanent)
            case "UID SEARCH":
                return b"* SEARCH " + " ".join(str(uid) for uid in self._search(rest)).encode() + b"\r\n"
            case "UID FETCH":
                return self._fetch(rest)
            case "UID STORE":
                for uid in self._uids(rest):
                    self.mails[uid].flags |= set(re.findall(r"\(([^)]*)\)", rest))
        return b"* BYE bye\r\n" if name == "LOGOUT" else b""

    def _search(self, rest: str) -> list[int]:
        keyword = re.search(r"UNKEYWORD (\S+)", rest)
        flag = keyword[1] if keyword else "\\Seen"
        return [uid for uid, mail in self.mails.items() if flag not in mail.flags]

    def _fetch(self, rest: str) -> bytes:
        limit = int(re.findall(r"<0\.(\d+)>", rest)[0])
        said = b""
        for number, uid in enumerate(self._uids(rest), 1):
            if uid in self.withholds:
                said += b"* %d FETCH (UID %d BODY[]<0> NIL)\r\n" % (number, uid)
                continue
            mail = self.mails[uid]
            part = mail.raw[:limit]
            said += b'* %d FETCH (UID %d INTERNALDATE "%s" BODY[]<0> {%d}\r\n%s)\r\n' % (number, uid, mail.date.encode(), len(part), part)
        return said

    def _uids(self, rest: str) -> list[int]:
        return [uid for uid in map(int, rest.split()[2].split(",")) if uid in self.mails]


@asynccontextmanager
async def mail_server(tls: ssl.SSLContext | None = None, host: str = "127.0.0.1", **ways: Any) -> AsyncIterator[MailServer]:
    """Start a server."""
    server = MailServer(**ways)
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await server.serve(reader, writer)
        finally:
            writer.transport.abort()

    listening = await asyncio.start_server(serve, host, 0, ssl=tls)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)  # transports say goodbye in the next turn of the loop
