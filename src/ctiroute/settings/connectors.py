"""Which media tell us things: the part `connectors:` of ctiroute.yml. Reads no mapping."""

from __future__ import annotations

import re
from dataclasses import replace

from ctiroute.documents import Mapping, Node, Scalar, boolean, fields, integer, list_of, matching, number, overlay, refuse, text
from ctiroute.documents import Sequence as Items
from ctiroute.settings.model import ConnectorsSettings, HookSettings, MailboxSettings, TelegramSettings
from ctiroute.settings.secret import path_of, secret

KINDS = ("hooks", "imap", "telegram")
_VARIABLE = re.compile(r"CTIROUTE_CONNECTOR_([A-Z0-9_]{1,40})_(SECRET|VERIFY_TOKEN)(_FILE)?", re.ASCII)
_SHIPPED = re.compile(r"[a-z][a-z0-9-]*", re.ASCII)

_name = matching("[a-z][a-z0-9_-]{0,39}", "small letters, digits, - and _", "the name is the source of what it brings, and part of metrics")
_api = matching(r"https?://[A-Za-z0-9.:\[\]_-]+(/[A-Za-z0-9/._-]*)?", "a URL", "write it as https://api.telegram.org")


def connectors(node: Node) -> ConnectorsSettings:
    """Return the connectors of other media than voice."""
    with fields(node, "connectors") as f:
        hooks = f.get("hooks", list_of(_hook, empty=True), ())
        imap = f.get("imap", list_of(_mailbox, empty=True), ())
        telegram = f.get("telegram", list_of(_telegram, empty=True), ())
        names = [*(each.name for each in hooks), *(each.name for each in imap), *(each.name for each in telegram)]
        for name in sorted({name for name in names if names.count(name) > 1}):
            f.wrong(node, f"two connectors have the name {name}", "the name is the source of what they bring: give each its own")
    return ConnectorsSettings(hooks, imap, telegram)


def secret_name(variable: str) -> tuple[str, str, bool] | None:
    """Return which connector a variable is about (as variables write its name), its key, and whether it names a file; None: none."""
    found = _VARIABLE.fullmatch(variable)
    return None if found is None else (found[1], found[2].lower(), found[3] is not None)


def with_secret(tree: Mapping, name: str, key: str, value: Node) -> Mapping | None:
    """Return the settings with a connector's secret from a variable; None: there is no such connector."""
    section = tree.get("connectors")
    if not isinstance(section, Mapping):
        return None
    for kind in KINDS:
        entries = section.get(kind)
        for at, item in enumerate(entries.items if isinstance(entries, Items) else ()):
            named = item.get("name") if isinstance(item, Mapping) else None
            if isinstance(item, Mapping) and isinstance(named, Scalar) and named.text.upper().replace("-", "_") == name:
                assert isinstance(entries, Items)  # noqa: S101 - it was just walked
                items = (*entries.items[:at], overlay(item, (key,), value), *entries.items[at + 1 :])
                return overlay(tree, ("connectors", kind), replace(entries, items=items))
    return None


def _hook(node: Node) -> HookSettings:
    with fields(node, "hooks") as f:
        name = f.require("name", _name)
        mapping = f.get("mapping", _mapping, name or "")
        key = secret(f)
        verify_token = secret(f, "verify_token")
    return HookSettings(name, mapping, key, verify_token)


def _mailbox(node: Node) -> MailboxSettings:
    standard = MailboxSettings("", "", "")
    with fields(node, "imap") as f:
        name = f.require("name", _name)
        host = f.require("host", text)
        username = f.require("username", text)
        key = secret(f)
        port = f.get("port", integer(1, 65535), standard.port)
        tls = f.get("tls", boolean, standard.tls)
        tls_ca = f.get("tls_ca", path_of, None)
        folder = f.get("folder", text, standard.folder)
        mapping = f.get("mapping", _mapping, standard.mapping)
        poll_s = f.get("poll_s", number(1, 3600), standard.poll_s)
        days = f.get("days", integer(1, 365), standard.days)
    return MailboxSettings(name, host, username, key, port, tls, tls_ca, folder, mapping, poll_s, days)


def _telegram(node: Node) -> TelegramSettings:
    standard = TelegramSettings("")
    with fields(node, "telegram") as f:
        name = f.require("name", _name)
        key = secret(f)
        if key and not re.fullmatch(r"[0-9]{1,20}:[A-Za-z0-9_-]{10,100}", key):
            f.wrong(f.node.get("secret") or f.node, "is no token of a bot", "BotFather gives it: 123456:ABC-DEF...")
        mapping = f.get("mapping", _mapping, standard.mapping)
        api = f.get("api", _api, standard.api)
    return TelegramSettings(name, key, mapping, api)


def _mapping(node: Node) -> str:
    """Return the name of a shipped mapping as it is, or the whole path of a file."""
    written = text(node)
    if _SHIPPED.fullmatch(written):
        return written
    if not written.endswith((".yml", ".yaml")):
        refuse(node, "is neither a shipped mapping nor a file", "write telegram, or mappings/crm.yml")
    return str(path_of(node))
