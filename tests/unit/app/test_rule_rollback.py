"""An earlier version is put in place as if in one step: whoever reads meanwhile finds the one or the other, never half of each."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from ctiroute.app.rule_files import CHANGING, compile_texts, read_rules, read_with_texts
from ctiroute.app.rule_rollback import REPLACED, plan_swap, swap_in, version_there
from ctiroute.errors import RulesError

if TYPE_CHECKING:
    from pathlib import Path


def texts(name: str, files: int = 3) -> dict[str, str]:
    """Return rules in several files that only belong together: each says which version it is of."""
    made = {f"{number}.yml": f"rules:\n  - name: {name}-{number}\n    when: {{}}\n    then: {{queue: q}}\n" for number in range(1)}
    made |= {f"{number}.yml": f"lists: {{l{number}: [{name}]}}\n" for number in range(1, files)}
    made["scripts/s.md"] = f"Say {name}."
    made["9.yml"] = f"default: {{queue: {name}, pop: {{script: scripts/s.md}}}}\n"
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with version "one", and with what is not of it."""
    path = tmp_path / "rules"
    (path / "scripts").mkdir(parents=True)
    for name, text in texts("one").items():
        (path / name).write_text(text, encoding="utf-8")
    (path / "notes.txt").write_text("mine", encoding="utf-8")
    (path / "1.test.yml").write_text("mine too", encoding="utf-8")
    return path


def names(folder: Path) -> list[str]:
    """Return all files below a folder."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_the_version_of_texts_is_that_of_the_folder(folder: Path) -> None:
    """So that what is kept can be found again by what is there, whatever the folder is called."""
    read = read_with_texts(folder)
    assert dict(read.texts) == texts("one")
    assert compile_texts(read.texts).version == read.ruleset.version == version_there(folder)
    moved = folder.rename(folder.with_name("elsewhere"))
    assert version_there(moved) == read.ruleset.version


def test_files_are_written_and_removed_and_what_is_not_of_rules_stays(folder: Path) -> None:
    """The plan says beforehand what will be done, and nothing is left over."""
    (folder / "new.yml").write_text("lists: {x: [y]}\n", encoding="utf-8")
    plan = plan_swap(folder, texts("two"))
    assert (plan.written, plan.removed) == (("0.yml", "1.yml", "2.yml", "9.yml", "scripts/s.md"), ("new.yml",))
    assert swap_in(folder, texts("two"), is_kept=True, stamp="x") == plan
    assert read_with_texts(folder).texts == texts("two")
    assert names(folder) == sorted([*texts("two"), "1.test.yml", "notes.txt"])
    assert plan_swap(folder, texts("two")).written == ()


def test_what_no_version_holds_is_saved_beside(folder: Path) -> None:
    """A bad save is somebody's work."""
    (folder / "1.yml").write_text("lists: [", encoding="utf-8")
    done = swap_in(folder, texts("one"), is_kept=False, stamp="20261101T120000Z")
    assert done.saved_to == folder / f"{REPLACED}20261101T120000Z"
    assert (done.saved_to / "1.yml").read_text(encoding="utf-8") == "lists: ["
    assert read_with_texts(folder).texts == texts("one")


def test_a_run_that_was_cut_off_is_made_good_by_the_next(folder: Path) -> None:
    """Until then nobody reads half of each: the reader says what to do."""
    (folder / CHANGING).mkdir()
    (folder / CHANGING / "1.yml").write_text(texts("two")["1.yml"], encoding="utf-8")
    with pytest.raises(RulesError, match="run `ctiroute rules rollback` again"):
        read_rules(folder)
    assert version_there(folder) is None
    swap_in(folder, texts("two"), is_kept=False, stamp="x")
    assert read_with_texts(folder).texts == texts("two")
    assert not (folder / CHANGING).exists()


def test_texts_that_are_no_rules_change_nothing(folder: Path) -> None:
    """Nor do those that would lie outside the folder, however they are named."""
    before = names(folder)
    for bad in ({**texts("two"), "1.yml": "rules: nonsense\n"}, {**texts("two"), "../x.md": ""}, {**texts("two"), "/x.md": ""}):
        with pytest.raises(RulesError):
            swap_in(folder, bad, is_kept=True, stamp="x")
        assert read_with_texts(folder).texts == texts("one")
    assert names(folder) == before
    assert not (folder.parent / "x.md").exists()


def test_one_file_of_rules(tmp_path: Path) -> None:
    """Rules in a single file go back as well; the files beside it are nobody's business."""
    file = tmp_path / "rules.yml"
    file.write_text("default: {menu: one}\n", encoding="utf-8")
    (tmp_path / "other.yml").write_text("not: rules\n", encoding="utf-8")
    swap_in(file, {"rules.yml": "default: {menu: two}\n"}, is_kept=True, stamp="x")
    assert names(tmp_path) == ["other.yml", "rules.yml"]
    assert read_with_texts(file).texts == {"rules.yml": "default: {menu: two}\n"}


def test_nobody_reads_a_mixture(folder: Path) -> None:
    """While two versions take turns, every reading is one of them whole, or is refused."""
    known = {compile_texts(texts(name, 20)).version for name in ("one", "two")}
    swap_in(folder, texts("one", 20), is_kept=True, stamp="x")
    over = threading.Event()
    seen: set[str] = set()
    wrong: list[str] = []

    def read() -> None:
        while not over.is_set():
            try:
                seen.add(read_rules(folder).version)
            except RulesError as error:
                if "being put in place" not in str(error) and "cannot be read" not in str(error):
                    wrong.append(str(error))

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for turn in range(20):
            swap_in(folder, texts("two" if turn % 2 else "one", 20), is_kept=True, stamp="x")
    finally:
        over.set()
        reader.join()
    assert wrong == []
    assert seen
    assert seen <= known
