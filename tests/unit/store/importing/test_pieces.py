"""A file read in pieces gives what it gives in one go, or says that it cannot be."""

from __future__ import annotations

import io
import os
import signal
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctiroute.store.importing import ImportOptions, crew, cutting, import_touches, run
from ctiroute.store.importing.crew import CrewLost
from ctiroute.store.importing.parsing import Task
from ctiroute.store.importing.source import Format, Rows, detect
from ctiroute.store.importing.values import Defaults

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ctiroute.store.touch_columns import TouchColumns
    from ctiroute.store.touch_rows import TouchRow

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
HEAD = "phone,campaign,sent_at,text\n"
UTF8 = Format("utf-8", ",", "")


class Kept:
    """A store that keeps the rows it is given, in order."""

    batch_rows = 500

    def __init__(self) -> None:
        self.rows: list[TouchRow] = []

    async def put_touch_columns(self, touches: TouchColumns) -> int:
        """Keep them."""
        self.rows += touches.rows()
        return len(touches)

    async def put_customers(self, rows: Sequence[object]) -> int:
        """Have no room for these."""
        raise NotImplementedError


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every file a large one, of small pieces."""
    monkeypatch.setattr(run, "_LARGE", 0)
    monkeypatch.setattr(cutting, "PIECE", 4096)


def text_of(rows: int) -> str:
    """Return a file with quoted line ends, blank lines and a bad row in a hundred."""
    lines = []
    for number in range(rows):
        phone = "no number" if number % 100 == 50 else f"+38067{number:07d}"
        lines.append(f'{phone},autumn,2026-11-01 10:{number % 60:02d},"Two\nlines, ""quoted"""\n' + ("\r\n" if number % 70 == 0 else ""))
    return HEAD + "".join(lines)


async def imported(text: bytes, processes: int, rejects: Path) -> tuple[object, list[TouchRow], str]:
    """Import; return the result, the rows, and what was refused."""
    store = Kept()
    options = ImportOptions(processes=processes, rejects=rejects, breath=0)
    result = await import_touches(io.BytesIO(text), store, "UA", NOW, options)  # type: ignore[arg-type] # what it uses of one
    return (result, result.first_rejects), store.rows, rejects.read_text(encoding="utf-8-sig")  # noqa: ASYNC240 - a small file


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1251"])
async def test_processes_give_the_same_as_one(encoding: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows in order, counts, and the lines of refused rows."""
    text = text_of(1500).replace("Two", "Два").encode(encoding)
    alone = await imported(text, 1, tmp_path / "alone.csv")
    monkeypatch.delattr(run._Job, "_checked_here")  # it is the processes that do it
    assert await imported(text, 2, tmp_path / "together.csv") == alone
    assert len(alone[1]) == 1485


async def test_a_file_that_cannot_be_cut_is_read_in_one_go(tmp_path: Path) -> None:
    """Quotes in cells that are not quoted mislead who counts them; a cell that never ends does, too."""
    row = "+38067{:07d},autumn,2026-11-01 10:00,{}\n"
    odd = (
        HEAD + row.format(0, '5" pipe') + "".join(row.format(number, '"a\nb"') for number in range(1, 800)) + row.format(800, '"never ends')
    )
    alone = await imported((odd + text_of(100)[len(HEAD) :]).encode(), 1, tmp_path / "alone.csv")
    assert await imported((odd + text_of(100)[len(HEAD) :]).encode(), 2, tmp_path / "together.csv") == alone


@given(st.text('a,"\n\r0', max_size=60), st.integers(1, 20))
def test_pieces_are_those_of_the_whole_or_none(text: str, size: int) -> None:
    """Whatever stands where: either some piece says that it has no end, or together they are the file."""
    data = ("h,i\n" + text).encode()
    whole = Rows(io.BytesIO(data), UTF8)
    expected = whole.take(100)
    found: list[object] = []
    header: list[str] = []
    lines = 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cutting, "PIECE", size)
        cut = list(cutting.pieces(io.BytesIO(data)))
    assert b"".join(cut) == data
    for piece in cut:
        read = cutting.read_piece(piece, UTF8, header)
        if read is None:
            return
        found += [(line + lines, cells, error) for line, cells, error in read[0]]
        lines += read[1]
    assert (header, found) == (whole.header, expected)


async def test_a_process_that_ends_is_noticed(tmp_path: Path) -> None:
    """Its answer never comes, and who waits hears that."""
    task = Task("touches", detect(io.BytesIO(text_of(1).encode())), {}, Defaults("UA", UTC, NOW))
    async with crew.crew(1, task, HEAD.strip().split(",")) as processes:
        processes.ask(text_of(1)[len(HEAD) :].encode())
        assert await processes.answer() is not None
        (process,) = processes._processes
        os.kill(process.pid, signal.SIGKILL)
        await process.wait()
        processes.ask(text_of(1)[len(HEAD) :].encode())
        with pytest.raises(CrewLost):
            await processes.answer()
    assert process.returncode == -signal.SIGKILL


async def test_without_processes_a_file_is_imported_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that starts no more of them is slower, and no worse."""
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nothing here"))
    text = text_of(300).encode()
    assert await imported(text, 2, tmp_path / "together.csv") == await imported(text, 1, tmp_path / "alone.csv")
