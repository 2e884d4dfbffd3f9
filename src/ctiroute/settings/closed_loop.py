"""What is told to other systems and how: the parts `webhooks:`, `closed_loop:` and `wrap_up:` of ctiroute.yml."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ctiroute.documents import (
    Mapping,
    Node,
    Scalar,
    fields,
    integer,
    kind_of,
    list_of,
    localized,
    mapping_of,
    matching,
    number,
    overlay,
    refuse,
    text,
)
from ctiroute.documents import Sequence as Items
from ctiroute.settings.model import ClosedLoopSettings, WebhookSettings, WrapUpCode
from ctiroute.settings.secret import secret

if TYPE_CHECKING:
    from collections.abc import Mapping as Map

MIN_SECRET = 16  # characters
MAX_ATTEMPTS = 100
_VARIABLE = re.compile(r"CTIROUTE_WEBHOOK_([A-Z0-9_]{1,40})_SECRET(_FILE)?", re.ASCII)

_name = matching("[a-z][a-z0-9_-]{0,39}", "lower case letters, digits, - and _", "the name is part of lists and metrics")
_event = matching(r"[a-z_*]+(\.[a-z_*]+)?", "an event such as call.ended, or a pattern such as callback.*")
_code = matching(
    "[A-Za-z0-9_.-]{1,64}", "a code of letters, digits, - _ and .", "reports and webhooks carry it; what people read is its label"
)


def webhooks(node: Node) -> tuple[WebhookSettings, ...]:
    """Return who is told of what."""
    found = list_of(_webhook, empty=True)(node)
    if len({each.name for each in found}) < len(found):
        refuse(node, "two webhooks have the same name", "give each its own name:")
    return found


def closed_loop(node: Node) -> ClosedLoopSettings:
    """Return how calls are attributed."""
    standard = ClosedLoopSettings()
    with fields(node, "closed_loop") as f:
        hours = f.get("touch_hours", number(0, 24 * 365), standard.touch_hours)
        quiet = f.get("wrap_up_quiet_s", number(0, 3600), standard.wrap_up_quiet_s)
    return ClosedLoopSettings(hours, quiet)


def wrap_up(node: Node) -> Map[str, tuple[WrapUpCode, ...]]:
    """Return the codes of each queue, in the order of the file."""
    return mapping_of(_codes)(node)


def secret_name(variable: str) -> tuple[str, bool] | None:
    """Return which webhook a variable is the secret of (as variables write its name), and whether it names a file; None: of none."""
    found = _VARIABLE.fullmatch(variable)
    return None if found is None else (found[1], found[2] is not None)


def with_secret(tree: Mapping, name: str, value: Node) -> Mapping | None:
    """Return the settings with a webhook's secret from a variable; None: there is no such webhook."""
    entries = tree.get("webhooks")
    if not isinstance(entries, Items):
        return None
    items = list(entries.items)
    for at, item in enumerate(items):
        named = item.get("name") if isinstance(item, Mapping) else None
        if isinstance(item, Mapping) and isinstance(named, Scalar) and named.text.upper().replace("-", "_") == name:
            items[at] = overlay(item, ("secret",), value)
            return overlay(tree, ("webhooks",), replace(entries, items=tuple(items)))
    return None


def _webhook(node: Node) -> WebhookSettings:
    standard = WebhookSettings("", "")
    with fields(node, "webhooks") as f:
        name = f.require("name", _name)
        url = f.require("url", _url)
        events = f.get("events", list_of(_event), standard.events)
        key = secret(f)
        if len(key) < MIN_SECRET:
            f.wrong(f.node.get("secret") or f.node, f"needs a secret of {MIN_SECRET} characters or more", "add secret: or secret_file:")
        timeout = f.get("timeout_s", number(0.5, 60), standard.timeout_s)
        attempts = f.get("attempts", integer(1, MAX_ATTEMPTS), standard.attempts)
    return WebhookSettings(name, url, events, key, timeout, attempts)


def _url(node: Node) -> str:
    value = text(node)
    try:
        parts = urlsplit(value)
        port_is_right = parts.port != 0
    except ValueError:
        refuse(node, "expected a URL", "write it as https://mailer.example.com/hooks/ctiroute")
    if parts.scheme not in {"http", "https"} or not parts.hostname or not port_is_right or not value.isascii() or " " in value:
        refuse(node, "expected a URL", "write it as https://mailer.example.com/hooks/ctiroute")
    if parts.username is not None or parts.password is not None:
        refuse(node, "holds a password", "the receiver knows us by the signature: leave user and password out")
    if parts.fragment:
        refuse(node, "holds a part after #, which is never sent", "leave it out")
    return value


def _codes(node: Node) -> tuple[WrapUpCode, ...]:
    found = list_of(_wrap_up_code, empty=True)(node)
    if len({each.code for each in found}) < len(found):
        refuse(node, "names a code twice")
    return found


def _wrap_up_code(node: Node) -> WrapUpCode:
    if isinstance(node, Scalar):
        code = _code(node)
        return WrapUpCode(code, {"": code})
    if not isinstance(node, Mapping):
        refuse(node, f"expected a code, not {kind_of(node)}", "write a code, or code: what people read")
    named = mapping_of(localized(text), key=_code)(node)
    if len(named) != 1:
        refuse(node, "expected one code with its label", "begin each with a dash of its own: - sold: Sold")
    ((code, label),) = named.items()
    return WrapUpCode(code, label)
