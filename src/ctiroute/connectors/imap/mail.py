"""Bytes of a mail -> the payload that a mapping reads. Pure; never raises, whatever somebody sends.

message_id, in_reply_to, thread   ids; `thread` is the mail that began the conversation (RFC 5322, 3.6.4)
from, to, subject, date           decoded (RFC 2047); `date` is when our server got it
text, html                        the first of each that is no attachment; text without what it quotes at its end
attachments                       how many
automatic                         true: sent by a program (RFC 3834), to a list, or a report of non-delivery
headers                           the first of each name, in lower case
"""

from __future__ import annotations

import email
import email.errors
import email.header
import email.parser
import hashlib
import re
from email.message import Message
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_PARTS = 100  # of one mail; the rest is not looked at
MAX_NESTING = 40  # boundaries in one mail; more is a bomb, of which the standard parser's price grows with the square
MAX_PART = 128 * 1024  # bytes of one part's text that are decoded
MAX_HEADER = 2000  # characters of one header
MAX_HEADERS = 200

_ID = re.compile(r"<[^<>\s]{1,500}>")
_QUOTE = re.compile(r"^\s*>")
_NESTED = re.compile(rb"boundary\s*=", re.IGNORECASE)
_CONTROL = re.compile("[\x00-\x1f\x7f]+")


def read_mail(raw: bytes, date: str) -> dict[str, object]:
    """Return the payload of a mail; `date` is when it arrived, as IMAP says it."""
    message, whole = _parsed(raw)
    headers = _headers(message)
    references = _ID.findall(f"{headers.get('references', '')} {headers.get('in-reply-to', '')}")
    message_id = next(iter(_ID.findall(headers.get("message-id", ""))), "")
    if not message_id:  # it has no name, so its content has to be one
        message_id = f"<{hashlib.blake2b(raw, digest_size=16).hexdigest()}@content>"
    text, html, attachments = _texts(message) if whole else ("", "", 0)
    return {
        "message_id": message_id,
        "in_reply_to": next(iter(_ID.findall(headers.get("in-reply-to", ""))), None),
        "thread": references[0] if references else message_id,
        "from": headers.get("from"),
        "to": headers.get("to"),
        "subject": headers.get("subject"),
        "date": date,
        "text": _own_words(text) or None,
        "html": html or None,
        "attachments": attachments,
        "automatic": _automatic(headers),
        "headers": headers,
    }


def _parsed(raw: bytes) -> tuple[Message, bool]:
    """Return the mail, and whether its parts are worth a look."""
    if len(_NESTED.findall(raw)) <= MAX_NESTING:
        try:
            return email.message_from_bytes(raw), True
        except (RecursionError, ValueError, LookupError, AttributeError, TypeError, email.errors.MessageError):
            pass
    head = re.split(rb"\r?\n\r?\n", raw, maxsplit=1)[0]
    return email.parser.BytesParser().parsebytes(head + b"\r\n\r\n", headersonly=True), False


def _headers(message: Message) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in message.items()[:MAX_HEADERS]:
        found.setdefault(name.lower()[:80], _decoded(value))
    return found


def _decoded(value: object) -> str:
    """Return a header as people read it."""
    written = str(value)[: MAX_HEADER * 2]
    try:
        shown, encoded = "", True
        for part, charset in email.header.decode_header(written):
            text = _text_of(part, charset) if isinstance(part, bytes) else part
            apart = shown and encoded != (charset is not None) and not (shown[-1:].isspace() or text[:1].isspace())
            shown, encoded = shown + (" " if apart else "") + text, charset is not None  # the library eats the space between them
    except (ValueError, LookupError, email.errors.HeaderParseError):
        shown = written
    return _CONTROL.sub(" ", shown.encode("utf-8", "replace").decode("utf-8", "replace"))[:MAX_HEADER].strip()


def _text_of(raw: bytes, charset: str | None) -> str:
    try:
        return raw.decode((charset or "utf-8").strip("'\""), "replace")
    except (LookupError, ValueError, UnicodeError):  # a charset nobody has, or one that is none: "rot13"
        return raw.decode("latin-1")


def _texts(message: Message) -> tuple[str, str, int]:
    text = html = ""
    attachments = 0
    for part in _leaves(message):
        kind = part.get_content_type()
        if part.get_filename() is not None or part.get_content_disposition() == "attachment":
            attachments += 1
        elif kind == "text/plain" and not text:
            text = _content(part)
        elif kind == "text/html" and not html:
            html = _content(part)
    return text, html, attachments


def _leaves(message: Message) -> Iterator[Message]:
    """Yield the parts that hold no others, in order; mails inside a mail are attachments to us."""
    waiting: list[Message] = [message]
    for _ in range(MAX_PARTS):
        if not waiting:
            return
        part = waiting.pop()
        inside = part.get_payload() if part.is_multipart() else None  # of any other part it decodes text, and may fail at that
        if isinstance(inside, list) and part.get_content_maintype() == "multipart":
            waiting.extend(each for each in reversed(inside[:MAX_PARTS]) if isinstance(each, Message))
        else:
            yield part


def _content(part: Message) -> str:
    try:
        raw = part.get_payload(decode=True)
    except (ValueError, LookupError, AssertionError):
        return ""
    return _text_of(raw[:MAX_PART], part.get_content_charset()) if isinstance(raw, bytes) else ""


def _own_words(text: str) -> str:
    """Return a mail's text without what it quotes at its end, and the line that says whom it quotes."""
    lines = text.replace("\r\n", "\n").split("\n")
    end = len(lines)
    while end and (not lines[end - 1].strip() or _QUOTE.match(lines[end - 1])):
        end -= 1
    if end < len(lines) and end and any(_QUOTE.match(line) for line in lines[end:]) and lines[end - 1].rstrip().endswith(":"):
        end -= 1
    return "\n".join(lines[:end]).strip()


def _automatic(headers: dict[str, str]) -> bool:
    return (
        headers.get("auto-submitted", "no").lower().split(";")[0].strip() != "no"
        or headers.get("precedence", "").lower() in {"bulk", "list", "junk", "auto_reply"}
        or "list-id" in headers
        or headers.get("return-path") == "<>"
    )
