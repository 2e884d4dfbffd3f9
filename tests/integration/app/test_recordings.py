"""Every call recorded on a real Asterisk, through the real framer, translator and desk: what the screens show and the store keeps.

The bytes are cut anywhere, as a network does. The recordings hold what our own account is sent, and no AGI session is behind them: these
are calls the switch tells of and nobody asked us about.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ctiroute.connectors.asterisk.translate.events import WANTED, Translator
from ctiroute.desk import ClosePop, Command, Desk, ForgetCall, RecordCall, RecordMissed, ShowPop, UpdatePop
from ctiroute.model import Offer, Operator, PopState
from ctiroute.protocol.ami import AmiEvent, AmiHostile, AmiReader

FOLDER = Path(__file__).parents[2] / "data" / "ami" / "recorded-22.10.1"
START = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
OPERATORS = tuple(
    Operator(name, name.title(), (f"PJSIP/{extension}",), extension)
    for name, extension in (("ann", "1001"), ("ben", "1002"), ("cat", "1003"))
)

# Who sees what, in order, and what the records say in the end, one for each call that left one: outcome and who talked last.
# tests/real/record.py says what the people did.
TOLD = {
    "attended-transfer-core": (
        "show ann, ann talking, ann held, show cat from ann, cat talking, close ann ended, close cat ended",
        "answered cat",
    ),
    "attended-transfer-refer": (
        "show ann, ann talking, ann held, show cat from ann, cat talking, ann talking, close ann ended, cat talking, close cat ended",
        "answered cat",
    ),
    "blind-transfer-core": ("show ann, ann talking, close ann ended, show cat from ann, cat talking, close cat ended", "answered cat"),
    "blind-transfer-refer": ("show ann, ann talking, close ann ended, show cat from ann, cat talking, close cat ended", "answered cat"),
    "blind-transfer-to-queue": (
        "show ann, ann talking, close ann ended, show ben from ann, show ann, ben talking, close ann elsewhere, close ben ended",
        "answered ben",
    ),
    "direct-dial": ("show ann, ann talking, close ann ended", "answered ann"),
    "direct-dial-rejected": ("show ann, close ann missed, missed ann", "abandoned nobody"),
    "hold": ("show ann, ann talking, ann held, ann talking, close ann ended", "answered ann"),
    "queue-abandoned": ("show ann, close ann missed, missed ann", "abandoned nobody"),
    "queue-answered": ("show ann, ann talking, close ann ended", "answered ann"),
    "queue-local-members": ("show ann, close ann missed, missed ann, show ben, ben talking, close ben ended", "answered ben"),
    "queue-member-hangs-up": ("show ann, ann talking, close ann ended", "answered ann"),
    "queue-no-answer-then-next": ("show ann, close ann missed, missed ann, show ben, ben talking, close ben ended", "answered ben"),
    "queue-rejected-then-next": ("show ann, close ann missed, missed ann, show ben, ben talking, close ben ended", "answered ben"),
    "queue-ringall": ("show ben, show ann, ben talking, close ann elsewhere, close ben ended", "answered ben"),
    "resynchronise": ("show ann, ann talking, close ann ended", "answered ann, abandoned nobody"),
}


@dataclass
class Played:
    """What came of a recording."""

    shown: list[str] = field(default_factory=list)
    records: dict[str, dict[str, object]] = field(default_factory=dict)
    forgotten: set[str] = field(default_factory=set)
    visible: dict[str, tuple[str, str]] = field(default_factory=dict)  # pop -> call and operator

    @property
    def kept(self) -> list[str]:
        """Return how each recorded call ended, in the order of the calls."""
        return [f"{record.get('outcome') or 'none'} {record.get('operator_id') or 'nobody'}" for _, record in sorted(self.records.items())]

    def take(self, command: Command) -> None:
        """Carry out what the desk wants, on paper."""
        match command:
            case ShowPop(offer):
                self._stands(offer)
                self.shown.append(f"show {offer.operator_id}" + (f" from {offer.transferred_from}" if offer.transferred_from else ""))
            case UpdatePop(offer):
                self._stands(offer)
                self.shown.append(f"{offer.operator_id} {offer.state}")
            case ClosePop(offer):
                assert offer.state in {PopState.ENDED, PopState.MISSED}
                del self.visible[offer.pop_id]
                self.shown.append(f"close {offer.operator_id} {'elsewhere' if offer.elsewhere else offer.state}")
            case RecordMissed(offer):
                self.shown.append(f"missed {offer.operator_id}")
            case RecordCall(record):
                told = {"outcome": record.outcome, "operator_id": record.operator_id, "ended_at": record.ended_at}
                self.records.setdefault(record.call_id, {}).update({name: value for name, value in told.items() if value is not None})
            case ForgetCall(call_id):
                self.forgotten.add(call_id)

    def _stands(self, offer: Offer) -> None:
        self.visible[offer.pop_id] = (offer.call_id, offer.operator_id)
        assert len(set(self.visible.values())) == len(self.visible), "two pops for one call and operator"


def play(data: bytes, rng: random.Random) -> tuple[Played, Desk]:
    """Read a recording in pieces of any size."""
    reader, translator, desk, played, at = AmiReader(WANTED), Translator("pbx"), Desk(OPERATORS), Played(), START
    while data:
        size = rng.choice((1, 7, 300, 1448, 4096))
        piece, data = data[:size], data[size:]
        for message in reader.receive(piece):
            assert not isinstance(message, AmiHostile), message
            at += timedelta(milliseconds=10)
            event = translator.event(message.name, message.headers, at) if isinstance(message, AmiEvent) else None
            for command in desk.handle(event) if event is not None else ():
                played.take(command)
    return played, desk


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("*.txt")))
def test_a_recorded_call_on_the_screens(name: str) -> None:
    """Pops open, change and close as the people of the recording did, each call has its outcome, and nothing is left over."""
    played, desk = play((FOLDER / f"{name}.txt").read_bytes(), random.Random(name))  # noqa: S311 - cuts bytes
    assert desk.live_calls == ()
    assert played.visible == {}
    assert desk.unknown_offers == 0
    assert [desk.visible(operator.operator_id) for operator in OPERATORS] == [[], [], []]
    assert all("ended_at" in record for record in played.records.values())
    assert set(played.records) <= played.forgotten
    assert (", ".join(played.shown), ", ".join(played.kept)) == TOLD[name]
