"""The text of a mapping file -> `Mapping`, or every mistake in it. Reads no file itself."""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from datetime import UTC, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ctiroute.connectors.webhook.mapping.conditions import Condition, read_conditions
from ctiroute.connectors.webhook.mapping.interaction import InteractionShape, read_interaction
from ctiroute.connectors.webhook.mapping.outreach import ReceiptShape, TouchShape, read_receipt, read_touch
from ctiroute.connectors.webhook.mapping.path import Path, Place, read_path
from ctiroute.connectors.webhook.mapping.signature import Signature, read_signature
from ctiroute.documents import Node, choice, fields, integer, list_of, load, matching, one_or_list, refuse, text
from ctiroute.errors import ConfigurationError, MappingError

BODIES = ("json", "form")  # form: application/x-www-form-urlencoded and multipart/form-data
MAX_BODY_KIB = 1024  # unless the mapping says more; a message with its whole ticket has some 50 KiB
MOST_BODY_KIB = 26 * 1024  # a mail with attachments, as mail services bound it

_ECHO = re.compile(r"[A-Za-z0-9_.~-]{1,200}")  # what is sent back must not be markup
_word = matching(r"[a-z][a-z0-9-]{0,39}", "a word of small letters, digits and -")
_parameter = matching(r"[A-Za-z0-9_.-]{1,80}", "the name of a parameter")


@dataclass(frozen=True, slots=True)
class Challenge:
    """The question by which a vendor makes sure that the address is ours, asked with GET."""

    token: str  # the parameter that has to be the secret word
    answer: str  # the parameter that is sent back

    def reply(self, place: Place, verify_token: str) -> str | None:
        """Return the answer; None: the question is not from who it should be."""
        sent, answer = place.query.get(self.token, ""), place.query.get(self.answer, "")
        known = hmac.compare_digest(sent.encode("utf-8", "replace"), verify_token.encode())
        return answer if known and verify_token and _ECHO.fullmatch(answer) else None


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of message, and what is made of it."""

    name: str
    each: Path | None  # once for each place it leads to; None: once for the payload
    when: tuple[Condition, ...]
    shape: InteractionShape | ReceiptShape | TouchShape


@dataclass(frozen=True, slots=True)
class Mapping:
    """A whole mapping file, compiled."""

    about: str  # for people
    bodies: tuple[str, ...]  # of `BODIES`
    signature: Signature
    kinds: tuple[Kind, ...]
    zone: tzinfo
    max_body: int  # bytes
    challenge: Challenge | None
    file: str


def load_mapping(source: bytes | str, file: str) -> Mapping:
    """Return the compiled mapping. `file` names it in messages. Raises `MappingError` with every fault."""
    try:
        return _read(load(source, file), file)
    except MappingError:
        raise
    except ConfigurationError as error:
        raise MappingError(error.faults) from error


def _read(node: Node, file: str) -> Mapping:
    with fields(node, "a mapping") as f:
        about = f.require("about", text)
        bodies = f.get("body", one_or_list(choice(*BODIES)), ("json",))
        signature = f.require("signature", read_signature)
        kinds = f.require("kinds", list_of(_kind))
        zone = f.get("timezone", _zone, UTC)
        kib = f.get("max_body_kib", integer(1, MOST_BODY_KIB), MAX_BODY_KIB)
        challenge = f.get("challenge", _challenge, None)
        seen: set[str] = set()
        for kind in kinds or ():
            if kind.name in seen:
                f.wrong(f.node.get("kinds") or node, f"two kinds have the name {kind.name}")
            seen.add(kind.name)
    return Mapping(about, bodies, signature, kinds, zone, kib * 1024, challenge, file)


def _kind(node: Node) -> Kind:
    with fields(node, "a kind") as f:
        name = f.require("name", _word)
        each = f.get("each", read_path, None)
        when = f.get("when", read_conditions, ())
        shapes = [
            shape
            for shape in (
                f.get("interaction", read_interaction, None),
                f.get("receipt", read_receipt, None),
                f.get("touch", read_touch, None),
            )
            if shape is not None
        ]
        given = [key for key in ("interaction", "receipt", "touch") if key in f]
        if len(given) != 1:
            f.wrong(node, "a kind makes one thing", "write one of interaction, receipt, touch; for two, write two kinds")
    return Kind(name, each, when, shapes[0])


def _challenge(node: Node) -> Challenge:
    with fields(node, "challenge") as f:
        token = f.require("token", _parameter)
        answer = f.require("answer", _parameter)
    return Challenge(token, answer)


def _zone(node: Node) -> tzinfo:
    try:
        return ZoneInfo(text(node))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        refuse(node, "is no timezone", "write it as Europe/Kyiv")
