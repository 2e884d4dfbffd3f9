"""How promised calls are placed: the part `callbacks:` of ctiroute.yml."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ctiroute.documents import Node, choice, fields, integer, matching, number, refuse, text
from ctiroute.model.callback_life import MAX_ATTEMPTS
from ctiroute.settings.model import CallbackSettings
from ctiroute.settings.secret import maybe_empty, secret

if TYPE_CHECKING:
    from ctiroute.documents import Parser

_CLOCK = "([01][0-9]|2[0-3]):[0-5][0-9]"
_HOURS = re.compile(rf"{_CLOCK}-{_CLOCK}", re.ASCII)
_CHANNEL = re.compile(r"[A-Za-z0-9_.:@/+&-]{1,128}", re.ASCII)  # what the dialplan's FILTER() lets through


def callbacks(node: Node) -> CallbackSettings:
    """Return how callbacks are placed."""
    standard = CallbackSettings()
    name = matching(r"[A-Za-z0-9_.:@/+&-]{1,128}", "a queue's name", "as in queues.conf")
    with fields(node, "callbacks") as f:
        return CallbackSettings(
            pbx=f.get("pbx", maybe_empty, standard.pbx),
            username=f.get("username", text, standard.username),
            secret=secret(f),
            quiet=f.get("quiet", _quiet, standard.quiet),
            queue=f.get("queue", _or_empty(name), standard.queue),
            first=f.get("first", choice("operator", "customer"), standard.first),
            attempts=f.get("attempts", integer(1, MAX_ATTEMPTS), standard.attempts),
            pause_minutes=f.get("pause_minutes", number(0.01, 24 * 60), standard.pause_minutes),
            window_hours=f.get("window_hours", number(0.1, 24 * 60), standard.window_hours),
            at_once=f.get("at_once", integer(1, 1000), standard.at_once),
            operator_s=f.get("operator_s", integer(5, 300), standard.operator_s),
            customer_s=f.get("customer_s", integer(5, 300), standard.customer_s),
            customer_channel=f.get("customer_channel", _channel, standard.customer_channel),
        )


def _quiet(node: Node) -> str:
    value = text(node)
    if value != "none" and not _HOURS.fullmatch(value):
        refuse(node, "expected two times of day", "write 20:00-09:00, or none")
    return value


def _channel(node: Node) -> str:
    value = text(node)
    if not ("{number}" in value or "{digits}" in value):
        refuse(node, "holds neither {number} nor {digits}: everybody would ring the same phone", "such as PJSIP/{number}@my-trunk")
    if not _CHANNEL.fullmatch(value.replace("{number}", "+1").replace("{digits}", "1")):
        refuse(node, "holds what the dialplan filters out", "letters, digits and . _ : @ / + & - are left")
    return value


def _or_empty(parser: Parser[str]) -> Parser[str]:
    return lambda node: parser(node) if maybe_empty(node) else ""
