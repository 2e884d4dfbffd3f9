"""What a load asks for: more of it never costs less, nothing is counted twice, and the bounds are those of the code."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchmarks import model, model_plan, model_shapes
from benchmarks.model import Load
from benchmarks.model_constants import Cost
from ctiroute.app import call_files, recorder
from ctiroute.connectors.asterisk import ami_connection
from ctiroute.connectors.asterisk.translate.events import WANTED
from ctiroute.desk import live
from ctiroute.store.postgres import ways as postgres

if TYPE_CHECKING:
    from benchmarks.model_constants import Constants, Shape

RECORDINGS = Path(__file__).parents[2] / "data" / "ami"
LOAD = Load(calls_per_s=5, operators=1_000)


@pytest.mark.parametrize(
    "more",
    [
        {"calls_per_s": 10.0},
        {"operators": 2_000},
        {"filtered": False},
        {"queues": 4},
        {"shape": "ringall"},
        {"shape": "local", "filtered": False},
    ],
    ids=str,
)
def test_more_of_anything_asks_for_more_processor(constants: Constants, more: dict[str, object]) -> None:
    """Of a node, all else unchanged."""
    assert model.demand(replace(LOAD, **more), constants).cpu > model.demand(LOAD, constants).cpu  # type: ignore[arg-type]


def test_more_nodes_share_the_calls_and_not_the_hearing(constants: Constants) -> None:
    """Each has less to do, all together more, and what each hears does not shrink to nothing."""
    one, four = (model.demand(replace(LOAD, nodes=nodes, store="postgresql"), constants) for nodes in (1, 4))
    assert four.cpu < one.cpu < 4 * four.cpu
    assert four.events_per_s == one.events_per_s
    assert four.hearing > one.hearing / 4


def test_a_load_without_calls_is_what_stands(constants: Constants) -> None:
    """Idle process and browsers; nobody lives, nothing is heard."""
    asked = model.demand(Load(0, 100), constants)
    assert asked.cpu == pytest.approx((4_000 + 100 * 40) / 1e6)
    assert (asked.live_calls, asked.events_per_s, asked.hearing) == (0, 0, 0)


def test_processor_is_the_sum_of_its_parts(constants: Constants) -> None:
    """A call by hand: session; four bursts of ten handled events and three of members; three revisions with their acks; two records."""
    assert model.shape_of(LOAD).total("handled") == 10
    by_hand = 400 + 4 * 20 + 10 * 20 + 3 * 10 + 3 * (200 + 200 + 3 * 50) + 2 * 50
    asked = model.demand(LOAD, constants)
    assert asked.cpu == pytest.approx((5 * by_hand + 4_000 + 1_000 * 40) / 1e6)


def test_coldness_begins_at_nothing_and_ends_at_all(constants: Constants) -> None:
    """Right behind other work a service is hot; a long sleep makes it cold; the busier, the less so on average."""
    assert model.coldness(0, constants) == 0
    assert model.coldness(1, constants) == pytest.approx(1)
    assert model.mean_coldness(0, constants) == 1
    rising = [model.mean_coldness(rate, constants) for rate in (1, 10, 100, 1_000)]
    assert rising == sorted(rising, reverse=True)


def test_only_calls_keep_calls_warm(constants: Constants) -> None:
    """However much else there is, a call costs the same; many calls make each as cheap as it can be."""
    store = replace(constants.stores["sqlite"], call=Cost(400, 1_000))
    colder = replace(constants, stores={"sqlite": store})
    own_us = [model.call_us(replace(LOAD, calls_per_s=rate), colder)[0] for rate in (1.0, 10.0, 100.0, 100_000.0)]
    assert own_us == sorted(own_us, reverse=True)
    assert own_us[-1] == pytest.approx(400, rel=0.05)
    assert model.call_us(replace(LOAD, calls_per_s=1.0, queues=20), colder)[0] == own_us[0]


def test_operators_bound_how_many_calls_are_answered(constants: Constants) -> None:
    """200 people who talk 180 s take 1.1 calls a second, whatever comes."""
    assert Load(1, 200).answered == 1
    crowded = Load(100, 200)
    assert crowded.answered * crowded.calls_per_s * crowded.talk_s == pytest.approx(200)
    assert model_plan.limits(crowded, constants)[0].name == "operators"


def test_limits_are_told_first_to_end_first_with_the_rate_at_which_they_end(constants: Constants) -> None:
    """At that rate the same limit is used up."""
    told = model_plan.limits(LOAD, constants)
    assert [limit.used for limit in told] == sorted((limit.used for limit in told), reverse=True)
    (operators,) = (limit for limit in told if limit.name == "operators")
    assert operators.at_calls_per_s is not None
    (there,) = (it for it in model_plan.limits(replace(LOAD, calls_per_s=operators.at_calls_per_s), constants) if it.name == "operators")
    assert there.used == pytest.approx(1)


def test_an_embedded_store_serves_one_node_and_a_billion_touches_are_too_many_for_it(constants: Constants) -> None:
    """Both are said, and the remedy is the other store."""
    told = {limit.name: limit for limit in model_plan.limits(replace(LOAD, nodes=2, touches=1e10), constants)}
    assert told["nodes on one file"].used > 1
    assert told["store's file"].used > 1
    assert "PostgreSQL" in told["store's file"].remedy


@pytest.mark.parametrize("rate", [1.0, 10.0, 100.0, 1_000.0])
def test_a_plan_carries_its_load_with_one_node_dead(constants: Constants, rate: float) -> None:
    """In as few cells as that takes: with one less it would not."""
    load = Load(rate, round(rate * 200), store="postgresql")
    plan = model_plan.plan(load, constants)
    assert plan.load.nodes == plan.nodes - 1
    assert model_plan.carries(plan.load, constants)
    assert plan.cells * plan.load.calls_per_s == pytest.approx(rate)
    if plan.cells > 1:
        fewer = plan.cells - 1
        alone = replace(load, calls_per_s=rate / fewer, operators=load.operators // fewer, nodes=model_plan.MAX_NODES - 1)
        assert not model_plan.carries(alone, constants)


def test_bounds_are_those_of_the_code() -> None:
    """A bound that is changed there has to be changed here."""
    assert model.DESK_CALLS == live.MAX_CALLS
    assert timedelta(seconds=model.KEEP_ENDED_S) == live.KEEP_ENDED
    assert model.CALL_FILES == call_files.MAX_FILES
    assert model.AMI_QUEUED == ami_connection.MAX_QUEUED
    assert recorder.MAX_WAITING == model.RECORDS_WAITING
    assert model.POSTGRES_LINKS == postgres.LOOK_UP_LINKS + postgres.OTHER_LINKS
    assert recorder.BATCH / recorder.LINGER_S == model.RECORDS_PER_S


@pytest.mark.parametrize(
    ("shape", "queues"), [(model_shapes.queue(5), 5), (model_shapes.ring_all(2, 5), 5), (model_shapes.local_members(5), 5)], ids=str
)
def test_shapes_say_what_asterisk_said(shape: Shape, queues: int) -> None:
    """Counted in the recordings, within a tenth: who holds and who changes state twice differs from call to call."""
    blocks = (RECORDINGS / shape.recording).read_bytes().split(b"\r\n\r\n")
    names = Counter(found[1].decode() for block in blocks if (found := re.match(rb"Event: (\w+)", block)))
    names -= Counter({"Hold": names["Hold"], "Unhold": names["Unhold"]})
    member = names.pop("QueueMemberStatus")
    handled = sum(count for name, count in names.items() if name in WANTED)
    over = sum(names.values()) - handled
    assert shape.total("handled") == pytest.approx(handled, abs=1)
    assert shape.total("over") == pytest.approx(over, abs=3)
    assert shape.total("member") == pytest.approx(member, abs=queues)
