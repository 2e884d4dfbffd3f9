"""Bytes of a request -> the payload that paths lead through: JSON as it is, forms as a mapping of name to text. Pure.

Files in a multipart form are not kept: of each its name, type and size. A name that stands several times becomes a list.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import msgspec

from ctiroute.errors import PayloadError

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_DEPTH = 64  # levels of JSON; the deepest vendor's has about 12
MAX_FIELDS = 1000  # of a form
MAX_FIELD = 1024 * 1024  # bytes of one field of a multipart form; the text of a mail is the largest
MAX_PART_HEAD = 8 * 1024  # bytes of the headers of one part
JSON, FORM, MULTIPART = "application/json", "application/x-www-form-urlencoded", "multipart/form-data"

_BOUNDARY = re.compile(r'boundary=(?:"([^"\r\n]{1,70})"|([^\s;,"]{1,70}))', re.IGNORECASE)
_PARAMETER = re.compile(r';\s*(name|filename)="((?:[^"\\\r\n]|\\.){0,500})"', re.IGNORECASE)
_TYPE = re.compile(r"^content-type:\s*([^\s;]{1,100})", re.IGNORECASE | re.MULTILINE)


def read_body(body: bytes, content_type: str, accepted: tuple[str, ...]) -> object:
    """Return the payload. `accepted` are the mapping's bodies: "json", "form". Raises `PayloadError`."""
    kind = content_type.partition(";")[0].strip().lower()
    if "form" in accepted and kind == FORM:
        return _form(body)
    if "form" in accepted and kind == MULTIPART:
        return _multipart(body, content_type)
    if "json" in accepted and (kind == JSON or kind.endswith("+json") or kind in {"", "text/plain"} or "form" not in accepted):
        return _json(body)  # some senders do not say, or say text/plain
    raise PayloadError(f"the body is {kind or 'of no kind'}, and not {' or '.join(accepted)}")


def _json(body: bytes) -> object:
    try:
        payload = msgspec.json.decode(body)
    except RecursionError:
        raise PayloadError(f"the JSON is nested more than {MAX_DEPTH} deep") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise PayloadError(f"the body is no JSON: {str(error)[:200]}") from error
    if _deeper_than(payload, MAX_DEPTH):
        raise PayloadError(f"the JSON is nested more than {MAX_DEPTH} deep")
    return payload


def _deeper_than(payload: object, limit: int) -> bool:
    level = [payload]
    for _ in range(limit):
        level = [inner for one in level for inner in (one.values() if isinstance(one, dict) else one if isinstance(one, list) else ())]
        level = [one for one in level if isinstance(one, dict | list)]
        if not level:
            return False
    return True


def _form(body: bytes) -> dict[str, object]:
    try:
        pairs = parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="replace")
    except (ValueError, UnicodeDecodeError) as error:
        raise PayloadError(f"the form cannot be read: {str(error)[:200]}") from error
    return _gathered(iter(pairs))


def _multipart(body: bytes, content_type: str) -> dict[str, object]:
    boundary = _BOUNDARY.search(content_type)
    if boundary is None:
        raise PayloadError("the form has no boundary")
    return _gathered(_parts(body, b"--" + (boundary[1] or boundary[2]).encode("utf-8", "surrogateescape")))


def _parts(body: bytes, mark: bytes) -> Iterator[tuple[str, object]]:
    """Yield name and value of each part (RFC 7578)."""
    at = 0 if body.startswith(mark) else body.find(b"\r\n" + mark)
    if at < 0:
        raise PayloadError("the form does not hold its boundary")
    at = body.find(mark, at) + len(mark)
    for _ in range(MAX_FIELDS + 1):
        if body.startswith(b"--", at):
            return
        end = body.find(b"\r\n" + mark, at)
        head_end = body.find(b"\r\n\r\n", at, at + MAX_PART_HEAD)
        if end < 0 or head_end < 0 or head_end > end:
            raise PayloadError("the form is cut off, or a part of it is not one")
        head = body[at:head_end].decode("utf-8", "replace")
        parameters = {name.lower(): value.replace('\\"', '"') for name, value in _PARAMETER.findall(head)}
        if "name" in parameters:
            yield parameters["name"], _part(body, head_end + 4, end, parameters, head)
        at = end + 2 + len(mark)
    raise PayloadError(f"the form has more than {MAX_FIELDS} parts")


def _part(body: bytes, start: int, end: int, parameters: dict[str, str], head: str) -> object:
    start = min(start, end)
    if "filename" in parameters:
        kind = _TYPE.search(head)
        return {"filename": parameters["filename"], "type": kind[1] if kind else "", "size": end - start}
    if end - start > MAX_FIELD:
        raise PayloadError(f"the field {parameters['name'][:40]!r} is over {MAX_FIELD} bytes")
    return body[start:end].decode("utf-8", "replace")


def _gathered(pairs: Iterator[tuple[str, object]]) -> dict[str, object]:
    payload: dict[str, object] = {}
    for name, value in pairs:
        if name not in payload:
            payload[name] = value
        else:
            there = payload[name]
            if isinstance(there, list):
                there.append(value)
            else:
                payload[name] = [there, value]
    return payload
