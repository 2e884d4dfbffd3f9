"""docs/reference/rule-mistakes.md, made from the corpus of wrong rule files: `python -m tests.corpus_table`."""

from __future__ import annotations

from pathlib import Path

from ctiroute.documents import load
from ctiroute.errors import ConfigurationError
from ctiroute.rules import load_ruleset
from ctiroute.rules.headings import PAGE, heading_of

ROOT = Path(__file__).parents[1]
CORPUS = ROOT / "tests" / "data" / "rules" / "bad"
TABLE = ROOT / "docs" / "reference" / "rule-mistakes.md"
_HEAD = """\
# Mistakes in rules

Each row is a file with one mistake and what `ctiroute rules check` says of it: the place as
LINE:COLUMN, what was expected, the text that was found, and what to write instead. The files are those the tests check. Made by
`python -m tests.corpus_table`.

| mistake | what is said | read on |
|---|---|---|
"""


def table() -> str:
    """Return the page."""
    return _HEAD + "".join(_row(file) for file in sorted(CORPUS.glob("*.yml")))


def said_of(file: Path) -> list[tuple[str, str]]:
    """Return each mistake of one file as (what is said, heading), from the expectation beside it."""
    lines = file.with_suffix(".txt").read_text(encoding="utf-8").splitlines()[:-1]  # the last line counts them
    return [(line.removeprefix(f"{file.name}:").strip(), heading) for line, heading in zip(lines, _headings(file), strict=True)]


def _headings(file: Path) -> list[str]:
    def read(path: str) -> str | None:
        return (CORPUS / path).read_text(encoding="utf-8") if (CORPUS / path).is_file() else None

    try:
        root = load(file.read_bytes(), file.name)
    except ConfigurationError:
        root = None
    try:
        load_ruleset([(file.name, file.read_bytes())], read)
    except ConfigurationError as error:
        return [heading_of(fault, root if fault.file == file.name else None) for fault in error.faults]
    raise AssertionError(file)


def _row(file: Path) -> str:
    said = said_of(file)
    words = "<br>".join(f"`{_cell(text)}`" for text, _ in said)
    links = ", ".join(dict.fromkeys(f"[{heading}]({Path(PAGE).name}#{heading})" for _, heading in said))
    return f"| {file.stem} | {words} | {links} |\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("`", "'")


if __name__ == "__main__":
    TABLE.write_text(table(), encoding="utf-8")
