"""The report for build servers."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from ctiroute.rules.cases.junit import junit
from ctiroute.rules.cases.words import failure

if TYPE_CHECKING:
    from collections.abc import Callable

    from ctiroute.rules.cases import Result

CASES = """\
  - {name: "good <&> \\"one\\"", expect: {rule: default}}
  - {name: "bad \\x01 one", expect: {rule: campaign, queue: promo}}
"""


def test_the_report_is_xml_with_the_elements_that_are_read(results: Callable[..., tuple[Result, ...]]) -> None:
    """Counts, names, places, and the text of a failure; what XML cannot hold is replaced."""
    ran = results(CASES)
    text = junit(ran, [failure(one) for one in ran], "2026-11-20T10:00:00")
    root = ET.fromstring(text.encode())  # noqa: S314 - our own text
    assert (root.tag, root.get("tests"), root.get("failures"), root.get("errors")) == ("testsuites", "2", "1", "0")
    (suite,) = root
    assert (suite.get("name"), suite.get("tests"), suite.get("failures")) == ("t.test.yml", "2", "1")
    assert suite.get("timestamp") == "2026-11-20T10:00:00"
    good, bad = suite
    assert good.get("name") == 'good <&> "one"'
    assert list(good) == []
    assert bad.get("name") == "bad \ufffd one"
    assert (bad.get("classname"), bad.get("line")) == ("t.test.yml", "4")
    (failed,) = bad
    assert (failed.tag, failed.get("message")) == ("failure", "not as expected: rule, queue")
    assert failed.text is not None
    assert "expected  campaign" in failed.text
    assert "touch: wants" in failed.text


def test_a_report_of_nothing_is_one() -> None:
    """No case, no suite."""
    assert ET.fromstring(junit([], [], "2026-11-20T10:00:00").encode()).get("tests") == "0"  # noqa: S314 - the same
