"""Puts an earlier version of the rules into the folder, as if in one step. Knows files; which version is asked for is not its business.

Renaming a whole folder would do it in one step, were the folder never a mount, a link, or in a place that only root may write to. So the
files are written into a hidden folder first, under whose name nobody reads the rules (`rule_files`), and moved into place one by one: a
service goes on with the rules it has until the last one is there.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from ctiroute.app.rule_files import CHANGING, compile_texts, is_rules, read_with_texts
from ctiroute.errors import ConfigurationError, Fault, RulesError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

REPLACED = ".replaced-"  # followed by a time: files that were there and are in no version that is kept


@dataclass(frozen=True, slots=True)
class Swap:
    """What going back would do, or has done, to the folder."""

    written: tuple[str, ...]  # names below the folder: new, or with another text
    removed: tuple[str, ...]
    unchanged: tuple[str, ...]
    saved_to: Path | None  # where files are kept that no kept version holds


def plan_swap(path: Path, texts: Mapping[str, str]) -> Swap:
    """Return what `swap_in` would do. Rule files that the version does not have go; scripts and lists it does not name stay.

    Raises `RulesError` when the texts are no rules, or name a place outside the folder.
    """
    compile_texts(texts)  # of an older program, perhaps: better now than when the folder has changed
    folder = _folder(path)
    now = _texts_there(path, texts)
    outside = [name for name in texts if not _is_inside(folder, name)]
    if outside:
        raise RulesError([Fault(name, 0, 0, "lies outside the folder of the rules") for name in outside])
    written = tuple(sorted(name for name, text in texts.items() if now.get(name) != text.encode()))
    removed = tuple(sorted(name for name in now if is_rules(name) and name not in texts))
    return Swap(written, removed, tuple(sorted(texts.keys() - set(written))), None)


def swap_in(path: Path, texts: Mapping[str, str], *, is_kept: bool, stamp: str) -> Swap:
    """Put these texts in place of the rules at `path`, a folder or one file. Returns what was done.

    `is_kept` says that what is there now is a version that can be gone back to; otherwise it is saved into a folder named by `stamp`.
    Raises `RulesError` as `plan_swap` does, and `OSError` when the folder cannot be written to: nothing has changed then.
    """
    folder = _folder(path)
    with _alone(folder):
        plan = plan_swap(path, texts)
        saved_to = None if is_kept else _save(folder, (*plan.written, *plan.removed), stamp)
        staged = Path(tempfile.mkdtemp(prefix=f"{CHANGING}-", dir=folder))
        try:
            for name in plan.written:
                _stage(folder, staged, name, texts[name])
            marker = folder / CHANGING
            if marker.exists():  # of a run that was cut off: what it had still to do is part of what we do
                shutil.rmtree(marker)
            staged.rename(marker)
        except BaseException:
            shutil.rmtree(staged, ignore_errors=True)
            raise
        for name in plan.written:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (marker / name).replace(folder / name)
        for name in plan.removed:
            (folder / name).unlink(missing_ok=True)
        shutil.rmtree(marker)
    return Swap(plan.written, plan.removed, plan.unchanged, saved_to)


def version_there(path: Path) -> str | None:
    """Return the version of what is in the folder now; None: it is no rules."""
    try:
        return read_with_texts(path).ruleset.version
    except ConfigurationError:
        return None


def _folder(path: Path) -> Path:
    return path if path.is_dir() else path.parent


def _texts_there(path: Path, texts: Mapping[str, str]) -> dict[str, bytes]:
    folder, found = _folder(path), {}
    names = set(texts)
    if path.is_dir():
        names |= {file.name for file in folder.iterdir() if is_rules(file.name)}
    for name in names:
        if (folder / name).is_file():
            found[name] = (folder / name).read_bytes()
    return found


def _is_inside(folder: Path, name: str) -> bool:
    root = folder.resolve()
    return (root / name).resolve().is_relative_to(root) and not PurePosixPath(name).is_absolute()


def _stage(folder: Path, staged: Path, name: str, text: str) -> None:
    file = staged / name
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("wb") as stream:
        stream.write(text.encode())
        os.fsync(stream.fileno())
    like = folder / name if (folder / name).exists() else folder
    file.chmod(like.stat().st_mode & 0o666)


def _save(folder: Path, names: tuple[str, ...], stamp: str) -> Path | None:
    there = [name for name in names if (folder / name).is_file()]
    if not there:
        return None
    place = folder / f"{REPLACED}{stamp}"
    for name in there:
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(folder / name, place / name)
    return place


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep out whoever does the same; a lock on the folder goes with its process, however that ends."""
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
