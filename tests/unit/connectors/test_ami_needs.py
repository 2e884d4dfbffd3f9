"""What the manager account is allowed: the shipped snippet gives what the code needs, and nothing that harms."""

from __future__ import annotations

import re
from pathlib import Path

from ctiroute.connectors.asterisk.ami_needs import manager_needs

SNIPPET = (Path(__file__).parents[3] / "asterisk_conf" / "manager_ctiroute.conf").read_text(encoding="utf-8")


def setting(name: str) -> set[str]:
    """Return a comma-separated setting of the snippet."""
    found = re.search(rf"^{name}\s*=\s*(.*)$", SNIPPET, re.MULTILINE)
    assert found is not None
    return {value.strip() for value in found[1].split(",") if value.strip()}


def test_snippet_grants_the_least() -> None:
    """The account we ship reads and asks exactly what is needed."""
    needs = manager_needs()
    assert setting("read") == set(needs.read)
    assert setting("write") == set(needs.write)
    assert not setting("write") & set(needs.harmful)


def test_snippet_filters_out_nothing_we_use() -> None:
    """Every event that is understood passes the snippet's filters."""
    passed = set(re.findall(r"^eventfilter\(action\(include\),name\((\w+)\)\)", SNIPPET, re.MULTILINE))
    assert set(manager_needs().events) <= passed
