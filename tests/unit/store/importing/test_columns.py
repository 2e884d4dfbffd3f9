"""What is done by columns gives what is done row by row: the same touches, the same refused rows, in the same order."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ctiroute.model import Medium
from ctiroute.store.importing.mapping import map_columns
from ctiroute.store.importing.numbers import column_reader, number_reader
from ctiroute.store.importing.parsing import Parser, Task, _RowParser
from ctiroute.store.importing.piece_reader import check_piece
from ctiroute.store.importing.source import Format, Rows
from ctiroute.store.importing.splitting import split
from ctiroute.store.importing.values import Defaults, touch_parser
from ctiroute.store.touch_columns import TouchColumns
from tests.examples import examples

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ctiroute.store.importing.source import Row

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
FORM = Format("utf-8", ",", "")

# What stands in a column of real files; then what does not.
CELLS = {
    "phone": ["+380671234567", "+380671234568", "0671234567", "067 123 45 67", "380501112233", "'+380671234567", "+4915112345678"],
    "email": ["a@b.ua", "A@B.UA", "b@c.d"],
    "campaign": ["autumn", "осінь", "a:b%"],
    "sent_at": ["2026-11-01 10:00", "2026-10-31T10:00:01.5+02:00", "01.11.2026 09:30", "2027-01-01 10:00"],
    "medium": ["sms", "EMAIL", ""],
    "status": ["sent", "Delivered", ""],
    "delivered_at": ["", "2026-11-01 10:01"],
    "clicked_at": ["", "2026-11-01 10:05"],
    "touch_id": ["t1", "t2", ""],
    "external_id": ["m-1", "m-2", ""],
    "customer_id": ["K1", ""],
    "title": ["Offer", "Пропозиція"],
    "text": ["x" * 300, 'say "yes"', "\\N", ""],
    "Сума %": ["1000", "", '"', "\\"],
    "City": ["Kyiv", "Львів", ""],
}
ODD = [
    "",
    " ",
    "no",
    " x ",
    "\u00a0",
    "\0",
    "2027-01-01 10:00",
    "2026-11-01",
    "x" * 201,
    "x" * 4001,
    "=1+1",
    "+380671234567\n",
    "\t",
    "\x1f",
]


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[str], list[list[str]]]:
    """Return a header, and rows of which most are like most."""
    header = draw(st.permutations(["sent_at", *draw(st.sets(st.sampled_from(sorted(CELLS)), min_size=1))]).map(dict.fromkeys).map(list))
    if "phone" not in header and "email" not in header:
        header.append(draw(st.sampled_from(["phone", "email"])))
    usual = {name: draw(st.lists(st.sampled_from(CELLS[name]), min_size=1, max_size=3)) for name in header}
    rows = draw(
        st.lists(
            st.tuples(
                *(st.sampled_from(usual[name]) for name in header),
                st.one_of(st.just(None), st.tuples(st.integers(0, len(header)), st.sampled_from(ODD))),
            ),
            max_size=12,
        )
    )
    table = []
    for *usual_cells, odd in rows:
        cells = list(usual_cells)
        if odd is not None and odd[0] < len(header):
            cells[odd[0]] = odd[1]
        elif odd is not None:  # a row with too few or too many
            cells = cells[:-1] if odd[1] else [*cells, "more"]
        table.append(cells)
    return header, table


def row_by_row(header: list[str], rows: Sequence[Row], task: Task) -> tuple[list[object], list[object], int]:
    """Return what the row parser makes of rows: touches, refused rows, rows that are not blank."""
    columns = map_columns(header, "touches", task.columns, ("campaign",))
    good, bad, blank = _RowParser(touch_parser(columns, task.defaults), task.form, len(header)).sort(rows)
    return [*good.values()], [*bad], len(rows) - blank


defaults = st.builds(
    Defaults,
    region=st.sampled_from(["UA", "PL", "ZZ"]),
    timezone=st.sampled_from([UTC, ZoneInfo("Europe/Kyiv")]),
    now=st.just(NOW),
    medium=st.sampled_from([Medium.SMS, Medium.EMAIL]),
    campaign=st.sampled_from(["autumn", "c"]),
    only_campaign=st.booleans(),
)


@settings(max_examples=examples(400))
@given(tables(), defaults, st.booleans())
def test_columns_give_what_rows_give(table: tuple[list[str], list[list[str]]], defaults: Defaults, broken: bool) -> None:
    """Whatever rows are mixed, and whichever columns there are."""
    header, cells = table
    if broken:
        cells = [[cell.replace("\x1f", "\udc98") for cell in row] for row in cells]
    task = Task("touches", Format("utf-8", ",", "", broken), {}, defaults)
    rows: list[Row] = [(line, row, "cannot be read" if row[0] == "=1+1" else "") for line, row in enumerate(cells, 2)]
    parser = Parser[TouchColumns](task)
    parser.settle(header)
    for some in (rows, rows[1:], rows):  # what was remembered changes nothing
        found = parser.check(some)
        assert (found.good.rows(), found.bad, found.read) == row_by_row(header, some, task)
        assert found.taken == len(some)
        assert TouchColumns.unpacked(found.good.packed()) == found.good or not found.good
        assert TouchColumns.unpacked(found.good.packed()).rows() == found.good.rows()


def test_one_column_may_mean_two_things() -> None:
    """The stricter of its limits holds, as it does row by row."""
    task = Task("touches", FORM, {"customer_id": "note", "text": "note"}, Defaults("UA", UTC, NOW, campaign="c"))
    header = ["phone", "sent_at", "note"]
    rows: list[Row] = [(line, ["+380671234567", "2026-11-01 10:00", "x" * (199 + line)], "") for line in (1, 2)]
    parser = Parser[TouchColumns](task)
    parser.settle(header)
    found = parser.check(rows)
    assert (found.good.rows(), found.bad, found.read) == row_by_row(header, rows, task)
    assert len(found.bad) == 1


def test_an_address_beside_a_phone_may_be_too_long() -> None:
    """It is not what the touch is known by, and the row is refused all the same, as it is row by row."""
    task = Task("touches", FORM, {}, Defaults("UA", UTC, NOW, campaign="c"))
    header = ["phone", "email", "sent_at"]
    rows: list[Row] = [(line, ["+380671234567", "x" * (3999 + line), "2026-11-01 10:00"], "") for line in (1, 2)]
    parser = Parser[TouchColumns](task)
    parser.settle(header)
    found = parser.check(rows)
    assert (found.good.rows(), found.bad, found.read) == row_by_row(header, rows, task)
    assert len(found.bad) == 1


def csv_of(header: list[str], rows: list[list[str]], delimiter: str, end: str, *, quoted: bool) -> str:
    """Return a file as programs write it."""

    def written(cell: str) -> str:
        must = quoted or any(character in cell for character in (delimiter, '"', "\n", "\r"))
        return '"' + cell.replace('"', '""') + '"' if must else cell

    return "".join(delimiter.join(map(written, row)) + end for row in [header, *rows])


@settings(max_examples=examples(300))
@given(
    tables(),
    st.sampled_from([",", ";", "\t"]),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
    st.sampled_from(["utf-8", "utf-8-sig", "cp1251"]),
)
def test_pieces_give_what_rows_give(
    table: tuple[list[str], list[list[str]]],
    delimiter: str,
    end: str,
    quoted: bool,
    encoding: str,
) -> None:
    """A piece of a file, quoted or not, comes out as the rows that `csv` reads."""
    header, cells = table
    task = Task("touches", Format(encoding, delimiter, ""), {}, Defaults("UA", UTC, NOW, campaign="c"))
    head, body = (csv_of(part[0], part[1:], delimiter, end, quoted=quoted) for part in ([header], cells or [[]]))
    data = body.encode(encoding.removesuffix("-sig"), "ignore")
    if not cells:
        return
    rows = Rows(io.BytesIO(head.encode(encoding) + data), task.form)
    found = rows.take(100)
    lines = head.count("\n")
    expected = row_by_row(header, [(line - lines, row, error) for line, row, error in found], task)
    answer = check_piece(data, task, header, Parser[TouchColumns](task))
    if answer is not None:
        good, bad, taken, read, _ = answer
        assert (TouchColumns.unpacked(good).rows(), bad, read) == expected
        assert taken == len(found)


@settings(max_examples=examples(1000))
@given(st.text('a,"\n\r \x1f\0', max_size=40), st.integers(1, 4))
@example('"a,b",c\n"d",""\n', 2)
@example('"a""b",c\n', 2)
@example("a,b\n\nc,d\n", 2)
@example("a,b,c\nd\n", 2)
@example('a,\n"\n"\n', 2)
def test_a_piece_is_split_as_csv_reads_it_or_not_at_all(text: str, width: int) -> None:
    """Quotes, line ends and blank lines in any place: the same cells on the same lines, or None."""
    found = split(text.encode(), FORM, width)
    if found is not None:
        rows = Rows(io.BytesIO(text.encode()), FORM, ["h"] * width).take(100)
        assert [found[place] for place in range(len(found))] == rows


@given(st.sampled_from(["UA", "PL", "US", "DE", "IT", "ZZ"]), st.lists(st.text("0123456789", max_size=13), min_size=1, max_size=4))
def test_digits_are_read_alike_in_columns(region: str, column: list[str]) -> None:
    """Numbers without a plus sign, of any length, in regions that write them each in its own way."""
    assert [*column_reader(region)(column)] == [*map(number_reader(region), column)]


def test_a_usual_piece_is_split() -> None:
    """What files are full of needs no `csv`: cells in quotes with the delimiter in them, and either line end."""
    assert split(b'1,"2, 3",4\r\n"5",6,""\r\n', FORM, 3) is not None
    assert split("1;два\n3;4".encode("cp1251"), Format("cp1251", ";", ""), 2) is not None


@given(st.lists(st.sampled_from([*CELLS["phone"], *ODD, "+380671234567\n+380671234567", "+3806712345678"]), min_size=1, max_size=5))
@example(["+380671234567", "+380671234567\n+380671234567"])
@example(["0671234567", "380501112233", "671234567", "1", "\u0663\u0664"])
@example(["0671234567", "00380501112233"])
@example(["0671234567", "0671234567\n"])
@example(["0671234567", ""])
def test_numbers_are_read_alike_in_columns(column: list[str]) -> None:
    """Each as it is read alone."""
    assert [*column_reader("UA")(column)] == [*map(number_reader("UA"), column)]


@pytest.mark.parametrize("count", [0, 1, 3])
def test_columns_are_joined_and_cut(count: int) -> None:
    """Parts come together in their order, and apart again."""
    task = Task("touches", FORM, {}, Defaults("UA", UTC, NOW, campaign="c"))
    parser = Parser[TouchColumns](task)
    parser.settle(["phone", "sent_at"])
    rows: list[Row] = [(2 + place, [f"+38067123456{place}", "2026-11-01 10:00"], "") for place in range(count)]
    whole = parser.check(rows).good
    joined = TouchColumns.joined([whole, parser.check([]).good, whole])
    assert joined.rows() == whole.rows() * 2
    assert joined.cut(count, 2 * count).rows() == whole.rows()
