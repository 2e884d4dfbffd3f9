"""Made-up constants, so that nothing here depends on a machine."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.model_constants import Constants, Cost, StoreCosts


@pytest.fixture
def constants() -> Constants:
    """Round figures, and a service that is never cold."""
    store = StoreCosts(
        call=Cost(400, 400),
        record=Cost(50, 50),
        server_call_us=0,
        alone_ms=0.5,
        touch_bytes=250,
        identifier_bytes=80,
        call_bytes=2_000,
    )
    flat = Cost(20, 20)
    return Constants(
        idle_us=4_000,
        warm_s=0.002,
        wake=flat,
        over=Cost(5, 5),
        member=Cost(10, 10),
        handled=flat,
        made=Cost(200, 200),
        push=Cost(200, 200),
        ack=Cost(50, 50),
        find=Cost(300, 300),
        operator_us=40,
        base_bytes=70e6,
        live_bytes=12_000,
        browser_bytes=40_000,
        copy_bytes=500,
        push_bytes=7_000,
        events_bytes=600,
        stores={"sqlite": store, "postgresql": replace(store, server_call_us=200.0)},
    )
