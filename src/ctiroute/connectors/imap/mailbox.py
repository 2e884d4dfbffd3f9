"""One mailbox over IMAP4rev1 (RFC 3501), by the standard library. Blocking: it lives in a thread of its own. Knows no mapping.

What was taken is marked on the server, with a keyword where it allows one, else as read; so nothing is kept here, and several nodes or
a new machine go on where the last one stopped. Every wait, every answer and the sum of them are bounded.
"""

from __future__ import annotations

import contextlib
import imaplib
import ipaddress
import re
import socket
import ssl
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from ctiroute.connectors.asking import SourceRefused
from ctiroute.errors import LinkError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from ctiroute.settings.model import MailboxSettings

KEYWORD = "CtirouteTaken"
MAX_MAIL = 256 * 1024  # bytes of a mail that are asked for: its head and its text; attachments come last
MAX_LITERAL = 2 * MAX_MAIL  # bytes of one literal that are believed
MAX_ROUND = 64 * 1024 * 1024  # bytes that are read in one round
GOODBYE_S = 1.0
SOCKET_S = 20.0  # for each single read
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")  # not the locale's: RFC 3501 has these
_DATE = re.compile(rb'INTERNALDATE "([^"]{1,40})"')
_UID = re.compile(rb"UID (\d{1,10})")


class _Bounded(imaplib.IMAP4):
    """The library's client, which believes a server's lengths and reads answers without end."""

    left = MAX_ROUND

    def read(self, size: int) -> bytes:
        if size > MAX_LITERAL:
            raise self.abort(f"the server announces {size} bytes")
        return self._counted(super().read(size))

    def readline(self) -> bytes:
        return self._counted(super().readline())

    def _counted(self, data: bytes) -> bytes:
        self.left -= len(data)
        if self.left < 0:
            raise self.abort("the server does not stop")
        return data


class _BoundedTls(_Bounded, imaplib.IMAP4_SSL):
    """The same over TLS."""


class Mailbox:
    """A connection to one folder."""

    def __init__(self, settings: MailboxSettings, *, socket_s: float = SOCKET_S) -> None:
        """`socket_s` is for tests."""
        self._settings = settings
        self._socket_s = socket_s
        self._link: _Bounded | None = None
        self._mark = KEYWORD

    def look(self, today: datetime, limit: int) -> list[bytes]:
        """Return the UIDs of mail that was not taken yet, oldest first, at most `limit`. Connects where there is no connection.

        Raises `SourceRefused`, `LinkError`.
        """
        with self._named():
            link = self._link or self._open()
            link.left = MAX_ROUND
            self._ok(link.noop(), "answer")  # so that mail that came since is counted
            since = today - timedelta(days=self._settings.days)
            day = f"{since.day:02d}-{_MONTHS[since.month - 1]}-{since.year}"
            unmarked = ("UNSEEN",) if self._mark == "\\Seen" else ("UNKEYWORD", self._mark)
            data = self._ok(link.uid("SEARCH", *unmarked, "UNDELETED", "SINCE", day), "search")
            found = [uid for line in data if isinstance(line, bytes) for uid in line.split() if uid.isdigit()]
            return sorted(found, key=int)[:limit]

    def fetch(self, uids: Sequence[bytes]) -> dict[bytes, tuple[bytes, str]]:
        """Return the mails by UID, with the time each arrived. One that is gone meanwhile is missing."""
        with self._named():
            link = self._link or self._open()
            asked = f"(UID INTERNALDATE BODY.PEEK[]<0.{MAX_MAIL}>)"
            data = self._ok(link.uid("FETCH", b",".join(uids).decode(), asked), "hand over mail")
            return dict(_mails(data))

    def mark(self, uids: Sequence[bytes]) -> None:
        """Mark mail as taken."""
        with self._named():
            link = self._link or self._open()
            self._ok(link.uid("STORE", b",".join(uids).decode(), "+FLAGS.SILENT", f"({self._mark})"), "mark mail")

    def close(self) -> None:
        """Say goodbye, without waiting long."""
        link, self._link = self._link, None
        if link is not None:
            with contextlib.suppress(OSError, imaplib.IMAP4.error):
                link.sock.settimeout(GOODBYE_S)
                link.logout()
            with contextlib.suppress(OSError):
                link.shutdown()

    def cut(self) -> None:
        """End whatever waits on the connection, from another thread."""
        link = self._link
        if link is not None:
            with contextlib.suppress(OSError):
                link.sock.shutdown(socket.SHUT_RDWR)

    def _open(self) -> _Bounded:
        settings = self._settings
        if settings.tls:
            link: _Bounded = _BoundedTls(settings.host, settings.port, ssl_context=self._trust(), timeout=self._socket_s)
        else:
            link = _Bounded(settings.host, settings.port, timeout=self._socket_s)
        self._link = link  # from here on, `cut` reaches it
        if not settings.tls:
            if "STARTTLS" in link.capabilities:
                link.starttls(self._trust())
            elif not _is_here(link.sock):
                raise SourceRefused("the server offers no TLS, so the password is not sent: set tls, or use a server that does")
        self._log_in(link)
        self._select(link)
        return link

    def _trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self._settings.tls_ca)

    def _log_in(self, link: _Bounded) -> None:
        user, password = self._settings.username, self._settings.secret
        if not password:
            raise SourceRefused("no password is set: write secret or secret_file")
        if any(char in f"{user}{password}" for char in "\r\n\0"):
            raise SourceRefused("the user name or the password holds a line break")
        try:
            if "AUTH=PLAIN" in link.capabilities:  # which takes any character (RFC 4616)
                link.authenticate("PLAIN", lambda _: f"\0{user}\0{password}".encode())
            else:
                link.login(_quoted(user), password)
        except imaplib.IMAP4.abort:
            raise
        except (imaplib.IMAP4.error, UnicodeEncodeError):
            raise SourceRefused("the server refuses the account: look at username and secret, and whether IMAP is allowed for it") from None

    def _select(self, link: _Bounded) -> None:
        try:
            status, _ = link.select(_quoted(self._settings.folder))
        except imaplib.IMAP4.readonly:
            raise SourceRefused(f"the folder {self._settings.folder} is read-only, so mail cannot be marked as taken") from None
        if status != "OK":
            raise SourceRefused(f"there is no folder {self._settings.folder}: write it as the server names it")
        _, flags = link.response("PERMANENTFLAGS")
        allowed = b" ".join(each for each in flags or () if isinstance(each, bytes))
        self._mark = KEYWORD if rb"\*" in allowed or KEYWORD.encode() in allowed else "\\Seen"

    @staticmethod
    def _ok(answer: tuple[str, list[Any]], what: str) -> list[Any]:
        status, data = answer
        if status != "OK":
            raise LinkError(f"the mail server does not {what}")
        return data

    @contextlib.contextmanager
    def _named(self) -> Iterator[None]:
        """Turn the library's errors into ours."""
        try:
            yield
        except LinkError:
            raise
        except ssl.SSLCertVerificationError as error:
            self._fail(
                f"the mail server's certificate is not trusted ({error.verify_message}): set tls_ca, or host to the name in it",
                refused=True,
            )
        except TimeoutError:
            self._fail("the mail server does not answer")
        except (OSError, ssl.SSLError) as error:
            self._fail(f"the mail server cannot be reached: {error.strerror or type(error).__name__}")
        except (imaplib.IMAP4.error, UnicodeError, ValueError) as error:
            self._fail(f"the mail server does not speak IMAP as it should: {str(error)[:100]!r}")

    def _fail(self, why: str, *, refused: bool = False) -> NoReturn:
        raise (SourceRefused if refused else LinkError)(why) from None


def _mails(data: Sequence[Any]) -> Iterator[tuple[bytes, tuple[bytes, str]]]:
    """Yield the mails in an answer: UID and date may stand before the text of the mail, or behind it."""
    for at, part in enumerate(data):
        if not (isinstance(part, tuple) and len(part) == 2):  # noqa: PLR2004 - head and literal
            continue
        behind = data[at + 1] if at + 1 < len(data) and isinstance(data[at + 1], bytes) else b""
        told = part[0] + b" " + behind
        uid, date = _UID.search(told), _DATE.search(told)
        if uid is not None and isinstance(part[1], bytes):
            yield uid[1], (part[1], date[1].decode("ascii", "replace").strip() if date is not None else "")


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _is_here(link: socket.socket) -> bool:
    return ipaddress.ip_address(link.getpeername()[0]).is_loopback
