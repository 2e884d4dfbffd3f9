"""Rule files on disk -> Ruleset."""

from __future__ import annotations

from pathlib import Path

import pytest

from ctiroute.app.rule_files import MAX_FILES, MAX_SCRIPT, read_rules
from ctiroute.errors import RulesError

DEFAULT = "default: {menu: main}\n"


def with_script(path: str) -> str:
    """Return a file whose default shows a script."""
    return f"default: {{queue: a, pop: {{script: '{path}'}}}}\n"


def test_the_shipped_rules_load() -> None:
    """The example rules that come with ctiroute have no mistake, and the founding story stands first."""
    rules = read_rules(Path(__file__).parents[3] / "rules")
    assert rules.rules[0].name == "autumn-sms-callers"
    assert rules.default.kinds == ("menu",)


def test_a_folder_is_read_in_the_order_of_names(tmp_path: Path) -> None:
    """Files that end in .yml or .yaml; others and hidden ones are left alone."""
    for name in ("20-b.yaml", "10-a.yml"):
        (tmp_path / name).write_text(
            f"rules: [{{name: {name}, when: {{customer: {'known' if 'a' in name[:4] else 'unknown'}}}, then: {{queue: q}}}}]"
        )
    (tmp_path / "90.yml").write_text(DEFAULT)
    (tmp_path / "notes.txt").write_text("not rules")
    (tmp_path / ".99.yml.swp").write_text("not rules")
    (tmp_path / ".hidden.yml").write_text("not rules")
    assert [rule.name for rule in read_rules(tmp_path).rules] == ["10-a.yml", "20-b.yaml"]


def test_one_file_is_a_rule_set_too(tmp_path: Path) -> None:
    """Its scripts lie beside it."""
    (tmp_path / "s.md").write_text("Say hello.")
    (tmp_path / "a.yml").write_text(with_script("s.md"))
    assert read_rules(tmp_path / "a.yml").default.kinds == ("queue", "pop")


def test_scripts_outside_the_folder_are_not_read(tmp_path: Path) -> None:
    """Neither by a path nor by a link, nor one that is too large, not text, or no file."""
    folder = tmp_path / "rules"
    folder.mkdir()
    (tmp_path / "secret.md").write_text("secret")
    (folder / "link.md").symlink_to(tmp_path / "secret.md")
    (folder / "loop.md").symlink_to(folder / "loop.md")
    (folder / "large.md").write_text("x" * (MAX_SCRIPT + 1))
    (folder / "bytes.md").write_bytes(b"\xff\xfe")
    (folder / "folder.md").mkdir()
    for path in (
        "../secret.md",
        str(tmp_path / "secret.md"),
        "link.md",
        "loop.md",
        "large.md",
        "bytes.md",
        "folder.md",
        "none.md",
        "a\\b.md",
    ):
        (folder / "a.yml").write_text(with_script(path))
        with pytest.raises(RulesError):
            read_rules(folder)
    (folder / "inner.md").symlink_to(folder / "real.md")
    (folder / "real.md").write_text("Say hello.")
    (folder / "a.yml").write_text(with_script("inner.md"))
    assert read_rules(folder).version


@pytest.mark.parametrize("case", ["absent", "empty", "unreadable", "many", "large"])
def test_what_cannot_be_read_is_named(tmp_path: Path, case: str) -> None:
    """The reason and the path are in the fault."""
    complaint = {
        "absent": "cannot be read: No such file or directory",
        "empty": "holds no rule files",
        "unreadable": "cannot be read: Is a directory",
        "many": f"holds more than {MAX_FILES} rule files",
        "large": "is too large",
    }[case]
    path = tmp_path / "rules"
    if case != "absent":
        path.mkdir()
    if case == "unreadable":
        (path / "a.yml").mkdir()
    if case == "many":
        for number in range(MAX_FILES + 1):
            (path / f"{number}.yml").touch()
    if case == "large":
        (path / "a.yml").write_text("#" * (3 * 2**20))
    with pytest.raises(RulesError, match=complaint) as caught:
        read_rules(path)
    assert str(path) in caught.value.faults[0].file
