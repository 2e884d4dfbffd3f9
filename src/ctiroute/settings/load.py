"""ctiroute.yml and CTIROUTE_* variables -> Settings. Every mistake in one run, each with its place and remedy.

A variable overrides the file: `fastagi.port` is CTIROUTE_FASTAGI_PORT. A secret may stand in a file of its own: `secret_file: PATH` beside
or in place of `secret`, or the same name with _FILE as a variable (the way container platforms hand over secrets). For the manager
account the variables speak of the first Asterisk in the list.
"""

from __future__ import annotations

import difflib
import ipaddress
import re
from dataclasses import fields as dataclass_fields
from pathlib import Path
from typing import TYPE_CHECKING

from ctiroute.documents import (
    Mapping,
    Node,
    Scalar,
    Sequence,
    boolean,
    choice,
    fields,
    integer,
    list_of,
    load,
    matching,
    number,
    overlay,
    refuse,
    resolve,
    text,
)
from ctiroute.errors import ConfigurationError, Fault, SettingsError
from ctiroute.settings import callbacks, closed_loop, connectors, continue_link
from ctiroute.settings.model import (
    AsteriskSettings,
    CallbackSettings,
    ClosedLoopSettings,
    ContinueSettings,
    FastAgiSettings,
    RetentionSettings,
    Settings,
    WebSettings,
)
from ctiroute.settings.secret import maybe_empty, path_of, secret, secret_file

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Mapping as Map


PREFIX = "CTIROUTE_"
LANGUAGES = ("en", "uk")  # the page speaks these
FOREVER = "forever"
MAX_DAYS = 36_500

# Every setting that a variable may set, by path. A list is written with commas in a variable.
_PATHS: tuple[tuple[str, ...], ...] = (
    ("data_dir",),
    ("store",),
    ("redis",),
    ("rules",),
    ("region",),
    ("language",),
    ("sensitive",),
    ("trusted_attestation",),
    ("log_level",),
    ("log_format",),
    ("shadow",),
    ("snapshot_numbers",),
    ("agi_socket",),
    *(("fastagi", key) for key in ("host", "port", "allow_from", "secret", "deadline_s", "header_timeout_s", "max_sockets")),
    *(("callbacks", field.name) for field in dataclass_fields(CallbackSettings)),
    *(("closed_loop", field.name) for field in dataclass_fields(ClosedLoopSettings)),
    *(("continue_link", field.name) for field in dataclass_fields(ContinueSettings)),
    *(("retention", field.name) for field in dataclass_fields(RetentionSettings)),
    *(("web", key) for key in ("host", "port", "origins", "secure_cookie", "session_hours", "same_extension", "trusted_proxies")),
)
_ASTERISK_KEYS = ("name", "host", "port", "username", "secret", "tls", "tls_ca", "addresses")
_LISTS = {
    ("sensitive",),
    ("trusted_attestation",),
    ("fastagi", "allow_from"),
    ("web", "origins"),
    ("web", "trusted_proxies"),
    ("asterisk", "addresses"),
}
_SECRETS = {("store",), ("redis",), ("fastagi", "secret"), ("asterisk", "secret"), ("callbacks", "secret"), ("continue_link", "secret")}

_switch_name = matching(r"[A-Za-z0-9_-]{1,40}", "letters, digits, - and _", "the name is a part of call ids")
_port = integer(0, 65535)


def load_settings(path: Path | None, environ: Map[str, str]) -> Settings:
    """Return the settings in `path` (None: the defaults) with the variables of `environ` over them.

    Raises `SettingsError` with every fault found.
    """
    try:
        tree = _read(path)
        return _settings(_with_environment(tree, environ))
    except SettingsError:
        raise
    except ConfigurationError as error:
        raise SettingsError(error.faults) from error


def environment_names() -> tuple[str, ...]:
    """Return every variable that is understood, without those ending in _FILE."""
    return tuple(_by_name())


def _read(path: Path | None) -> Mapping:
    if path is None:
        return Mapping({}, "environment", 0, 0)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise SettingsError([Fault(str(path), 0, 0, f"cannot be read: {error.strerror or error}")]) from error
    if not content.strip():
        return Mapping({}, str(path), 0, 0)
    tree = load(content, str(path))
    if not isinstance(tree, Mapping):
        refuse(tree, "expected a mapping of settings", "write it as name: value, one under the other")
    return tree


def _by_name() -> dict[str, tuple[str, ...]]:
    paths = [*_PATHS, *(("asterisk", key) for key in _ASTERISK_KEYS)]
    return {PREFIX + "_".join(path).upper(): path for path in paths}


def _with_environment(tree: Mapping, environ: Map[str, str]) -> Mapping:
    names = _by_name()
    faults: list[Fault] = []
    for name in sorted(environ):
        if not name.startswith(PREFIX):
            continue
        if (webhook := closed_loop.secret_name(name)) is not None:
            value = secret_file(Path(environ[name]), name, faults) if webhook[1] else environ[name]
            tree = closed_loop.with_secret(tree, webhook[0], _scalar(value, name)) or _unknown_webhook(tree, name, faults)
            continue
        if (connector := connectors.secret_name(name)) is not None:
            value = secret_file(Path(environ[name]), name, faults) if connector[2] else environ[name]
            changed = connectors.with_secret(tree, connector[0], connector[1], _scalar(value, name))
            if changed is None:
                hint = "CTIROUTE_CONNECTOR_NAME_SECRET, in capitals, - written as _"
                faults.append(Fault(name, 0, 0, "names no connector of the settings", hint=hint))
            tree = changed or tree
            continue
        base = name.removesuffix("_FILE")
        path = names.get(name) or (names.get(base) if names.get(base) in _SECRETS else None)
        if path is None:
            faults.append(Fault(name, 0, 0, "is not a variable ctiroute knows", hint=_nearest(name, names)))
            continue
        value = environ[name] if name in names else secret_file(Path(environ[name]), name, faults)
        node: Node = _scalar(value, name)
        if path in _LISTS:
            node = Sequence(tuple(_scalar(part.strip(), name) for part in value.split(",") if part.strip()), name, 0, 0)
        tree = _overlay_asterisk(tree, path[1], node) if path[0] == "asterisk" else overlay(tree, path, node)
    if faults:
        raise SettingsError(faults)
    return tree


def _unknown_webhook(tree: Mapping, name: str, faults: list[Fault]) -> Mapping:
    faults.append(Fault(name, 0, 0, "names no webhook of the settings", hint="CTIROUTE_WEBHOOK_NAME_SECRET, in capitals, - written as _"))
    return tree


def _nearest(name: str, names: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {near[0]}?" if near else "ctiroute config show prints what can be set"


def _overlay_asterisk(tree: Mapping, key: str, node: Node) -> Mapping:
    """Set a key of the first Asterisk; there is one then, if there was none."""
    entries = tree.get("asterisk")
    items = entries.items if isinstance(entries, Sequence) else ()
    first = items[0] if items and isinstance(items[0], Mapping) else Mapping({}, node.file, 0, 0)
    return overlay(tree, ("asterisk",), Sequence((overlay(first, (key,), node), *items[1:]), node.file, 0, 0))


def _scalar(value: str, name: str) -> Scalar:
    return Scalar(resolve(value), value, name, 0, 0)


def _redis(node: Node) -> str:
    url = maybe_empty(node)
    if url and not re.match(r"(rediss?(\+cluster)?|unix)://.", url):
        refuse(node, "expected the URL of a Redis", "write redis://host:6379/0, rediss://, unix:///path or redis+cluster://host:6379")
    return url


def _network(node: Node) -> str:
    value = text(node)
    try:
        return str(ipaddress.ip_network(value))
    except ValueError:
        refuse(node, "expected a network or an address", "write it as 10.0.0.0/24 or 10.0.0.5")


def _address(node: Node) -> str:
    value = text(node)
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        refuse(node, "expected an IP address", "write it as 10.0.0.5; names are not looked up")


def _settings(tree: Mapping) -> Settings:
    standard = Settings()
    with fields(tree, "ctiroute.yml") as f:
        data_dir = f.get("data_dir", path_of, standard.data_dir)
        store = f.get("store", maybe_empty, "")
        redis = f.get("redis", _redis, "")
        rules = f.get("rules", path_of, standard.rules)
        region = f.get("region", matching("[A-Z]{2}", "a country code of two capital letters", "such as UA, KZ, PL"), standard.region)
        language = f.get("language", choice(*LANGUAGES), standard.language)
        sensitive = f.get("sensitive", list_of(text, empty=True), standard.sensitive)
        attested = f.get("trusted_attestation", list_of(choice("A", "B", "C"), empty=True), standard.trusted_attestation)
        level = f.get("log_level", choice("debug", "info", "warning", "error"), standard.log_level)
        form = f.get("log_format", choice("text", "json"), standard.log_format)
        shadow = f.get("shadow", path_of, None)
        numbers = f.get("snapshot_numbers", choice("keep", "mask"), standard.snapshot_numbers)
        agi_socket = f.get("agi_socket", path_of, None)
        fastagi = f.get("fastagi", _fastagi, standard.fastagi)
        asterisks = f.get("asterisk", list_of(_asterisk, empty=True), ())
        web = f.get("web", _web, standard.web)
        retention = f.get("retention", _retention, standard.retention)
        promised = f.get("callbacks", callbacks.callbacks, standard.callbacks)
        webhooks = f.get("webhooks", closed_loop.webhooks, ())
        loop = f.get("closed_loop", closed_loop.closed_loop, standard.closed_loop)
        wrap_up = f.get("wrap_up", closed_loop.wrap_up, standard.wrap_up)
        media = f.get("connectors", connectors.connectors, standard.connectors)
        links = f.get("continue_link", continue_link.continue_link, standard.continue_link)
        names = [asterisk.name for asterisk in asterisks]
        if len(set(names)) < len(names):
            f.wrong(tree.get("asterisk") or tree, "two Asterisks have the same name", "give each its own name:")
        if promised.secret and promised.pbx not in {"", *names}:
            f.wrong(tree.get("callbacks") or tree, f"there is no Asterisk named {promised.pbx!r}", "name one of asterisk:")
        if promised.secret and not asterisks:
            f.wrong(tree.get("callbacks") or tree, "callbacks need an Asterisk that places them", "add asterisk:, or leave out the secret")
    return Settings(
        data_dir,
        store,
        redis,
        rules,
        region,
        language,
        sensitive,
        attested,
        level,
        form,
        shadow,
        numbers,
        agi_socket,
        fastagi,
        asterisks,
        web,
        retention,
        callbacks=promised,
        webhooks=webhooks,
        closed_loop=loop,
        wrap_up=wrap_up,
        connectors=media,
        continue_link=links,
    )


def _fastagi(node: Node) -> FastAgiSettings:
    standard = FastAgiSettings()
    with fields(node, "fastagi") as f:
        host = f.get("host", text, standard.host)
        port = f.get("port", _port, standard.port)
        allow_from = f.get("allow_from", list_of(_network, empty=True), ())
        key = secret(f)
        if key and not re.fullmatch(r"[A-Za-z0-9_.~-]{8,128}", key):
            f.wrong(f.node.get("secret") or f.node, "the secret is a part of an address", "use 8 to 128 letters, digits, and - _ . ~")
        deadline = f.get("deadline_s", number(0.1, 2.5), standard.deadline_s)
        header = f.get("header_timeout_s", number(0.1, 10), standard.header_timeout_s)
        sockets = f.get("max_sockets", integer(1, 100_000), standard.max_sockets)
        if not allow_from and not _is_loopback(host):
            f.wrong(
                f.node.get("host") or f.node,
                "listens beyond this machine, so it has to be said who may ask",
                "add allow_from: [networks of your Asterisks], or host: 127.0.0.1",
            )
    return FastAgiSettings(host, port, allow_from, key, deadline, header, sockets)


def _asterisk(node: Node) -> AsteriskSettings:
    standard = AsteriskSettings()
    with fields(node, "asterisk") as f:
        name = f.get("name", _switch_name, standard.name)
        host = f.get("host", text, standard.host)
        port = f.get("port", _port, standard.port)
        username = f.get("username", text, standard.username)
        key = secret(f)
        tls = f.get("tls", boolean, standard.tls)
        tls_ca = f.get("tls_ca", path_of, None)
        addresses = f.get("addresses", list_of(_address, empty=True), ())
    return AsteriskSettings(name, host, port, username, key, tls, tls_ca, addresses)


def _web(node: Node) -> WebSettings:
    standard = WebSettings()
    origin = matching(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?", "an origin", "write it as https://crm.example.com, without a path")
    with fields(node, "web") as f:
        host = f.get("host", text, standard.host)
        port = f.get("port", _port, standard.port)
        origins = f.get("origins", list_of(origin, empty=True), ())
        secure = f.get("secure_cookie", boolean, standard.secure_cookie)
        hours = f.get("session_hours", number(0.1, 24 * 30), standard.session_hours)
        same = f.get("same_extension", choice("latest", "all", "reject"), standard.same_extension)
        proxies = f.get("trusted_proxies", list_of(_network, empty=True), ())
    return WebSettings(host, port, origins, secure, hours, same, proxies)


def _retention(node: Node) -> RetentionSettings:
    standard = RetentionSettings()
    with fields(node, "retention") as f:
        days = {field.name: f.get(field.name, _days, getattr(standard, field.name)) for field in dataclass_fields(RetentionSettings)}
    return RetentionSettings(**days)


def _days(node: Node) -> int | None:
    if isinstance(node, Scalar) and node.text == FOREVER:
        return None
    try:
        return integer(1, MAX_DAYS)(node)
    except ConfigurationError:
        refuse(node, f"expected a whole number of days, from 1 to {MAX_DAYS}", f"or {FOREVER}")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
