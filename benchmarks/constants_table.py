"""The tables of docs/scale.md: the measured constants, and what follows from them. `python -m benchmarks.constants_table` puts them there.

A test holds page and figures together.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import model, model_plan, model_shapes
from benchmarks.model import Load
from benchmarks.model_constants import Constants, Cost

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

HERE = Path(__file__).parent
FILE = HERE / "constants.json"
PAGE = HERE.parent / "docs" / "scale.md"

_PRICES = (
    ("wake", "one burst of manager events, however many, besides the events"),
    ("over", "an event that is read over"),
    ("member", "an event about a member's state (QueueMemberStatus)"),
    ("handled", "an event of a call"),
    ("made", "a pop or revision, made"),
    ("push", "... and pushed to one browser"),
    ("ack", "a browser's acknowledgement"),
    ("find", "a pop of a call that another node decided, besides"),
)
_BYTES = (
    ("base_bytes", "memory of a service that has just started"),
    ("live_bytes", "memory of a live call, its file and its record"),
    ("browser_bytes", "memory of an operator's browser"),
    ("copy_bytes", "memory of Redis for one identifier in the hot copy"),
    ("push_bytes", "a pop or revision on the network"),
)
_OTHERS = frozenset({"operators", "live calls of one Asterisk"})  # not ctiroute's: the table has columns of them
LOADS = (
    Load(1, 200, touches=1e6),
    Load(10, 2_000, touches=1e7),
    Load(10, 2_000, touches=1e7, store="postgresql"),
    Load(100, 20_000, touches=1e8, store="postgresql"),
    Load(1_000, 200_000, touches=1e9, store="postgresql"),
)


def tables(measured: Mapping[str, Any]) -> dict[str, str]:
    """Return each table by its name on the page."""
    constants = Constants.of(measured)
    made: dict[str, Callable[[], list[str]]] = {
        "constants": lambda: _constants(measured, constants),
        "shapes": _shapes,
        "loads": lambda: _loads(constants),
        "billion": lambda: _billion(constants),
    }
    return {name: "\n".join(make()) for name, make in made.items()}


def _constants(measured: Mapping[str, Any], constants: Constants) -> list[str]:
    machine = measured["machine"]
    cores = f"{machine['cores']} cores of {machine['processor']}, Python {machine['python']}, {machine['system']}"
    lines = [
        f"Measured on {cores}.",
        "",
        "| µs of processor | hot | cold |",
        "|---|---:|---:|",
    ]
    for name, store in constants.stores.items():
        lines.append(_price(f"a call: session, look-up, decision, record ({name})", store.call))
        lines.append(_price(f"a later record of a call ({name})", store.record))
        if store.server_call_us:
            lines.append(f"| a call, of PostgreSQL's own processes | {store.server_call_us:,.0f} | {store.server_call_us:,.0f} |")
    lines += [_price(words, getattr(constants, name)) for name, words in _PRICES]
    lines += [
        f"| an idle browser, a second | {constants.operator_us:,.0f} | {constants.operator_us:,.0f} |",
        f"| an idle service, a second | {constants.idle_us:,.0f} | {constants.idle_us:,.0f} |",
        "",
        f"A service that sleeps is 63 % of the way from hot to cold after {constants.warm_s * 1000:.1f} ms. A call that meets nobody waits "
        + " and ".join(f"{each.alone_ms:.2f} ms on {name}" for name, each in constants.stores.items())
        + ".",
        "",
        "| bytes | |",
        "|---|---:|",
        *(f"| {words} | {getattr(constants, name):,.0f} |" for name, words in _BYTES),
    ]
    for name, store in constants.stores.items():
        sizes = {"a touch": store.touch_bytes, "an identifier": store.identifier_bytes, "a call's record": store.call_bytes}
        lines += [f"| disk for {words} ({name}) | {size:,.0f} |" for words, size in sizes.items()]
    return lines


def _price(words: str, cost: Cost) -> str:
    return f"| {words} | {cost.hot:,.0f} | {cost.cold:,.0f} |"


def _shapes() -> list[str]:
    lines = ["| a call | of a call | of members | with the shipped filter | read over without it |", "|---|---:|---:|---:|---:|"]
    made = [
        ("queue, one phone rings", model_shapes.queue()),
        ("the same, phones in 5 queues", model_shapes.queue(5)),
        ("ring-all of 2", model_shapes.ring_all(2)),
        ("ring-all of 10", model_shapes.ring_all(10)),
        ("Local members (FreePBX)", model_shapes.local_members()),
        ("nobody answers, one phone rang", model_shapes.abandoned()),
    ]
    for words, shape in made:
        handled, member, over = shape.total("handled"), shape.total("member"), shape.total("over")
        lines.append(f"| {words} | {handled} | {member} | {handled + member} | {over} |")
    return lines


def _loads(constants: Constants) -> list[str]:
    lines = [
        "| calls/s | operators | store | events/s | live calls | Asterisks | one node: processor | hearing | ends first | then | wanted |",
        "|---:|---:|---|---:|---:|---:|---:|---:|---|---|---|",
    ]
    for load in LOADS:
        asked, wanted = model.demand(load, constants), model_plan.plan(load, constants)
        ours = [limit for limit in model_plan.limits(load, constants) if limit.name not in _OTHERS]
        lines.append(
            f"| {load.calls_per_s:,.0f} | {load.operators:,} | {load.store} | {asked.events_per_s:,.0f} | {asked.live_calls:,.0f}"
            f" | {asked.asterisks} | {asked.cpu:.0%} of a core | {asked.hearing:.0%}"
            f" | {_ends(ours[0])} | {_ends(ours[1])} | {_wanted(wanted)} |"
        )
    return lines


def _ends(limit: model_plan.Limit) -> str:
    return f"{limit.name} ({limit.used:.0%})"


def _wanted(plan: model_plan.Plan) -> str:
    nodes = f"{plan.nodes} node{'s' if plan.nodes > 1 else ''}"
    return nodes if plan.cells == 1 else f"{plan.cells} cells of {nodes}"


def _billion(constants: Constants) -> list[str]:
    lines = ["| 10⁹ touches, 10⁸ identifiers | SQLite | PostgreSQL |", "|---|---:|---:|"]
    stores = [constants.stores[name] for name in ("sqlite", "postgresql")]
    touches = [1e9 * store.touch_bytes for store in stores]
    identifiers = [1e8 * store.identifier_bytes for store in stores]
    lines.append("| touches with indices | " + " | ".join(f"{each / 1e9:,.0f} GB" for each in touches) + " |")
    lines.append("| identifiers | " + " | ".join(f"{each / 1e9:,.0f} GB" for each in identifiers) + " |")
    share = model.CACHE_BYTES / (touches[0] + identifiers[0])
    lines.append(f"| kept in {model.CACHE_BYTES / 1e9:,.0f} GB of memory | {min(1.0, share):.0%} | the newest partitions |")
    lines.append(f"| Redis, for 10⁷ identifiers inside the longest window | | {constants.copy_bytes / 100:,.1f} GB |")
    return lines


def page(text: str, made: Mapping[str, str]) -> str:
    """Return the page with its tables made anew. Raises KeyError when the page names a table that is not there."""
    return re.sub(
        r"(<!-- (\w+): made by benchmarks\.constants_table -->\n).*?(\n<!-- end -->)",
        lambda found: f"{found[1]}\n{made[found[2]]}\n{found[3]}",
        text,
        flags=re.DOTALL,
    )


def main() -> int:
    """Put the tables into the page."""
    made = tables(json.loads(FILE.read_text(encoding="utf-8")))
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), made), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
