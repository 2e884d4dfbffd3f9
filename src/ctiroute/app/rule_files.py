"""Rule files on disk -> Ruleset. The only place that knows where rules lie; everything about their meaning is in `rules`."""

from __future__ import annotations

import gc
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from ctiroute.documents import MAX_BYTES
from ctiroute.errors import Fault, RulesError
from ctiroute.rules import KnownNames, Ruleset, load_ruleset

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ctiroute.documents import Node

SUFFIXES = frozenset({".yml", ".yaml"})
CHANGING = ".rollback"  # a folder that is there while `rule_rollback` puts another version in place
CASES = ".test"  # in front of the suffix: the file holds cases that try the rules, and is none of them
READINGS = 5  # of files that change while they are read; the last one counts
MAX_FILES = 500  # a folder with more is not a folder of rules
MAX_SCRIPT = 64 * 1024  # bytes; a script is a page or two
_CUT_OFF = "the rules in use stay until it is done; when it was cut off, run `ctiroute rules rollback` again"
MAX_LIST = 4 * 1024 * 1024  # bytes; 100,000 numbers are some 1.5 MB


@dataclass(frozen=True, slots=True)
class ReadRules:
    """Rules, and the very texts they were made of."""

    ruleset: Ruleset
    texts: Mapping[str, str]  # name below the folder -> text; rule files, and the scripts and lists they name


def read_rules(path: Path, names: KnownNames | None = None, *, forms: bool = False) -> Ruleset:
    """Return the compiled rules of a folder (its `*.yml` and `*.yaml`, not `*.test.yml`, not those below), or of one file.

    Scripts are read from the same folder and below it, never from outside it. With `forms` conditions keep what lint compares. Raises
    `RulesError` with every fault found, also when there is nothing to read.
    """
    return read_with_texts(path, names, forms=forms).ruleset


def read_with_texts(path: Path, names: KnownNames | None = None, *, forms: bool = False) -> ReadRules:
    """Do as `read_rules`, and return with the rules what the files said.

    What is changed while it is read is read again: half of each would be rules that nobody wrote.
    """
    for _ in range(READINGS - 1):
        before = signature(path)
        try:
            read = _read(path, names, forms=forms)
        except RulesError:
            if signature(path) == before:
                raise
        else:
            if signature(path) == before:
                return read
    return _read(path, names, forms=forms)


def _read(path: Path, names: KnownNames | None, *, forms: bool) -> ReadRules:
    folder = path if path.is_dir() else path.parent
    if (folder / CHANGING).exists():
        raise RulesError([Fault(str(path), 0, 0, "another version is being put in place", hint=_CUT_OFF)])
    sources = read_sources(path)
    texts: dict[str, str] = {}

    def read_script(script: str) -> str | None:
        text = _read_script(folder, script)
        if text is not None:
            texts[script] = text
        return text

    with _no_collection():
        ruleset = load_ruleset(sources, read_script, names, forms=forms)
    texts |= {file.rpartition("/")[2]: source.decode("utf-8") for file, source in sources}
    return ReadRules(ruleset, texts)


def read_for_lint(path: Path, sources: list[tuple[str, bytes]], trees: dict[str, Node]) -> Ruleset:
    """Return the compiled rules of texts that were read from `path`, with what lint compares, and put their trees into `trees`.

    Raises `RulesError`.
    """
    folder = path if path.is_dir() else path.parent
    with _no_collection():
        return load_ruleset(sources, lambda script: _read_script(folder, script), forms=True, trees=trees)


def read_sources(path: Path) -> list[tuple[str, bytes]]:
    """Return the rule files of a folder, or the one file, each with its name as the user would write it. Raises `RulesError`."""
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
    return sources


def compile_texts(
    texts: Mapping[str, str], names: KnownNames | None = None, *, forms: bool = False, trees: dict[str, Node] | None = None
) -> Ruleset:
    """Return the rules of texts that lie in no folder, under the names they would have there.

    `trees` receives theirs. Raises `RulesError`.
    """
    sources = [(name, text) for name, text in texts.items() if is_rules(name)]
    if not sources:
        raise RulesError([Fault("rules", 0, 0, "holds no rule files", hint="name one that ends in .yml")])
    with _no_collection():
        return load_ruleset(sources, texts.get, names, forms=forms, trees=trees)


def is_rules(name: str) -> bool:
    """Say whether a name below the folder is that of a rule file: not that of a script, a list, or cases."""
    file = PurePosixPath(name)
    return len(file.parts) == 1 and file.suffix in SUFFIXES and not name.startswith(".") and not file.stem.endswith(CASES)


@dataclass(frozen=True, slots=True)
class Saved:
    """One rule file as the folder tells of it: what tells the same has not been written to meanwhile."""

    name: str
    changed_ns: int  # since the epoch
    size: int
    inode: int
    owner: int  # user id


def signature(path: Path) -> tuple[Saved, ...]:
    """Return what the folder tells of each rule file; nothing when it cannot be looked at."""
    found = []
    try:
        for file in _files(path):
            stat = file.stat()
            found.append(Saved(file.name, stat.st_mtime_ns, stat.st_size, stat.st_ino, stat.st_uid))
    except (OSError, RulesError):
        return ()
    return tuple(found)


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
    """Return the text of a script or a list, or None when there is none below the folder (links are followed before that is asked)."""
    largest = MAX_LIST if script.endswith(".txt") else MAX_SCRIPT
    try:
        root = folder.resolve()
        file = (root / script).resolve()
        if not file.is_relative_to(root) or not file.is_file() or file.stat().st_size > largest:
            return None
        return file.read_text(encoding="utf-8")
    except (OSError, ValueError, RuntimeError):  # not UTF-8, a NUL in the name, a loop of links
        return None
