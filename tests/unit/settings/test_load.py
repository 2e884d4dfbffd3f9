"""ctiroute.yml and CTIROUTE_* variables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ctiroute.errors import SettingsError
from ctiroute.settings import Settings, environment_names, load_settings

if TYPE_CHECKING:
    from pathlib import Path


def write(tmp_path: Path, text: str) -> Path:
    """Put a settings file in place."""
    path = tmp_path / "ctiroute.yml"
    path.write_text(text, encoding="utf-8")
    return path


def test_no_file_and_no_variables_run_on_one_box() -> None:
    """The defaults need nothing but a data directory."""
    settings = load_settings(None, {})
    assert settings == Settings()
    assert settings.store_url == "sqlite:///var/lib/ctiroute/ctiroute.db"


def test_an_empty_file_is_the_defaults(tmp_path: Path) -> None:
    """A file with comments only changes nothing."""
    assert load_settings(write(tmp_path, "\n"), {}) == Settings()


def test_a_whole_file_is_read(tmp_path: Path) -> None:
    """Every room's settings come from one file."""
    path = write(
        tmp_path,
        """
        data_dir: /srv/cti
        region: KZ
        fastagi: {host: 10.0.0.2, allow_from: [10.0.0.0/24], secret: s3cret-long-enough, deadline_s: 0.5}
        asterisk:
          - {name: pbx1, host: 10.0.0.10, secret: one, addresses: [10.0.0.11]}
          - {name: pbx2, host: 10.0.0.20, tls: true}
        web: {port: 9000, origins: ["https://crm.example.com"], same_extension: all}
        """,
    )
    settings = load_settings(path, {})
    assert settings.asterisk[0].addresses == ("10.0.0.11",)
    assert settings.fastagi.allow_from == ("10.0.0.0/24",)
    assert [(each.name, each.tls) for each in settings.asterisk] == [("pbx1", False), ("pbx2", True)]
    assert settings.web.same_extension == "all"
    assert settings.store_url == "sqlite:///srv/cti/ctiroute.db"


def test_a_relative_path_is_meant_from_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with everything in it can be moved; a variable speaks from where the command runs."""
    assert load_settings(write(tmp_path, "rules: rules\n"), {}).rules == tmp_path / "rules"
    monkeypatch.chdir(tmp_path)
    assert load_settings(None, {"CTIROUTE_DATA_DIR": "data"}).store_url == f"sqlite://{tmp_path}/data/ctiroute.db"


def test_a_variable_overrides_the_file(tmp_path: Path) -> None:
    """Deployments change single values without a new file."""
    path = write(tmp_path, "fastagi: {port: 4573}\nasterisk: [{name: pbx1, secret: old}, {name: pbx2}]\n")
    settings = load_settings(
        path,
        {"CTIROUTE_FASTAGI_PORT": "0", "CTIROUTE_ASTERISK_SECRET": "new", "CTIROUTE_WEB_ORIGINS": "https://a.example, https://b.example"},
    )
    assert settings.fastagi.port == 0
    assert [each.secret for each in settings.asterisk] == ["new", ""]
    assert settings.web.origins == ("https://a.example", "https://b.example")


def test_variables_alone_describe_an_asterisk() -> None:
    """A container needs no file."""
    settings = load_settings(None, {"CTIROUTE_ASTERISK_HOST": "pbx", "CTIROUTE_ASTERISK_USERNAME": "cti"})
    assert settings.asterisk[0].host == "pbx"
    assert settings.asterisk[0].username == "cti"


def test_a_secret_may_stand_in_a_file_of_its_own(tmp_path: Path) -> None:
    """Secrets come as files, by a key or by a variable, and lose their line end."""
    secret = tmp_path / "secret"
    secret.write_text("hush\n", encoding="utf-8")
    by_key = load_settings(write(tmp_path, f"asterisk: [{{secret_file: {secret}}}]"), {})
    by_variable = load_settings(None, {"CTIROUTE_ASTERISK_SECRET_FILE": str(secret)})
    assert by_key.asterisk[0].secret == by_variable.asterisk[0].secret == "hush"


def test_every_mistake_is_named_in_one_run(tmp_path: Path) -> None:
    """Unknown keys, wrong types and bad values come together, each with its place and remedy."""
    path = write(tmp_path, "fastagi:\n  prot: 4573\n  deadline_s: 60\nregion: Ukraine\nweb: {secure_cookie: yes}\n")
    with pytest.raises(SettingsError) as raised:
        load_settings(path, {})
    found = [(fault.line, fault.column, str(fault)) for fault in raised.value.faults]
    assert [place[:2] for place in sorted(found)] == [(2, 3), (3, 15), (4, 9), (5, 22)]
    text = str(raised.value)
    assert "did you mean port?" in text
    assert "write true" in text


def test_listening_beyond_the_machine_needs_a_list_of_who_may_ask(tmp_path: Path) -> None:
    """The call path is no open door: the service refuses to start, and says what to write (TRUST S1)."""
    with pytest.raises(SettingsError, match="allow_from"):
        load_settings(write(tmp_path, "fastagi: {host: 0.0.0.0}"), {})
    assert load_settings(write(tmp_path, "fastagi: {host: localhost}"), {}).fastagi.host == "localhost"


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"CTIROUTE_FASTAGI_PROT": "1"}, "did you mean CTIROUTE_FASTAGI_PORT"),
        ({"CTIROUTE_FASTAGI_PORT": "many"}, "whole number"),
        ({"CTIROUTE_ASTERISK_SECRET_FILE": "/nowhere/at/all"}, "cannot be read"),
        ({"CTIROUTE_REGION_FILE": "/nowhere"}, "not a variable"),
        ({"CTIROUTE_ASTERISK_SECRET": "\udcff"}, "no text"),
    ],
)
def test_a_wrong_variable_is_named(environ: dict[str, str], message: str) -> None:
    """A typo in a variable is not passed over in silence."""
    with pytest.raises(SettingsError, match=message):
        load_settings(None, environ)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1, 2]", "expected a mapping"),
        ("asterisk: [{name: a}, {name: a}]", "same name"),
        ("asterisk: [{name: 'a b'}]", "letters, digits"),
        ("web: {origins: [crm.example.com]}", "an origin"),
        ("fastagi: {allow_from: [here]}", "a network"),
        ("asterisk: [{secret_file: /nowhere/at/all}]", "cannot be read"),
        ("fastagi: {secret: a/b?c=dddd}", "a part of an address"),
        ("asterisk: [{addresses: [10.0.0.0/24]}]", "an IP address"),
        ("retention: {calls_days: 0}", "whole number of days.*forever"),
        ("retention: {touches_days: never}", "whole number of days.*forever"),
        ("retention: {touch_days: 3}", "did you mean touches_days"),
        ("a: [", r"ctiroute\.yml:2:1"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, text: str, message: str) -> None:
    """Each mistake says what is expected."""
    with pytest.raises(SettingsError, match=message):
        load_settings(write(tmp_path, text), {})


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """The path that was given is in the message."""
    with pytest.raises(SettingsError, match=r"none\.yml: cannot be read"):
        load_settings(tmp_path / "none.yml", {})


def test_every_scalar_setting_has_a_variable() -> None:
    """A new setting is reachable from the environment, too."""
    names = set(environment_names())
    for field in Settings.__dataclass_fields__:
        if field not in {
            "fastagi",
            "asterisk",
            "web",
            "retention",
            "callbacks",
            "closed_loop",
            "webhooks",
            "wrap_up",
            "connectors",
            "continue_link",
        }:  # the last three are lists
            assert f"CTIROUTE_{field.upper()}" in names
    rooms = {"FASTAGI": "FastAgiSettings", "WEB": "WebSettings", "ASTERISK": "AsteriskSettings", "RETENTION": "RetentionSettings"}
    rooms |= {"CLOSED_LOOP": "ClosedLoopSettings", "CALLBACKS": "CallbackSettings", "CONTINUE_LINK": "ContinueSettings"}
    for room, kind in rooms.items():
        module = __import__("ctiroute.settings.model", fromlist=[kind])
        for field in getattr(module, kind).__dataclass_fields__:
            assert f"CTIROUTE_{room}_{field.upper()}" in names


def test_days_and_forever_are_read(tmp_path: Path) -> None:
    """What is not said keeps its default; a variable overrides the file."""
    path = write(tmp_path, "retention: {touches_days: 90, calls_days: forever}\n")
    retention = load_settings(path, {"CTIROUTE_RETENTION_TOUCHES_DAYS": "30", "CTIROUTE_RETENTION_WRAP_UPS_DAYS": "forever"}).retention
    assert (retention.touches_days, retention.calls_days, retention.wrap_ups_days) == (30, None, None)
    assert retention.snapshots_days == Settings().retention.snapshots_days


@pytest.mark.parametrize(
    "url",
    [
        "",
        "redis://localhost",
        "rediss://u:p@redis.example.com:6380/2",
        "unix:///run/redis.sock",
        "redis+cluster://a:1,b:2",
        "rediss+cluster://a",
    ],
)
def test_a_redis_may_be_one_a_socket_or_a_cluster(url: str) -> None:
    """Whatever the driver can speak to; none is the default."""
    assert load_settings(None, {"CTIROUTE_REDIS": url}).redis == url


@pytest.mark.parametrize("url", ["localhost:6379", "http://localhost", "redis:/localhost", "redis://", "unix+cluster:///x"])
def test_what_is_no_redis_is_refused(url: str) -> None:
    """With what to write instead."""
    with pytest.raises(SettingsError, match="redis://host:6379/0"):
        load_settings(None, {"CTIROUTE_REDIS": url})


def test_the_url_of_redis_may_stand_in_a_file(tmp_path: Path) -> None:
    """There is a password in it."""
    secret = tmp_path / "redis"
    secret.write_text("redis://:secret@host/0\n", encoding="utf-8")
    assert load_settings(None, {"CTIROUTE_REDIS_FILE": str(secret)}).redis == "redis://:secret@host/0"
