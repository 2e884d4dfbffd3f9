"""Histories told in any order, more than once and with forged rings between: the screens still come out right."""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from ctiroute.desk import ClosePop, Desk, RecordMissed, ShowPop, UpdatePop
from ctiroute.model import Operator

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.desk.conftest import Conversation

OPERATORS = [Operator(f"o{number}", f"Operator {number}", (f"PJSIP/{number}",), extension=str(number)) for number in range(1001, 1005)]


class History:
    """One call as the switch would tell it: what happened up to now, and how it ends."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.legs = 1
        self.told = ["leg 1/1 PJSIP/trunk", "wait 1 in sales"]
        self.ends = ["gone 1/1"]
        self.busy: set[str] = set()  # operators on whose screen the pop must stand at the end of `told`
        phones = ["1001", "1002", "1003", "1004"]
        rng.shuffle(phones)
        if rng.random() < 0.5:
            self.ring_all(phones[: rng.randint(1, 3)])
        else:
            self.one_by_one([*phones[: rng.randint(0, 2)], *phones[: rng.randint(0, 1)]], phones[3])
        if self.busy and rng.random() < 0.4:
            self.transfer(phones[2])
        if not self.busy and rng.random() < 0.5:
            self.told.append("abandon 1 in sales")

    def ring(self, phone: str) -> tuple[list[str], list[str]]:
        """Ring a phone, as a device or FreePBX's way; return its legs, and what tells that they are gone."""
        member = self.legs + 1
        if self.rng.random() < 0.5:
            self.legs += 1
            self.told += [
                f"leg 1/{member} PJSIP/{phone}",
                f"ring 1/{member} PJSIP/{phone} in sales for 1/1",
                f"ring 1/{member} PJSIP/{phone} for 1/1",
            ]
            return [f"1/{member} PJSIP/{phone}"], [f"gone 1/{member}"]
        self.legs += 3
        local, device = f"Local/{phone}@from-queue", member + 2
        self.told += [f"leg 1/{member} {local}", f"leg 1/{member + 1} {local}", f"leg 1/{device} PJSIP/{phone}"]
        self.told += [f"ring 1/{member} {local}/n in sales for 1/1", f"ring 1/{member} {local}/n for 1/1"]
        self.told += [f"ring 1/{device} PJSIP/{phone} for 1/{member + 1}"]
        return [f"1/{member} {local}/n", f"1/{device} PJSIP/{phone}"], [f"gone 1/{leg}" for leg in range(member, member + 3)]

    def answer(self, phone: str) -> None:
        """Ring a phone that is picked up."""
        legs, gone = self.ring(phone)
        self.told += [f"answer {leg} in sales" for leg in legs]
        self.ends += gone
        self.ends += [f"done {legs[0].split()[0]} caller"]
        self.busy = {f"o{phone}"}

    def ring_all(self, phones: list[str]) -> None:
        """All ring; the first is picked up or nobody is."""
        if self.rng.random() < 0.7:
            self.answer(phones.pop())
        for phone in phones:
            legs, gone = self.ring(phone)
            self.told += [f"{'lose' if self.busy else 'miss'} {leg}" for leg in legs] + gone

    def one_by_one(self, deaf: list[str], last: str) -> None:
        """Ring some who do not pick up, then one who does or whose phone still rings."""
        for phone in deaf:
            legs, gone = self.ring(phone)
            self.told += [f"miss {leg}" for leg in legs] + gone
        if self.rng.random() < 0.5:
            self.answer(last)
        else:
            _, gone = self.ring(last)
            self.ends += gone
            self.busy = {f"o{last}"}

    def transfer(self, phone: str) -> None:
        """Whoever is busy sends the caller on; the next phone rings directly."""
        self.told += [end for end in self.ends if end != "gone 1/1"]
        self.ends = ["gone 1/1"]
        self.legs += 1
        self.told += [f"leg 1/{self.legs} PJSIP/{phone}", f"ring 1/{self.legs} PJSIP/{phone} for 1/1"]
        self.ends += [f"gone 1/{self.legs}"]
        self.busy = {f"o{phone}"}


def shuffled(rng: random.Random, told: list[str]) -> list[str]:
    """Return the same things in any order, some of them twice, with forged rings among them."""
    forged = [f"ring {rng.randint(600, 699)}/{rng.randint(2, 9)} PJSIP/{rng.randint(1001, 1004)} in sales for 1/1" for _ in range(2)]
    story = told + rng.sample(told, len(told) // 3) + forged
    rng.shuffle(story)
    return story


def tell(talk: Conversation, rng: random.Random, story: list[str], seen: Counter[str]) -> None:
    """Tell a story and check after each word that the commands make sense and no screen shows a call twice."""
    for line in story:
        talk.now += timedelta(seconds=rng.random())
        for command in talk.say(line):
            if isinstance(command, (ShowPop, UpdatePop, ClosePop)):
                offer = command.offer
                seen[offer.pop_id] += 1
                assert offer.revision == seen[offer.pop_id], "revisions grow by one, from one"
                assert isinstance(command, ShowPop) == (offer.revision == 1), "a pop is shown once"
                assert offer.call_id == "p:1", "no pop from a forged block"
            elif isinstance(command, RecordMissed):
                seen[f"missed {command.offer.pop_id}"] += 1
                assert seen[f"missed {command.offer.pop_id}"] == 1
        for operator in OPERATORS:
            assert len(talk.desk.visible(operator.operator_id)) <= 1, f"two pops of one call after {line!r}"


@pytest.mark.parametrize("seed", range(20))
def test_shuffled_histories(seed: int, talk_with: Callable[[Desk], Conversation]) -> None:
    """A thousand histories in twenty parts: one pop where a phone rings or talks, none elsewhere, none after the end."""
    rng = random.Random(seed)  # noqa: S311 - no secret
    for _ in range(50):
        talk, seen, history = talk_with(Desk(OPERATORS)), Counter[str](), History(rng)
        talk.say("know 1")
        story = shuffled(rng, history.told)
        tell(talk, rng, story, seen)
        there = {operator.operator_id for operator in OPERATORS if talk.screen(operator.operator_id)}
        assert there == history.busy, f"after {story}"
        tell(talk, rng, shuffled(rng, history.ends), seen)
        assert not any(talk.screen(operator.operator_id) for operator in OPERATORS), "nothing stands after the end"
        assert talk.desk.live_calls == ()

        talk, seen = talk_with(Desk(OPERATORS)), Counter[str]()
        talk.say("know 1")
        tell(talk, rng, shuffled(rng, history.told + history.ends), seen)
        assert not any(talk.screen(operator.operator_id) for operator in OPERATORS), "nor when the end is told first"
        assert talk.desk.live_calls == ()
