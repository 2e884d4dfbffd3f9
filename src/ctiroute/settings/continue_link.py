"""Links by which a customer goes on with a form: the part `continue_link:` of ctiroute.yml."""

from __future__ import annotations

from urllib.parse import urlsplit

from ctiroute.documents import Node, fields, number, refuse, text
from ctiroute.settings.model import ContinueSettings
from ctiroute.settings.secret import secret

MIN_SECRET = 16  # characters
MAX_HOURS = 24 * 90
_EXAMPLE = "write it as https://www.example.com/form?continue={token}"


def continue_link(node: Node) -> ContinueSettings:
    """Return where links lead, and what they are signed with."""
    standard = ContinueSettings()
    with fields(node, "continue_link") as f:
        url = f.get("url", _url, standard.url)
        key = secret(f)
        if key and len(key) < MIN_SECRET:
            f.wrong(f.node.get("secret") or f.node, f"needs a secret of {MIN_SECRET} characters or more")
        hours = f.get("hours", number(0.1, MAX_HOURS), standard.hours)
    return ContinueSettings(url, key, hours)


def _url(node: Node) -> str:
    value = text(node)
    try:
        parts = urlsplit(value)
    except ValueError:
        refuse(node, "expected a URL", _EXAMPLE)
    is_local = parts.scheme == "http" and parts.hostname in {"127.0.0.1", "localhost"}
    if not (parts.scheme == "https" or is_local) or not parts.hostname or "{" in parts.netloc or not value.isascii() or " " in value:
        refuse(node, "expected an https URL with a host of its own", _EXAMPLE)
    if value.count("{token}") != 1:
        refuse(node, "expected {token} once, where the token belongs", _EXAMPLE)
    return value
