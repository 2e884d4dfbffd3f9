"""Who may tell us things: HMAC over what was sent, a token, or basic authentication. Pure; the secret and the time are arguments.

    signature:                          |  signature: {token: {header: X-Telegram-Bot-Api-Secret-Token}}
      hmac: sha256                      |  signature: {token: {query: token}}
      header: X-Hub-Signature-256       |  signature: {token: {header: Authorization, prefix: "Bearer "}}
      prefix: "sha256="                 |  signature: {basic: zammad}     # the user; the secret is the password
      over: "{timestamp}.{body}"        |  signature: none                # anybody may tell us anything
      timestamp: $headers.x-timestamp
      tolerance: 5m

A secret never stands in a mapping. Every comparison takes the same time whatever is sent.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from ctiroute.connectors.webhook.mapping.conversions import read_time
from ctiroute.connectors.webhook.mapping.path import Path, parse_path
from ctiroute.connectors.webhook.mapping.value import Value, read_value
from ctiroute.documents import Mapping, Node, Scalar, choice, duration, fields, kind_of, matching, refuse, text

if TYPE_CHECKING:
    from ctiroute.connectors.webhook.mapping.conversions import Reading
    from ctiroute.connectors.webhook.mapping.path import Place

TOLERANCE = timedelta(minutes=5)  # between the sender's clock and ours; the usual one
MAX_TOLERANCE = timedelta(hours=24)
MAX_SENT = 1024  # characters of a signature or token; real ones are under 200
ALGORITHMS = ("sha256", "sha512", "sha1")
ENCODINGS = ("hex", "base64")
_PARTS = re.compile(r"\{(body|timestamp|nonce)\}|([^{}]+)")
_header = matching(r"[A-Za-z0-9-]{1,80}", "the name of a header")


class Refused(Exception):  # noqa: N818 - reads as what it is
    """The request is not from who it should be. The message is for our log, never for the sender."""


@dataclass(frozen=True, slots=True)
class Hmac:
    """A keyed digest of what was sent."""

    algorithm: str
    sent: Value  # where the signature stands
    prefix: str
    encoding: str  # hex | base64
    over: tuple[str, ...]  # "{body}", "{timestamp}", "{nonce}" or text between them
    timestamp: Value | None
    nonce: Value | None
    tolerance: timedelta

    @property
    def in_payload(self) -> bool:
        """Whether it stands in the body, which has to be read before it can be checked."""
        return any(one is not None and _in_payload(one) for one in (self.sent, self.timestamp, self.nonce))


@dataclass(frozen=True, slots=True)
class Token:
    """A secret that is sent along."""

    sent: Value
    prefix: str

    @property
    def in_payload(self) -> bool:
        """Whether it stands in the body."""
        return _in_payload(self.sent)


@dataclass(frozen=True, slots=True)
class Basic:
    """User and password, RFC 7617."""

    user: str


@dataclass(frozen=True, slots=True)
class Unsigned:
    """Anybody may send; what he says of himself is not believed."""


Signature = Hmac | Token | Basic | Unsigned


def verify(signature: Signature, secret: str, body: bytes, place: Place, how: Reading) -> str:
    """Return what no other request has (its signature or nonce), or "". Raises `Refused`."""
    match signature:
        case Unsigned():
            return ""
        case _ if not secret:
            raise Refused("no secret is set")
        case Basic(user=user):
            _same(f"Basic {base64.b64encode(f'{user}:{secret}'.encode()).decode()}", place.headers.get("authorization", ""), "password")
            return ""
        case Token(sent=sent, prefix=prefix):
            _same(prefix + secret, sent.of(place, how) or "", "token")
            return ""
        case Hmac():
            return _verify_hmac(signature, secret, body, place, how)


def _verify_hmac(signature: Hmac, secret: str, body: bytes, place: Place, how: Reading) -> str:
    sent = (signature.sent.of(place, how) or "")[:MAX_SENT]
    if not sent:
        raise Refused("there is no signature")
    timestamp = signature.timestamp.of(place, how) or "" if signature.timestamp is not None else ""
    nonce = signature.nonce.of(place, how) or "" if signature.nonce is not None else ""
    parts = {"{body}": body, "{timestamp}": timestamp.encode(), "{nonce}": nonce.encode()}
    digest = hmac.new(secret.encode(), b"".join(parts.get(part, part.encode()) for part in signature.over), signature.algorithm).digest()
    if not sent.startswith(signature.prefix):
        raise Refused(f"the signature does not begin with {signature.prefix}")
    if not hmac.compare_digest(digest, _decoded(sent.removeprefix(signature.prefix), signature.encoding)):
        raise Refused("the signature is wrong")
    if signature.timestamp is not None:
        signed_at = read_time(timestamp, how)
        if signed_at is None:
            raise Refused("the signed time cannot be read")
        if abs(how.now - signed_at) > signature.tolerance:
            raise Refused("the signed time is too far from ours: sent again by somebody, or the clocks differ")
    return nonce or digest.hex()


def _decoded(sent: str, encoding: str) -> bytes:
    try:
        return bytes.fromhex(sent) if encoding == "hex" else base64.b64decode(sent, validate=True)
    except (ValueError, binascii.Error):
        return b""


def _same(wanted: str, sent: str, what: str) -> None:
    if not sent:
        raise Refused(f"there is no {what}")
    if not hmac.compare_digest(
        hashlib.sha256(wanted.encode()).digest(), hashlib.sha256(sent[:MAX_SENT].encode("utf-8", "replace")).digest()
    ):
        raise Refused(f"the {what} is wrong")


def read_signature(node: Node) -> Signature:
    """Return what a file says under `signature`. Raises `ConfigurationError`."""
    if isinstance(node, Scalar):
        if node.text != "none":
            refuse(node, "expected a mapping, or none", "write {hmac: sha256, header: ...}, {token: {header: ...}} or {basic: user}")
        return Unsigned()
    if not isinstance(node, Mapping):
        refuse(node, f"expected a mapping, not {kind_of(node)}")
    kinds = [kind for kind in ("hmac", "token", "basic") if node.get(kind) is not None]
    if len(kinds) != 1:
        refuse(node, "a signature is of one kind", "write one of hmac, token, basic; or signature: none")
    match kinds[0]:
        case "hmac":
            return _read_hmac(node)
        case "token":
            with fields(node, "signature") as f:
                return f.require("token", _read_token)
        case _:
            with fields(node, "signature") as f:
                user = f.require("basic", matching(r"[^:\x00-\x1f]{1,100}", "the name of a user, without a colon"))
            return Basic(user)


def _read_hmac(node: Node) -> Hmac:
    with fields(node, "signature") as f:
        algorithm = f.require("hmac", choice(*ALGORITHMS))
        header = f.get("header", _header, None)
        value = f.get("value", read_value, None)
        prefix = f.get("prefix", text, "")
        encoding = f.get("encoding", choice(*ENCODINGS), "hex")
        over = f.get("over", _over, ("{body}",))
        timestamp = f.get("timestamp", read_value, None)
        nonce = f.get("nonce", read_value, None)
        tolerance = f.get("tolerance", _tolerance, TOLERANCE)
        if (header is None) == (value is None):
            f.wrong(node, "the signature stands in one place", "write header: NAME, or value: and a path")
        for name, given in (("timestamp", timestamp), ("nonce", nonce)):
            if given is None and f"{{{name}}}" in over:
                f.wrong(f.node.get("over") or node, f"over names {{{name}}}, and where that stands is not said", f"add {name}: and a path")
            if given is not None and f"{{{name}}}" not in over:
                f.wrong(
                    f.node.get(name) or node, f"the {name} is not signed, so it proves nothing", f"name {{{name}}} in over, or remove it"
                )
        if "tolerance" in f and timestamp is None:
            f.wrong(f.node.get("tolerance") or node, "tolerance belongs to timestamp")
    sent = value if value is not None else header_value(header or "")
    return Hmac(algorithm, sent, prefix, encoding, over, timestamp, nonce, tolerance)


def _read_token(node: Node) -> Token:
    with fields(node, "token") as f:
        header = f.get("header", _header, None)
        query = f.get("query", matching(r"[A-Za-z0-9_.-]{1,80}", "the name of a parameter"), None)
        value = f.get("value", read_value, None)
        prefix = f.get("prefix", _any_text, "")
        if sum(one is not None for one in (header, query, value)) != 1:
            f.wrong(node, "the token stands in one place", "write one of header, query, value")
    if value is not None:
        return Token(value, prefix)
    return Token(header_value(header) if header is not None else query_value(query or ""), prefix)


def header_value(name: str) -> Value:
    """Return the value of a header."""
    return Value(_path(f'$headers."{name.lower()}"'), limit=MAX_SENT)


def query_value(name: str) -> Value:
    """Return the value of a parameter of the address."""
    return Value(_path(f'$query."{name}"'), limit=MAX_SENT)


def _path(written: str) -> Path:
    found = parse_path(written)
    if found is None:
        raise ValueError(f"{written} is no path")
    return found


def _in_payload(value: Value) -> bool:
    return not (isinstance(value.source, Path) and value.source.start in {"$headers", "$query"})


def _over(node: Node) -> tuple[str, ...]:
    written = text(node)
    parts = tuple(found.group() for found in _PARTS.finditer(written))
    if "".join(parts) != written or not any(part.startswith("{") for part in parts):
        refuse(node, "cannot be read", 'write "{timestamp}.{body}" with the names body, timestamp, nonce')
    return parts


def _tolerance(node: Node) -> timedelta:
    span = duration(node)
    if span > MAX_TOLERANCE:
        refuse(node, "at most 24h", "a request that is that old is told again by somebody else")
    return span


def _any_text(node: Node) -> str:
    if not isinstance(node, Scalar) or not node.text:
        refuse(node, "expected text")
    return node.text
