"""What the pages show can be copied: settings load, rules compile, JSON parses, files import."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from ctiroute.model import CallerQuery, Identifier, IdentifierKind
from ctiroute.rules import load_ruleset
from ctiroute.settings import load_settings
from ctiroute.store import open_store
from ctiroute.store.importing import ImportOptions, import_touches, read_profile
from tests.unit.docs.pages import ROOT, Block, blocks

if TYPE_CHECKING:
    from pathlib import Path

YAML = list(blocks("yaml", "yml"))
SETTINGS = [block for block in YAML if block.text.startswith("# ctiroute.yml")]
RULES = [block for block in YAML if block.text.startswith("# rules")]
PROFILES = [block for block in YAML if block.text.startswith("# import profile")]
WORKFLOWS = [block for block in YAML if block.text.startswith("# .github/workflows")]
JSON = list(blocks("json"))
EXPORTS = [block for block in blocks("sh") if "cat > autumn.csv" in block.text]
_RULE_PAGES = ("docs/how-to/write-rules.md", "docs/reference/rules.md")  # their own test compiles every block of theirs


def test_there_is_something_to_try() -> None:
    """Empty lists would pass every test below."""
    assert SETTINGS
    assert RULES
    assert PROFILES
    assert WORKFLOWS
    assert JSON
    assert EXPORTS


@pytest.mark.parametrize("block", [block for block in YAML if block.page not in _RULE_PAGES], ids=str)
def test_every_yaml_block_says_what_it_is(block: Block) -> None:
    """A block without a marker would be tried by nobody."""
    assert block.text.startswith(("# ctiroute.yml", "# rules", "# cases", "# compose.yml", "# import profile", "# .github/workflows")), (
        "begin it with # ctiroute.yml or # rules"
    )


@pytest.mark.parametrize("block", SETTINGS, ids=str)
def test_settings_load(block: Block, tmp_path: Path) -> None:
    """Files of secrets that a block names are made first."""
    secret = tmp_path / "secret"
    secret.write_text("s3cret, and long enough\n", encoding="utf-8")
    path = tmp_path / "ctiroute.yml"
    path.write_text(re.sub(r"(secret_file: ).*", rf"\g<1>{secret}", block.text), encoding="utf-8")
    settings = load_settings(path, {})
    assert all(each.secret == "s3cret, and long enough" for each in settings.asterisk)


@pytest.mark.parametrize("block", RULES, ids=str)
def test_rules_compile(block: Block) -> None:
    """A script that a block names may hold any text."""
    assert load_ruleset([("example.yml", block.text)], lambda _path: "Say hello.").rules


@pytest.mark.parametrize("block", WORKFLOWS, ids=str)
def test_workflows_are_what_github_takes(block: Block, tmp_path: Path) -> None:
    """By the schema of workflows that check-jsonschema carries."""
    path = tmp_path / "workflow.yml"
    path.write_text(block.text, encoding="utf-8")
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)  # noqa: S603 - our own page
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("block", PROFILES, ids=str)
def test_import_profiles_are_read(block: Block, tmp_path: Path) -> None:
    """With the columns they name."""
    path = tmp_path / "profile.yml"
    path.write_text(block.text, encoding="utf-8")
    assert read_profile(path, "touches").columns["phone"] == "MSISDN"


@pytest.mark.parametrize("block", JSON, ids=str)
def test_json_parses(block: Block) -> None:
    """No comments, no dots in place of what was left out."""
    assert json.loads(block.text)


@pytest.mark.parametrize("block", EXPORTS, ids=str)
async def test_what_the_mailing_tool_exports_is_found_when_the_customer_calls(block: Block, tmp_path: Path) -> None:
    """The quickstart's file, made by a shell, goes into a real store; the call of the quickstart finds it, young enough for its rule."""
    shell = await asyncio.create_subprocess_exec("bash", "-euc", block.text, cwd=tmp_path)
    assert await shell.wait() == 0
    store = open_store(f"sqlite://{tmp_path / 'ctiroute.db'}")
    await store.open()
    try:
        now = datetime.now(UTC)
        result = await import_touches(tmp_path / "autumn.csv", store, "UA", now, ImportOptions(), lambda _progress: None)
        phone = re.search(r"--from (\S+)", (ROOT / "docs" / "quickstart.md").read_text(encoding="utf-8"))
        assert phone
        query = CallerQuery(Identifier(IdentifierKind.PHONE, phone[1]), now - timedelta(hours=1), now, now)
        facts = await store.find_caller(query)
    finally:
        await store.close()
    assert (result.read, result.rejected) == (1, 0)
    (touch,) = facts.touches
    assert (touch.campaign, touch.offer.title) == ("autumn-sms", "Autumn instalments")
    assert touch.offer.fields == {"amount": "24000"}
    (rule,) = (block.text for block in RULES if block.page == "docs/quickstart.md")
    within = re.search(r"within: (\d+)m", rule)
    assert within
    assert timedelta(0) < now - touch.sent_at < timedelta(minutes=int(within[1]) - 10)  # and ten minutes to finish reading
