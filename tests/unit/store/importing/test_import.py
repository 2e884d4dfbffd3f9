"""Importing files into a real store."""

from __future__ import annotations

import csv
import io
import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from ctiroute.errors import ImportRefused
from ctiroute.model import CallerFacts, CallerQuery, Identifier, IdentifierKind, Medium, OfferTerms, TouchStatus
from ctiroute.store.importing import ImportOptions, ImportProgress, ImportResult, import_customers, import_touches
from ctiroute.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
PHONE = "+380671234567"
KYIV = ZoneInfo("Europe/Kyiv")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    """Give an open, empty store."""
    opened = SqliteStore(tmp_path / "ctiroute.db")
    await opened.open()
    yield opened
    await opened.close()


async def facts(store: SqliteStore, value: str = PHONE, kind: str = IdentifierKind.PHONE) -> CallerFacts:
    """Return what a call from this number would find."""
    long_ago = NOW - timedelta(days=100)
    return await store.find_caller(CallerQuery(Identifier(kind, value), long_ago, long_ago, long_ago))


def stream(text: str, encoding: str = "utf-8") -> io.BytesIO:
    """Return a file of this text."""
    return io.BytesIO(text.encode(encoding))


TOUCHES = "phone,campaign,sent_at,text,Сума\n067 123 45 67,autumn,2026-11-01 13:30,Вигідно,1000\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1251"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
async def test_encodings_and_delimiters_are_recognised(store: SqliteStore, encoding: str, delimiter: str) -> None:
    """Whatever the office program saved, the same touch comes out; unknown columns become fields of the offer."""
    file = stream(TOUCHES.replace(",", delimiter), encoding)
    result = await import_touches(file, store, "UA", NOW, ImportOptions(timezone=KYIV))
    assert result == ImportResult(read=1, added=1, updated=0, rejected=0)
    (touch,) = (await facts(store)).touches
    assert (touch.campaign, touch.medium, touch.status, touch.offer) == (
        "autumn",
        Medium.SMS,
        TouchStatus.SENT,
        OfferTerms(text="Вигідно", fields={"Сума": "1000"}),
    )
    assert touch.sent_at == datetime(2026, 11, 1, 11, 30, tzinfo=UTC), "read in the given timezone"


async def test_importing_the_same_again_updates_and_adds_nothing(store: SqliteStore) -> None:
    """Ids are made of campaign, number and time, or taken from the file: a file may be sent twice, or continued."""
    assert (await import_touches(stream(TOUCHES), store, "UA", NOW + timedelta(hours=3))).added == 1
    again = TOUCHES.replace("067 123 45 67", PHONE).replace("Вигідно", "new") + f"{PHONE},autumn,2026-11-01T13:31:00Z,x,\n"
    assert await import_touches(stream(again), store, "UA", NOW + timedelta(hours=3)) == ImportResult(2, 1, 1, 0)
    assert [touch.offer.text for touch in (await facts(store)).touches] == ["x", "new"]
    own = "id,phone,campaign,sent_at,status\nm1,{phone},c,2026-11-01 10:00,{status}\n"
    for status in ("sent", "delivered"):
        await import_touches(stream(own.format(phone="+380501112233", status=status)), store, "UA", NOW)
    (touch,) = (await facts(store, "+380501112233")).touches
    assert (touch.touch_id, touch.status) == ("c:m1", TouchStatus.DELIVERED)


BAD_ROWS = {
    "12,c,2026-11-01 10:00": ("phone", "is not a possible phone number"),
    "anonymous,c,2026-11-01 10:00": ("phone", "is not a possible phone number"),
    ",c,2026-11-01 10:00": ("phone", "is empty"),
    f"{PHONE},,2026-11-01 10:00": ("campaign", "is empty"),
    f"{PHONE},c,": ("sent_at", "is empty"),
    f"{PHONE},c,yesterday": ("sent_at", "is not a time; write 2026-11-01 14:30 or 2026-11-01T14:30:00+02:00"),
    f"{PHONE},c,2026-11-01": ("sent_at", "is not a time; write 2026-11-01 14:30 or 2026-11-01T14:30:00+02:00"),
    f"{PHONE},c,2026-11-31 10:00": ("sent_at", "is not a time; write 2026-11-01 14:30 or 2026-11-01T14:30:00+02:00"),
    f"{PHONE},c,2027-11-01 10:00": ("sent_at", "lies in the future; check the date and the timezone"),
    f"{PHONE},c,2026-11-01 10:00,sms,extra": ("", "has 5 cells, the header 4: a text with the delimiter needs quotes"),
    f"{PHONE},c,2026-11-01 10:00,pigeon": ("medium", "must be one of voice, sms, email, chat, telegram, web"),
    f"{PHONE},{'c' * 201},2026-11-01 10:00": ("campaign", "is longer than 200 characters"),
}


@pytest.mark.parametrize("row", BAD_ROWS)
async def test_a_bad_row_is_refused_with_line_column_and_reason_and_the_good_ones_stay(
    store: SqliteStore, tmp_path: Path, row: str
) -> None:
    """The rejects file holds what somebody needs to mend the row."""
    good = f"{PHONE},c,2026-11-01 10:00\n"
    rejects = tmp_path / "rejects.csv"
    text = f"phone,campaign,sent_at,medium\n{good}\n{row}\n"
    result = await import_touches(stream(text), store, "UA", NOW, ImportOptions(rejects=rejects))
    assert result == ImportResult(read=2, added=1, updated=0, rejected=1)
    header, refused = csv.reader(rejects.read_text("utf-8-sig").splitlines())
    assert header == ["line", "column", "reason", "phone", "campaign", "sent_at", "medium"]
    assert (refused[0], (refused[1], refused[2])) == ("4", BAD_ROWS[row])


async def test_over_the_limit_of_bad_rows_nothing_is_kept(store: SqliteStore, tmp_path: Path) -> None:
    """One more than allowed, though at the very end, and the store is as it was; the rejects are there to read."""
    good = "".join(f"+38067{number:07d},c,2026-11-01 10:00\n" for number in range(3000))
    text = "phone,campaign,sent_at\n" + good + "bad,c,2026-11-01 10:00\n" * 3
    options = ImportOptions(max_rejects=2, rejects=tmp_path / "rejects.csv")
    with pytest.raises(ImportRefused, match=r"more than 2 rows are bad, nothing is kept .*line 3004, phone is not.*rejects\.csv"):
        await import_touches(stream(text), store, "UA", NOW, options)
    assert await facts(store, "+380670000000") == CallerFacts()
    assert len((tmp_path / "rejects.csv").read_text("utf-8-sig").splitlines()) == 4
    assert (await import_touches(stream(text), store, "UA", NOW, ImportOptions(max_rejects=3))).added == 3000


async def test_formula_cells_are_harmless_in_the_rejects_and_mended_rejects_import_again(store: SqliteStore, tmp_path: Path) -> None:
    """A spreadsheet executes nothing of the rejects file; mended there and imported, its rows are as if they had been right."""
    rejects = tmp_path / "rejects.csv"
    text = "phone,campaign,sent_at,text,=CMD\n+380671234567,c,never,=HYPERLINK(1),@x\n"
    await import_touches(stream(text), store, "UA", NOW, ImportOptions(rejects=rejects))
    written = rejects.read_text("utf-8-sig")
    for row in csv.reader(written.splitlines()):
        assert not [cell for cell in row if cell.startswith(("=", "+", "-", "@"))]
    mended = written.replace("never", "2026-11-01 10:00")
    assert (await import_touches(stream(mended), store, "UA", NOW)).added == 1
    (touch,) = (await facts(store)).touches
    assert touch.offer.text == "'=HYPERLINK(1)"
    assert not {"line", "column", "reason"} & set(touch.offer.fields)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("\n\n", "the file is empty"),
        ("phone,sent_at\n", "no column for campaign"),
        ("a,b\n", "no column for phone or email"),
        ("phone,campaign,sent_at,Phone\n", "names a column twice: phone"),
        ("PK\x03\x04\0\0\n", "workbook"),
    ],
)
async def test_a_file_that_cannot_be_mapped_is_refused_whole(store: SqliteStore, text: str, message: str) -> None:
    """The message names the columns there are and what is missing."""
    with pytest.raises(ImportRefused, match=message):
        await import_touches(stream(text), store, "UA", NOW)


async def test_columns_can_be_named_by_the_user(store: SqliteStore) -> None:
    """A mapping goes before the usual names; one that names no column is refused; campaign and medium may be given for all rows."""
    text = "Kontakt,phone,When\n0671234567,ref-7,2026-11-01 10:00\n"
    options = ImportOptions(columns={"phone": "Kontakt", "sent_at": "when"}, campaign="c", medium=Medium.TELEGRAM)
    assert (await import_touches(stream(text), store, "UA", NOW, options)).added == 1
    (touch,) = (await facts(store)).touches
    assert (touch.campaign, touch.medium, touch.offer.fields) == ("c", Medium.TELEGRAM, {"phone": "ref-7"})
    with pytest.raises(ImportRefused, match="no column 'nope'"):
        await import_touches(stream(text), store, "UA", NOW, ImportOptions(columns={"phone": "nope"}))
    with pytest.raises(ImportRefused, match="no such column to map: fone"):
        await import_touches(stream(text), store, "UA", NOW, ImportOptions(columns={"fone": "Kontakt"}))


async def test_customers_come_with_all_their_identifiers_and_attributes(store: SqliteStore) -> None:
    """Several phones in a cell, an e-mail in capitals, and what is left becomes attributes; again: updated."""
    text = 'customer_id;name;phone;e-mail;language;segment;empty\nK1;Олена;"067 123-45-67, +380501112233";Olena@Example.com;uk;vip;\n'
    assert await import_customers(stream(text), store, "UA", NOW) == ImportResult(1, 1, 0, 0)
    assert await import_customers(stream(text), store, "UA", NOW) == ImportResult(1, 0, 1, 0)
    for value, kind in (
        (PHONE, IdentifierKind.PHONE),
        ("+380501112233", IdentifierKind.PHONE),
        ("olena@example.com", IdentifierKind.EMAIL),
    ):
        (customer,) = (await facts(store, value, kind)).customers
        assert (customer.customer_id, customer.name, customer.language, customer.attributes) == ("K1", "Олена", "uk", {"segment": "vip"})
        assert len(customer.identifiers) == 3


@pytest.mark.parametrize("row", [",x,0671234567,", "K1,x,12,", "K1,x,,no-at-sign"])
async def test_a_bad_customer_is_refused(store: SqliteStore, row: str) -> None:
    """No id, no phone number, no address: counted, and nobody is made."""
    assert await import_customers(stream(f"customer_id,name,phone,email\n{row}\n"), store, "UA", NOW) == ImportResult(1, 0, 0, 1)


async def test_a_path_and_a_pipe_import_alike_and_progress_reaches_the_end(store: SqliteStore, tmp_path: Path) -> None:
    """Progress never goes back over both passes and ends at all bytes; a pipe is read twice all the same."""
    text = "phone,campaign,sent_at\n" + "".join(f"+38067{number:07d},c,2026-11-01 10:00\n" for number in range(1200))
    path = tmp_path / "touches.csv"
    path.write_text(text, "utf-8")
    seen: list[ImportProgress] = []
    assert (await import_touches(path, store, "UA", NOW, progress=seen.append)).added == 1200
    done = [step.bytes_done for step in seen]
    assert done == sorted(done)
    assert seen[-1] == ImportProgress(1200, 2 * path.stat().st_size, 2 * path.stat().st_size, writing=True)
    assert {step.writing for step in seen} == {False, True}
    reading, writing = os.pipe()
    os.write(writing, TOUCHES.encode())
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        assert (await import_touches(pipe, store, "UA", NOW + timedelta(hours=3))).added == 1
    with pytest.raises(ImportRefused, match="cannot read"):
        await import_touches(tmp_path / "nowhere.csv", store, "UA", NOW)


async def test_an_unclosed_quote_costs_its_rows_and_not_the_memory(store: SqliteStore) -> None:
    """A cell may not be over 128 KiB: it is a refused row, and nothing escapes."""
    text = "phone,campaign,sent_at\n" + '"' + "x" * 200_000 + "\n" + f"{PHONE},c,2026-11-01 10:00\n"
    result = await import_touches(stream(text), store, "UA", NOW)
    assert result.rejected >= 1


async def test_customers_have_keys_of_the_companys_own_kinds(store: SqliteStore) -> None:
    """A column named after a kind, in the header or by a mapping, leads to its customer; a name that is no kind stays an attribute."""
    file = stream("id,phone,Identifier.loyalty-card,chat,identifier.Цифри\nC1,0671234567,4711;4712,@olena,x\n")
    await import_customers(file, store, "UA", NOW, ImportOptions(columns={"identifier.viber": "chat"}))
    for kind, value in (("loyalty-card", "4711"), ("loyalty-card", "4712"), ("viber", "@olena")):
        (customer,) = (await facts(store, value, kind)).customers
        assert (customer.customer_id, customer.attributes) == ("C1", {"identifier.Цифри": "x"})
