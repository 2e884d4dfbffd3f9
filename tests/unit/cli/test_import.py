"""`ctiroute import touches|customers`."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.cli.conftest import Said

HEAD = "phone,campaign,sent_at,title\n"
GOOD = "+380671234567,autumn,2026-11-01T10:00:00+02:00,Autumn\n0501234567,autumn,2026-11-01T10:01:00+02:00,Autumn\n"
BAD = "what,autumn,2026-11-01T10:00:00+02:00,Autumn\n"


@pytest.fixture
def touches(tmp_path: Path) -> Path:
    """Return a file with two good rows."""
    path = tmp_path / "autumn.csv"
    path.write_text(HEAD + GOOD, encoding="utf-8")
    return path


def test_touches_are_imported_once(config: Path, touches: Path, ctiroute: Callable[..., Said]) -> None:
    """Importing the file again changes nothing."""
    said = ctiroute("import", "touches", touches, "-c", config)
    assert said.code == 0
    assert "2 rows: 2 added, 0 known before, 0 refused" in said.out
    again = json.loads(ctiroute("import", "touches", touches, "-c", config, "--json").out)
    assert (again["read"], again["added"], again["updated"], again["rejected"], again["rejects"]) == (2, 0, 2, 0, None)


def test_customers_are_imported(config: Path, tmp_path: Path, ctiroute: Callable[..., Said]) -> None:
    """With their numbers and attributes."""
    path = tmp_path / "customers.csv"
    path.write_text("customer_id,name,phone,tariff\n17,Ivan,+380671234567,gold\n", encoding="utf-8")
    result = json.loads(ctiroute("import", "customers", path, "-c", config, "--json").out)
    assert (result["added"], result["rejected"]) == (1, 0)


def test_refused_rows_are_kept_apart(config: Path, touches: Path, ctiroute: Callable[..., Said]) -> None:
    """The rest is imported, and the file of refused rows is named."""
    touches.write_text(HEAD + GOOD + BAD, encoding="utf-8")
    said = ctiroute("import", "touches", touches, "-c", config)
    rejects = touches.with_suffix(".rejects.csv")
    assert said.code == 0
    assert "1 refused" in said.out
    assert str(rejects) in said.out
    assert "what" in rejects.read_text(encoding="utf-8-sig")


def test_a_file_without_one_good_row_is_1(config: Path, touches: Path, ctiroute: Callable[..., Said]) -> None:
    """Nothing was imported: the answer is no."""
    touches.write_text(HEAD + BAD, encoding="utf-8")
    said = ctiroute("import", "touches", touches, "-c", config, "--json")
    assert said.code == 1
    assert json.loads(said.out)["rejects"].endswith(".rejects.csv")


def test_too_many_bad_rows_roll_everything_back(config: Path, touches: Path, ctiroute: Callable[..., Said]) -> None:
    """Exit code 1; a later import of the good rows finds none of them known."""
    touches.write_text(HEAD + GOOD + BAD * 3, encoding="utf-8")
    said = ctiroute("import", "touches", touches, "-c", config, "--max-rejects", "2")
    assert said.code == 1
    assert said.err.startswith("error: more than 2 rows are bad, nothing is kept")
    touches.write_text(HEAD + GOOD, encoding="utf-8")
    assert json.loads(ctiroute("import", "touches", touches, "-c", config, "--json").out)["added"] == 2


@pytest.mark.parametrize(
    ("options", "remedy"),
    [
        (["--timezone", "Mars/Base"], "Europe/Kyiv"),
        (["--map", "phone"], "OURS=HEADER"),
        (["--medium", "pigeon"], "choose from"),
    ],
)
def test_wrong_options_are_2(options: list[str], remedy: str, config: Path, touches: Path, ctiroute: Callable[..., Said]) -> None:
    """Before anything is read."""
    said = ctiroute("import", "touches", touches, "-c", config, *options)
    assert said.code == 2
    assert remedy in said.err


def test_a_file_that_is_not_there_is_2(config: Path, tmp_path: Path, ctiroute: Callable[..., Said]) -> None:
    """Named, without a traceback."""
    said = ctiroute("import", "touches", tmp_path / "none.csv", "-c", config)
    assert said.code == 2
    assert said.err == f"error: there is no file {tmp_path / 'none.csv'}\n"
    assert "is a folder" in ctiroute("import", "touches", tmp_path, "-c", config).err


def test_one_row_is_one_row(config: Path, touches: Path, ctiroute: Callable[..., Said]) -> None:
    """Numbers and nouns agree, and nothing but the answer is said where nobody watches."""
    touches.write_text(HEAD + GOOD.partition("\n")[0] + "\n", encoding="utf-8")
    said = ctiroute("import", "touches", touches, "-c", config)
    assert (said.out, said.err) == ("1 row: 1 added, 0 known before, 0 refused\n", "")


def test_several_files_packed_or_not_are_imported_with_a_profile(config: Path, tmp_path: Path, ctiroute: Callable[..., Said]) -> None:
    """Each is told by its name; what stands on the command line counts more than the profile."""
    profile = tmp_path / "gateway.yml"
    profile.write_text("columns: {phone: MSISDN}\ncampaign: spring\ntimezone: Europe/Kyiv\nmax_rejects: 0\n", encoding="utf-8")
    rows = "MSISDN,sent_at\n0671234567,2026-11-01 10:00\n"
    plain, packed = tmp_path / "a.csv", tmp_path / "b.csv.gz"
    plain.write_text(rows, encoding="utf-8")
    packed.write_bytes(gzip.compress(rows.replace("10:00", "10:05").encode()))
    said = ctiroute("import", "touches", plain, packed, "-c", config, "--profile", profile, "--campaign", "autumn", "--json")
    results = [json.loads(line) for line in said.out.splitlines()]
    assert [(each["file"], each["added"]) for each in results] == [(str(plain), 1), (str(packed), 1)]
    one = ctiroute("import", "touches", plain, packed, "-c", config, "--profile", profile, "--rejects", tmp_path / "r.csv")
    assert (one.code, "--rejects names one file" in one.err) == (2, True)
    profile.write_text("colums: {}\n", encoding="utf-8")
    wrong = ctiroute("import", "touches", plain, "-c", config, "--profile", profile)
    assert (wrong.code, f"{profile}:1:1" in wrong.err) == (2, True)


def test_standard_input_is_a_file(config: Path, tmp_path: Path) -> None:
    """Piped in, as `zcat` does."""
    command = [sys.executable, "-m", "ctiroute.cli", "import", "touches", "-", "-c", str(config), "--json"]
    done = subprocess.run(command, input=(HEAD + GOOD).encode(), capture_output=True, check=True, cwd=tmp_path)  # noqa: S603 - our own
    assert json.loads(done.stdout)["added"] == 2
