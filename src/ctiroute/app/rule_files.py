"""Rule files on disk -> Ruleset. The only place that knows where rules lie; everything about their meaning is in `rules`."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ctiroute.documents import MAX_BYTES
from ctiroute.errors import Fault, RulesError
from ctiroute.rules import KnownNames, Ruleset, load_ruleset

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SUFFIXES = frozenset({".yml", ".yaml"})
CASES = ".test"  # in front of the suffix: the file holds cases that try the rules, and is none of them
MAX_FILES = 500  # a folder with more is not a folder of rules
MAX_SCRIPT = 64 * 1024  # bytes; a script is a page or two


def read_rules(path: Path, names: KnownNames | None = None) -> Ruleset:
    """Return the compiled rules of a folder (its `*.yml` and `*.yaml`, not `*.test.yml`, not those below), or of one file.

    Scripts are read from the same folder and below it, never from outside it. Raises `RulesError` with every fault found, also when
    there is nothing to read.
    """
    folder = path if path.is_dir() else path.parent
    sources: list[tuple[str, bytes]] = []
    faults: list[Fault] = []
    for file in _files(path):
        try:
            with file.open("rb") as stream:
                sources.append((str(file), stream.read(MAX_BYTES + 1)))  # one more than allowed: `load` refuses it with the reason
        except OSError as error:
            faults.append(Fault(str(file), 0, 0, f"cannot be read: {error.strerror or error}"))
    if faults:
        raise RulesError(faults)
    with _no_collection():
        return load_ruleset(sources, lambda script: _read_script(folder, script), names)


def is_cases(file: Path) -> bool:
    """Say whether a file tries the rules: `15-winter.test.yml`."""
    return file.suffix in SUFFIXES and file.stem.endswith(CASES)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Keep the garbage collector out: all that is made is kept, and looking through it again and again is half the time of 10,000 rules."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    try:
        found = sorted(file for file in path.iterdir() if file.suffix in SUFFIXES and not file.name.startswith(".") and not is_cases(file))
    except OSError as error:
        raise RulesError(
            [Fault(str(path), 0, 0, f"cannot be read: {error.strerror or error}", hint="name a folder of .yml files, or one such file")]
        ) from error
    if not found:
        raise RulesError([Fault(str(path), 0, 0, "holds no rule files", hint="put a file that ends in .yml there")])
    if len(found) > MAX_FILES:
        raise RulesError([Fault(str(path), 0, 0, f"holds more than {MAX_FILES} rule files")])
    return found


def _read_script(folder: Path, script: str) -> str | None:
    """Return a script's text, or None when there is no such file below the folder (links are followed before that is asked)."""
    try:
        root = folder.resolve()
        file = (root / script).resolve()
        if not file.is_relative_to(root) or not file.is_file() or file.stat().st_size > MAX_SCRIPT:
            return None
        return file.read_text(encoding="utf-8")
    except (OSError, ValueError, RuntimeError):  # not UTF-8, a NUL in the name, a loop of links
        return None
