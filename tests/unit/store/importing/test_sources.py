"""What files may look like, how an import goes on after it was cut off, and what a profile says."""

from __future__ import annotations

import csv
import gzip
import io
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from ctiroute.errors import ConfigurationError, ImportRefused, StoreUnavailable
from ctiroute.model import CallerFacts, CallerQuery, Identifier, IdentifierKind, Medium, TouchStatus
from ctiroute.store.importing import (
    ImportOptions,
    ImportResult,
    external_touch_id,
    import_customers,
    import_touches,
    parse_limit,
    read_profile,
)
from ctiroute.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from ctiroute.store.touch_rows import TouchRow

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
PHONE = "+380671234567"
HEAD = "phone,campaign,sent_at,text\n"


class CutOff(SqliteStore):
    """A store that goes away after so many batches."""

    batch_rows = 100
    left = 0

    async def put_touch_rows(self, rows: Sequence[TouchRow]) -> int:
        """Keep touches, as long as it is there."""
        if not self.left:
            raise StoreUnavailable("gone")
        self.left -= 1
        return await super().put_touch_rows(rows)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[CutOff]:
    """Give an open, empty store that lasts."""
    opened = CutOff(tmp_path / "ctiroute.db")
    opened.left = 10_000
    await opened.open()
    yield opened
    await opened.close()


async def facts(store: SqliteStore, number: str = PHONE) -> CallerFacts:
    """Return what a call from this number would find."""
    since = NOW - timedelta(days=100)
    return await store.find_caller(CallerQuery(Identifier(IdentifierKind.PHONE, number), since, since, since))


def many(count: int) -> str:
    """Return a file of so many good rows."""
    return HEAD + "".join(f"+38067{number:07d},c,2026-11-01 10:00,x\n" for number in range(count))


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1251"])
async def test_encodings_are_recognised_packed_or_not(store: SqliteStore, tmp_path: Path, encoding: str, *, packed: bool) -> None:
    """The same touch comes out, whatever the file is called."""
    content = (HEAD + f"{PHONE},осінь,2026-11-01 10:00,Вигідно\n").encode(encoding)
    path = tmp_path / "export"
    path.write_bytes(gzip.compress(content) if packed else content)
    assert await import_touches(path, store, "UA", NOW) == ImportResult(1, 1, 0, 0)
    (touch,) = (await facts(store)).touches
    assert (touch.campaign, touch.offer.text) == ("осінь", "Вигідно")


async def test_a_few_broken_rows_do_not_garble_the_others(store: SqliteStore, tmp_path: Path) -> None:
    """A UTF-8 file with rows in another encoding stays UTF-8; those rows are refused, and shown as the bytes they were."""
    good = "".join(f"+38067{number:07d},c,2026-11-01 10:00,Вигідно\n" for number in range(99)).encode()
    bad = f"{PHONE},c,2026-11-01 10:00,Вигідно\n".encode("cp1251")
    rejects = tmp_path / "rejects.csv"
    result = await import_touches(io.BytesIO(HEAD.encode() + bad + good), store, "UA", NOW, ImportOptions(rejects=rejects))
    assert (result, result.first_rejects) == (ImportResult(100, 99, 0, 1), ((2, "", "holds bytes that are not utf-8"),))
    assert (await facts(store, "+380670000000")).touches[0].offer.text == "Вигідно"
    assert r"\xc2\xe8" in rejects.read_text("utf-8-sig")


async def test_a_packed_file_that_is_cut_is_refused(store: SqliteStore) -> None:
    """Before anything is kept."""
    packed = gzip.compress(many(5000).encode())
    with pytest.raises(ImportRefused, match="cannot be unpacked"):
        await import_touches(io.BytesIO(packed[:-500]), store, "UA", NOW)
    assert await facts(store, "+380670000000") == CallerFacts()


async def test_a_line_without_an_end_is_refused(store: SqliteStore) -> None:
    """Before it fills the memory."""
    with pytest.raises(ImportRefused, match="longer than 1 MiB"):
        await import_touches(io.BytesIO(HEAD.encode() + b"x" * 2_500_000), store, "UA", NOW)


async def test_ndjson_comes_in_like_csv(store: SqliteStore) -> None:
    """Keys are columns, and later lines may have others; numbers and nulls are texts; what is no flat object is a bad row."""
    lines: list[object] = [
        {"phone": 380671234567, "campaign": "c", "sent_at": "2026-11-01T10:00:00Z", "text": None, "amount": 10.5, "vip": True},
        {"sent_at": "2026-11-01T10:01:00Z", "campaign": "c", "phone": PHONE, "id": 17, "read_at": "2026-11-01T10:05:00Z", "note": "="},
        {"phone": {"number": PHONE}},
        [PHONE],
        {"phone": PHONE, "campaign": "c", "sent_at": "never"},
    ]
    text = "\n\n".join(map(json.dumps, lines)) + "\n{broken\n"
    result = await import_touches(io.BytesIO(text.encode()), store, "UA", NOW)
    assert result == ImportResult(6, 2, 0, 4)
    assert [(line, column) for line, column, _ in result.first_rejects] == [(5, ""), (7, ""), (9, "sent_at"), (10, "")]
    second, first = (await facts(store)).touches
    assert first.offer.fields == {"amount": "10.5", "vip": "true"}
    assert (second.touch_id, second.status, second.offer.fields) == ("c:17", TouchStatus.READ, {"note": "="})
    customers = '{"customer_id": 1, "phone": "067 123 45 67"}\n'
    assert (await import_customers(io.BytesIO(customers.encode()), store, "UA", NOW)).added == 1


async def test_objects_with_ever_new_keys_are_no_table(store: SqliteStore) -> None:
    """They would only fill the memory."""
    lines = "".join(json.dumps({"phone": PHONE, "campaign": "c", "sent_at": "2026-11-01 10:00", f"k{n}": 1}) + "\n" for n in range(600))
    with pytest.raises(ImportRefused, match="more than 500 different keys"):
        await import_touches(io.BytesIO(lines.encode()), store, "UA", NOW)


async def test_an_external_id_counts_within_its_campaign(store: SqliteStore) -> None:
    """Two mailings numbered from 1 do not overwrite each other, and a colon in a name makes no confusion."""
    text = "id,phone,campaign,sent_at\n" + "".join(f"1,{PHONE},{campaign},2026-11-01 10:00\n" for campaign in ("a", "b", "a:1"))
    assert (await import_touches(io.BytesIO(text.encode()), store, "UA", NOW)).added == 3
    assert {touch.touch_id for touch in (await facts(store)).touches} == {"a:1", "b:1", "a%3A1:1"}
    assert external_touch_id("a", "1:1") != external_touch_id("a:1", "1")


async def test_the_limit_may_be_a_part_of_all_rows(store: SqliteStore, tmp_path: Path) -> None:
    """1 % of 200 rows is two; with three, nothing is kept and all three are in the rejects."""
    for bad, kept in ((2, 198), (3, 0)):
        text = many(200 - bad) + f"12,c{bad},2026-11-01 10:00,x\n" * bad
        options = ImportOptions(max_rejects_percent=1.0, rejects=tmp_path / "rejects.csv")
        if kept:
            assert (await import_touches(io.BytesIO(text.encode()), store, "UA", NOW, options)).added == kept
        else:
            with pytest.raises(ImportRefused, match=r"3 of 200 rows are bad, more than 1 %, nothing is kept") as refused:
                await import_touches(io.BytesIO(text.encode()), store, "UA", NOW, options)
            assert len(refused.value.rejects) == 3
    assert len((tmp_path / "rejects.csv").read_text("utf-8-sig").splitlines()) == 4


async def test_more_rows_than_asked_for_are_refused(store: SqliteStore) -> None:
    """Of a program that sends too much at once."""
    with pytest.raises(ImportRefused, match="more than 100 rows"):
        await import_touches(io.BytesIO(many(250).encode()), store, "UA", NOW, ImportOptions(max_rows=100))


async def test_an_import_cut_off_goes_on_where_it_was(store: CutOff, tmp_path: Path) -> None:
    """What was written is not written again, and the counts are those of the whole; another file or option begins anew."""
    text = many(950) + "12,c,2026-11-01 10:00,x\n"
    options = ImportOptions(checkpoints=tmp_path / "imports", resume=True, breath=0)
    store.left = 4
    with pytest.raises(StoreUnavailable):
        await import_touches(io.BytesIO(text.encode()), store, "UA", NOW, options)
    assert len(list((tmp_path / "imports").iterdir())) == 1
    assert (await facts(store, "+380670000399")).touches
    assert not (await facts(store, "+380670000400")).touches

    store.left = 6  # as many as are missing: one more would fail
    result = await import_touches(io.BytesIO(text.encode()), store, "UA", NOW, options)
    assert (result, result.resumed_at) == (ImportResult(951, 950, 0, 1, resumed_at=400), 400)
    assert (await facts(store, "+380670000949")).touches
    assert list((tmp_path / "imports").iterdir()) == []

    store.left = 10_000
    assert await import_touches(io.BytesIO(text.encode()), store, "UA", NOW, options) == ImportResult(951, 0, 950, 1)


async def test_another_file_store_or_option_begins_anew(store: CutOff, tmp_path: Path) -> None:
    """And so does an import that is not asked to go on."""
    resuming = ImportOptions(checkpoints=tmp_path / "imports", resume=True, breath=0)
    store.left = 2
    with pytest.raises(StoreUnavailable):
        await import_touches(io.BytesIO(many(500).encode()), store, "UA", NOW, resuming)
    store.left = 10_000
    for text, options in (
        (many(501), resuming),
        (many(500), ImportOptions(checkpoints=tmp_path / "imports", resume=True, medium=Medium.EMAIL)),
        (many(500), ImportOptions(checkpoints=tmp_path / "imports", resume=True, target="postgresql://elsewhere/ctiroute")),
        (many(500), ImportOptions(checkpoints=tmp_path / "imports")),
    ):
        assert (await import_touches(io.BytesIO(text.encode()), store, "UA", NOW, options)).resumed_at == 0


async def test_what_the_store_refuses_is_told_as_it_is(store: CutOff) -> None:
    """Not wrapped in groups of exceptions, and nothing keeps running."""
    store.left = 0
    with pytest.raises(StoreUnavailable, match="gone"):
        await import_touches(io.BytesIO(many(5000).encode()), store, "UA", NOW)


def test_a_profile_says_what_a_source_always_needs(tmp_path: Path) -> None:
    """Whatever it leaves out is as without it."""
    path = tmp_path / "gateway.yml"
    path.write_text(
        'columns: {phone: MSISDN, sent_at: "Дата"}\ntimezone: Europe/Kyiv\n'
        'encoding: cp1251\ndelimiter: ";"\nmedium: email\nmax_rejects: 0.5%\n',
        encoding="utf-8",
    )
    assert read_profile(path, "touches") == ImportOptions(
        columns={"phone": "MSISDN", "sent_at": "Дата"},
        timezone=ZoneInfo("Europe/Kyiv"),
        encoding="cp1251",
        delimiter=";",
        medium=Medium.EMAIL,
        max_rejects=0,
        max_rejects_percent=0.5,
    )
    path.write_text("{}\n", encoding="utf-8")
    assert read_profile(path, "customers") == ImportOptions()


def test_every_mistake_of_a_profile_is_told_with_its_place(tmp_path: Path) -> None:
    """File, line, column, and what to write."""
    path = tmp_path / "gateway.yml"
    path.write_text('columns: {fone: MSISDN}\ntimezone: Mars/Base\ndelimiter: ";;"\nmax_rejects: some\nzone: UTC\n', encoding="utf-8")
    with pytest.raises(ConfigurationError) as wrong:
        read_profile(path, "touches")
    told = [str(fault).removeprefix(f"{tmp_path}/") for fault in wrong.value.faults]
    assert [each.partition(": ")[0] for each in told] == [f"gateway.yml:{place}" for place in ("1:11", "2:11", "3:12", "4:14", "5:1")]
    assert "did you mean phone?" in told[0]
    assert "Europe/Kyiv" in told[1]
    assert "write 100 or 1%" in told[3]
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_profile(tmp_path / "none.yml", "touches")


@pytest.mark.parametrize(
    ("text", "limit"), [("0", (0, None)), ("250", (250, None)), ("1%", (0, 1.0)), ("0.5%", (0, 0.5)), ("100%", (0, 100.0))]
)
def test_a_limit_is_a_number_or_a_part(text: str, limit: tuple[int, float | None]) -> None:
    """As it is written on the command line and in a profile."""
    assert parse_limit(text) == limit


@pytest.mark.parametrize("text", ["", "-1", "1.5", "101%", "-1%", "%", "nan%", "many"])
def test_what_is_no_limit_is_refused(text: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(ValueError, match="write a number of rows"):
        parse_limit(text)


async def test_rejects_of_ndjson_can_be_mended_and_imported(store: SqliteStore, tmp_path: Path) -> None:
    """They come as CSV under the keys that were met."""
    rejects = tmp_path / "rejects.csv"
    line = json.dumps({"phone": PHONE, "campaign": "c", "sent_at": "never", "text": "=1+1"})
    await import_touches(io.BytesIO(line.encode()), store, "UA", NOW, ImportOptions(rejects=rejects))
    header, row = csv.reader(rejects.read_text("utf-8-sig").splitlines())
    assert header == ["line", "column", "reason", "phone", "campaign", "sent_at", "text"]
    assert row[3:] == [f"'{PHONE}", "c", "never", "'=1+1"]
    rejects.write_text(rejects.read_text("utf-8-sig").replace("never", "2026-11-01 10:00"), "utf-8")
    assert (await import_touches(rejects, store, "UA", NOW)).added == 1
