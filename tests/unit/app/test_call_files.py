"""Files of live calls: made when they are needed, bounded, stored and read back."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from ctiroute.app.call_files import CallFile, CallFiles, from_bytes, to_bytes
from ctiroute.app.rule_files import read_rules
from ctiroute.demo.company import CAMPAIGN_CALLER, FAMILY, company
from ctiroute.demo.show import RULES
from ctiroute.engine.decide import decide
from ctiroute.model import UNKNOWN, CallerContext, Decision, Identity, IdentityKind, RuleTrace
from tests.unit.app.office import request_of

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
COMPANY = company(NOW)


def context(call_id: str = "lab:1.1", number: str = CAMPAIGN_CALLER) -> CallerContext:
    """Return what the demo's company knows of a caller; of a shared number all that is known of each."""
    customers = tuple(it for it in COMPANY.customers if it.identifiers[0].value == number)
    return CallerContext(request_of(call_id, number, NOW), Identity.of(customers), COMPANY.touches, COMPANY.interactions)


def decided(known: CallerContext) -> Decision:
    """Return what the demo's rules say."""
    return decide(known.request, known, read_rules(RULES), NOW, {})


def test_what_is_stored_reads_back_the_same() -> None:
    """Context, plan and trace survive the store, every value with its type."""
    known = context()
    file = CallFile.of(known, decided(known))
    assert file.rules
    assert from_bytes(to_bytes(file)) == file


@pytest.mark.parametrize("data", [b"", b"{", b"null", b"[]", b'{"context": null}', b"\xff"])
def test_what_cannot_be_read_is_none(data: bytes) -> None:
    """Bytes of another version, or a half-written row, are no file and no error."""
    assert from_bytes(data) is None


def test_a_field_of_a_later_version_does_no_harm() -> None:
    """After going back to an older version, what the newer one wrote is read as far as it is known."""
    file = CallFile(context())
    later = json.loads(to_bytes(file)) | {"mood": "sunny"}
    assert from_bytes(json.dumps(later).encode()) == file


def test_the_trace_is_worded_when_somebody_reads_it() -> None:
    """Keeping a call does not word its trace; opening its file does, once, and from then on it is stored with it."""
    trace = (RuleTrace("r", matched=True, verdicts=()),)
    asked: list[str] = []

    def explain(file: CallFile) -> CallFile:
        asked.append(file.context.request.call_id)
        return replace(file, rules=trace)

    files = CallFiles(explain)
    packed = files.decided(context(), decided(context()))
    assert files.packed("lab:1.1") == packed
    unworded = from_bytes(packed)
    assert unworded is not None
    assert (unworded.rule, unworded.rules, asked) == ("autumn-sms-callers", (), [])
    shown = files.get("lab:1.1")
    assert shown == replace(unworded, rules=trace)
    assert files.get("lab:1.1") is shown
    assert asked == ["lab:1.1"]
    assert from_bytes(files.packed("lab:1.1") or b"") == shown


def test_a_trial_is_worded_at_once() -> None:
    """Who tries the rules reads why in what is stored."""
    file = from_bytes(CallFiles().decided(context(), decided(context()), worded=True))
    assert file is not None
    assert [it.rule for it in file.rules] == ["autumn-sms-callers"]


def test_the_oldest_file_goes_first() -> None:
    """The bound holds whatever number of calls comes."""
    files = CallFiles(limit=2)
    for number in range(4):
        files.keep(CallFile(context(f"lab:{number}.0")))
    assert [files.get(f"lab:{number}.0") is not None for number in range(4)] == [False, False, True, True]


def test_completing_needs_a_call_that_is_ours() -> None:
    """A late context changes the file of a live call only, and leaves what was decided."""
    files = CallFiles()
    assert not files.completed(context())
    files.decided(CallerContext(request_of("lab:1.1", CAMPAIGN_CALLER, NOW), UNKNOWN), decided(context()))
    assert files.completed(context())
    file = files.get("lab:1.1")
    assert file is not None
    assert (file.context, file.rule) == (context(), "autumn-sms-callers")
    files.forget("lab:1.1")
    files.forget("lab:1.1")
    assert files.get("lab:1.1") is None
    assert files.packed("lab:1.1") is None


def test_a_choice_makes_the_candidate_known_and_can_be_mended() -> None:
    """The chosen one stands first, the others stay to be chosen; a stranger cannot be chosen."""
    file = CallFile(context(number=FAMILY))
    assert file.context.identity.kind is IdentityKind.AMBIGUOUS
    chosen = file.chosen("C-1004")
    assert chosen is not None
    assert chosen.context.identity.kind is IdentityKind.KNOWN
    assert [it.customer_id for it in chosen.context.identity.customers] == ["C-1004", "C-1003"]
    mended = chosen.chosen("C-1003")
    assert mended is not None
    assert mended.context.identity.customers[0].customer_id == "C-1003"
    assert file.chosen("C-1001") is None
