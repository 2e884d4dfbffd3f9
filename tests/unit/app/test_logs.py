"""Log lines: numbers masked and still comparable, secrets hidden, no text able to forge a line."""

from __future__ import annotations

import io
import json
import logging
import re
import stat
from typing import TYPE_CHECKING

import pytest

from ctiroute.app.logs import KEY_FILE, JsonLines, Privacy, TextLines, log_key, set_up

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PRIVACY = Privacy(b"k" * 32)
NUMBER = "+380671234567"
MASKED = re.compile(r"\+38067•••4567#[0-9a-f]{8}")


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    """Put the root logger back as it was."""
    logger = logging.getLogger()
    handlers, level = logger.handlers[:], logger.level
    yield logger
    logger.handlers[:], logger.level = handlers, level
    logging.getLogger("aiohttp.access").setLevel(logging.NOTSET)


def record(message: str, *args: object, error: BaseException | None = None) -> logging.LogRecord:
    """Return a record as a logger makes it."""
    exc_info = (type(error), error, error.__traceback__) if error is not None else None
    return logging.LogRecord("ctiroute.test", logging.WARNING, __file__, 1, message, args, exc_info)


@pytest.mark.parametrize(
    "text",
    [
        NUMBER,
        f"caller {NUMBER} rang",
        f"<sip:{NUMBER}@10.0.0.1>",
        f"Caller(raw='{NUMBER}')",
        f"{NUMBER} 12 ms",
        f"tel{NUMBER}",
        "+380 67 123 4567",
        "+380 (67) 123-45-67",
        "+380\u00a067\u00a0123\u00a04567",
        "+380\u200b67123\u202e4567",
        "+٣٨٠٦٧١٢٣٤٥٦٧",
    ],
)
def test_a_number_is_masked_however_it_is_written(text: str) -> None:
    """Enough to recognise a caller one knows, too little to call."""
    line = PRIVACY.line(text)
    assert MASKED.search(line), line
    assert "1234567" not in re.sub(r"\D", "", line.replace("#", "x")[: line.index("#")])


@pytest.mark.parametrize("text", ["380671234567", "0671234567", "Local/0671234567@from-queue/n", "from 00380671234567 to 0800500500"])
def test_a_number_without_its_plus_is_masked(text: str) -> None:
    """Switches and people leave the plus out."""
    assert not re.search(r"\d{8}", re.sub(r"#[0-9a-f]{8}", "", PRIVACY.line(text)))


def test_one_number_has_one_hash_on_one_installation() -> None:
    """Lines about one caller can be found together; another installation's key gives another hash."""
    tags = {PRIVACY.line(text)[-8:] for text in (NUMBER, "380671234567", "00380671234567", "+380 67 123 45 67")}
    assert len(tags) == 1
    assert PRIVACY.line("+380671234568")[-8:] not in tags
    assert Privacy(b"x" * 32).line(NUMBER)[-8:] not in tags


@pytest.mark.parametrize(
    "text",
    [
        "asterisk:1764000000.12",
        "asterisk:pbx-kyiv-1764000000.1234567",
        "asterisk:trial.1764000000123456789: no decision in time, taking the default way",
        "PJSIP/1001-00000012 and SIP/1001-12345678",
        "AGI from 10.11.12.131: closed (garbage; further ones are counted only)",
        "Screens at http://127.0.0.1:8080/",
        "rules 9f0c91ae1234 are in use now: 50 rules",
        "2026-11-22T09:48:00+02:00, 20261122, 0.123456789 s, -1764000000.123",
        "0x7f3412345678",
    ],
)
def test_what_is_no_number_stays_as_it_is(text: str) -> None:
    """A call id that was damaged could not be given to `trace`."""
    assert PRIVACY.line(text) == text


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("cannot open postgresql://ctiroute:s3cret@db.example/cti", "s3cret"),
        ("redis://:p@ss/word@10.0.0.1:6379/0 does not answer", "ss/word"),
        ("connection to host=db password=s3cret user=x failed", "s3cret"),
        ("GET /embed?ticket=abcdef&next=/ failed", "abcdef"),
        ("{'secret': 'hunter22', 'port': 5038}", "hunter22"),
    ],
)
def test_passwords_are_hidden(text: str, secret: str) -> None:
    """Errors of drivers quote the URL they were given."""
    line = PRIVACY.line(text)
    assert secret not in line
    assert "•••" in line


HOSTILE = f"x\r\n12:00:00 error    ctiroute: forged\x1b[2J\x9b31m\u202egnp.exe\u2028\u2066\x00\x7f\udc80 {NUMBER}"


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("place", ["argument", "message", "exception"])
def test_hostile_text_makes_no_second_line_and_moves_no_cursor(form: str, place: str) -> None:
    """What a caller calls himself is written by the caller."""
    formatter: logging.Formatter = JsonLines(PRIVACY) if form == "json" else TextLines(PRIVACY, color=False)
    made = {
        "argument": record("caller %s", HOSTILE),
        "message": record(HOSTILE),
        "exception": record("it failed", error=ValueError(HOSTILE)),
    }[place]
    line = formatter.format(made)
    line.encode()  # a lone surrogate would cost the line
    assert NUMBER not in line
    assert MASKED.search(line)
    if form == "json":
        entry = json.loads(line)
        assert line.isprintable()
        assert all(part.isprintable() for text in entry.values() for part in text.split("\n"))
    else:
        first, *rest = line.split("\n")
        assert first.isprintable()
        assert all(text.isprintable() and text.startswith("  | ") for text in rest)
        assert bool(rest) == (place == "exception")


@pytest.mark.parametrize("formatter", [JsonLines(PRIVACY), TextLines(PRIVACY, color=True)])
def test_arguments_that_do_not_fit_are_not_printed_raw(formatter: logging.Formatter) -> None:
    """The logging module would otherwise print them as they are to standard error."""
    line = formatter.format(record("%d of %d", NUMBER))
    assert NUMBER not in line
    assert "do not fit" in line


def test_the_key_is_made_once_and_is_nobody_elses(tmp_path: Path) -> None:
    """A restart, or a second process, hashes alike; others on the machine cannot."""
    directory = tmp_path / "data"
    key = log_key(directory)
    assert log_key(directory) == key
    assert stat.S_IMODE((directory / KEY_FILE).stat().st_mode) == 0o600
    assert [path.name for path in directory.iterdir()] == [KEY_FILE]


def test_without_a_place_for_the_key_the_service_starts_all_the_same(tmp_path: Path) -> None:
    """The data directory may be read-only, or no directory at all."""
    blocked = tmp_path / "file"
    blocked.write_text("", encoding="utf-8")
    assert len(log_key(blocked)) == 32
    assert log_key(blocked) != log_key(blocked)


def test_a_key_that_was_cut_short_is_not_used(tmp_path: Path) -> None:
    """An empty key would let anybody compute the hashes."""
    (tmp_path / KEY_FILE).write_bytes(b"")
    assert len(log_key(tmp_path)) == 32


@pytest.mark.parametrize("form", ["text", "json"])
def test_every_logger_goes_through_it(form: str, root: logging.Logger, tmp_path: Path) -> None:
    """Libraries log, too."""
    stream = io.StringIO()
    set_up("info", form, stream, data_dir=tmp_path)
    logging.getLogger("aiohttp.server").error("Error handling request from %s", NUMBER)
    logging.getLogger("ctiroute").debug("below the level")
    line = stream.getvalue()
    assert root.level == logging.INFO
    assert NUMBER not in line
    assert MASKED.search(line)
    assert line.count("\n") == 1
