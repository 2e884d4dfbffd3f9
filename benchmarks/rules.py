"""What rules cost: to compile, to decide, to replay, and against other rule engines on the same rules and calls.

Everything is measured in processor time of this process, engines in turn within one run, best of several; so the figures to compare are
the ratios, and a busy machine changes them little. `make bench-rules`; `make bench-rules ARGS=--json` for scripts.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from time import process_time
from typing import TYPE_CHECKING, Any

import cel
import celpy
import rule_engine
from celpy.adapter import json_to_cel

from benchmarks import rules_replay
from ctiroute.engine.decide import decide
from ctiroute.model import (
    Caller,
    CallerContext,
    Customer,
    Identifier,
    IdentifierKind,
    Identity,
    Medium,
    OfferTerms,
    RouteRequest,
    Touch,
    TouchStatus,
)
from ctiroute.rules import load_ruleset

if TYPE_CHECKING:
    from collections.abc import Callable

    from ctiroute.rules import Ruleset

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
COMPILE_S, DECIDE_US, MORE_RULES, REPLAYS_S = 1.5, 30.0, 10.0, 20_000.0  # what is promised
CALLS = 200
IN_A_FILE = 2500  # rules; a file has a bound


@dataclass(frozen=True, slots=True)
class Condition:
    """One rule in plain facts: a campaign within some minutes, a segment, or both."""

    campaign: str
    minutes: int
    segment: str

    def as_yaml(self, number: int) -> str:
        """Return it as a rule of ours."""
        when = [f"touch: {{campaign: {self.campaign}, within: {self.minutes}m}}"] if self.campaign else []
        when += [f"customer: {{attributes: {{segment: {self.segment}}}}}"] if self.segment else []
        return f"  - name: r{number}\n    when: {{{', '.join(when)}}}\n    then: {{queue: q{number % 20}}}\n"

    def as_cel(self) -> str:
        """Return it as an expression of CEL."""
        parts = [f't.campaign == "{self.campaign}" && t.age_s <= {self.minutes * 60}'] if self.campaign else []
        said = [f"touches.exists(t, {parts[0]})"] if parts else []
        return " && ".join([*said, *([f'segment == "{self.segment}"'] if self.segment else [])])

    def as_rule_engine(self) -> str:
        """Return it as an expression of rule-engine."""
        said = (
            [f'[t for t in touches if t["campaign"] == "{self.campaign}" and t["age_s"] <= {self.minutes * 60}].length > 0']
            if self.campaign
            else []
        )
        return " and ".join([*said, *([f'segment == "{self.segment}"'] if self.segment else [])])


@dataclass(frozen=True, slots=True)
class Call:
    """One call, as ours and as the plain mapping that the others are given."""

    context: CallerContext
    plain: dict[str, Any]


def conditions(count: int) -> list[Condition]:
    """Return rules as a company that runs many campaigns has them."""
    rng = Random(1)  # noqa: S311 - a seeded benchmark
    made = []
    for number in range(count):
        campaign = f"campaign-{number}" if number % 10 else ""
        segment = f"segment-{number}" if not campaign else "vip" if number % 3 == 0 else ""
        made.append(Condition(campaign, rng.choice((15, 60, 1440)), segment))
    return made


def calls(rules: int) -> list[Call]:
    """Return calls of which about half meet a rule."""
    rng = Random(2)  # noqa: S311 - as above
    made = []
    for number in range(CALLS):
        phone = f"+38067{number:07d}"
        who, segment = (
            Identifier(IdentifierKind.PHONE, phone),
            rng.choice(("vip", f"segment-{rng.randrange(0, rules, 10)}", "new", "new", "new")),
        )
        ages = sorted(rng.randrange(60, 7200) for _ in range(rng.randrange(3)))  # newest first, as every store gives them
        touches = [(f"campaign-{rng.randrange(rules)}", age) for age in ages]
        request = RouteRequest(f"pbx:{number}", Medium.VOICE, Caller(phone, phone), "+380441234567", NOW, "pbx")
        context = CallerContext(
            request,
            Identity.of((Customer(f"c{number}", "Olena", "uk", {"segment": segment}, (who,)),)),
            tuple(
                Touch(
                    f"t{number}-{place}",
                    campaign,
                    "Autumn",
                    Medium.SMS,
                    who,
                    NOW - timedelta(seconds=age),
                    TouchStatus.DELIVERED,
                    OfferTerms("Autumn instalments", "The text of the message that was sent to the customer", "0 %, 24 months"),
                )
                for place, (campaign, age) in enumerate(touches)
            ),
            gathered_at=NOW,
        )
        plain: dict[str, Any] = {"segment": segment, "touches": [{"campaign": campaign, "age_s": age} for campaign, age in touches]}
        made.append(Call(context, plain))
    return made


def ours(made: list[Condition]) -> Ruleset:
    """Compile rules of ours."""
    files = []
    for start in range(0, len(made), IN_A_FILE):
        entries = (one.as_yaml(number) for number, one in enumerate(made[start : start + IN_A_FILE], start))
        files.append((f"{start:05d}.yml", "rules:\n" + "".join(entries)))
    files.append(("default.yml", "default: {menu: main}\n"))
    gc.disable()  # as the service reads its files
    try:
        return load_ruleset(files)
    finally:
        gc.enable()


def by_us(made: list[Condition]) -> Callable[[Call], int | None]:
    """Return what says which rule takes a call, by ctiroute: the whole decision."""
    ruleset = ours(made)

    def first(call: Call) -> int | None:
        rule = decide(call.context.request, call.context, ruleset, NOW, {}).rule
        return None if rule is None else int(rule[1:])

    return first


def by_cel_python(made: list[Condition]) -> Callable[[Call], int | None]:
    """Do as `by_us`, by cel-python."""
    environment = celpy.Environment()
    programs = [environment.program(environment.compile(one.as_cel())) for one in made]

    def first(call: Call) -> int | None:
        facts = {name: json_to_cel(value) for name, value in call.plain.items()}
        return next((number for number, program in enumerate(programs) if program.evaluate(facts)), None)

    return first


def by_cel_in_rust(made: list[Condition]) -> Callable[[Call], int | None]:
    """Do as `by_us`, by common-expression-language (in Rust)."""
    programs = [cel.compile(one.as_cel()) for one in made]

    def first(call: Call) -> int | None:
        context = cel.Context(call.plain)
        return next((number for number, program in enumerate(programs) if program.execute(context)), None)

    return first


def by_rule_engine(made: list[Condition]) -> Callable[[Call], int | None]:
    """Do as `by_us`, by rule-engine."""
    rules = [rule_engine.Rule(one.as_rule_engine()) for one in made]

    def first(call: Call) -> int | None:
        return next((number for number, rule in enumerate(rules) if rule.matches(call.plain)), None)

    return first


ENGINES: dict[str, Callable[[list[Condition]], Callable[[Call], int | None]]] = {
    "ctiroute": by_us,
    "common-expression-language": by_cel_in_rust,
    "rule-engine": by_rule_engine,
    "cel-python": by_cel_python,
}


def best_us(first: Callable[[Call], int | None], asked: list[Call], rounds: int) -> float:
    """Return µs of processor time for a call, best of several rounds."""
    found = []
    for _ in range(rounds):
        began = process_time()
        for call in asked:
            first(call)
        found.append((process_time() - began) / len(asked) * 1e6)
    return min(found)


def compile_s(count: int) -> float:
    """Return seconds of processor time to compile so many rules, best of three."""
    made, found = conditions(count), []
    for _ in range(3):
        gc.collect()
        began = process_time()
        ours(made)
        found.append(process_time() - began)
    return min(found)


def measured() -> dict[str, float]:
    """Return all figures by name."""
    figures: dict[str, float] = {"compile 10,000 rules, s": compile_s(10_000)}
    for count in (50, 1000):
        made, asked = conditions(count), calls(count)
        if count == 50:
            engines = {name: make(made) for name, make in ENGINES.items()}
            answers = {name: [first(call) for call in asked] for name, first in engines.items()}
            assert all(one == answers["ctiroute"] for one in answers.values()), "the engines disagree: they are not given the same rules"
            assert 0.2 < sum(answer is not None for answer in answers["ctiroute"]) / len(asked) < 0.9
            for name, first in engines.items():
                rounds = 20 if name == "ctiroute" else 2
                figures[f"{name}, {count} rules, µs"] = best_us(first, asked, rounds)
            figures |= rules_replay.figures(ours(made), ours([*made[1:], made[0]]), [call.context for call in asked], NOW)
        else:
            figures[f"ctiroute, {count} rules, µs"] = best_us(by_us(made), asked, 20)
    mine = figures["ctiroute, 50 rules, µs"]
    figures["1,000 rules against 50, times"] = figures["ctiroute, 1000 rules, µs"] / mine
    for name in list(ENGINES)[1:]:
        figures[f"{name} against ctiroute, times"] = figures[f"{name}, 50 rules, µs"] / mine
    return figures


def missed(figures: dict[str, float]) -> list[str]:
    """Return the promises that were not kept."""
    kept = {
        "compile 10,000 rules, s": figures["compile 10,000 rules, s"] <= COMPILE_S,
        "ctiroute, 50 rules, µs": figures["ctiroute, 50 rules, µs"] <= DECIDE_US,
        "1,000 rules against 50, times": figures["1,000 rules against 50, times"] <= MORE_RULES,
    }
    kept |= {name: figure >= REPLAYS_S for name, figure in figures.items() if name.startswith("replay")}
    return [name for name, good in kept.items() if not good]


def main() -> int:
    """Measure, print, and return 1 when a promise was not kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    figures = measured()
    if arguments.json:
        print(json.dumps(figures, ensure_ascii=False))
    else:
        for name, value in figures.items():
            print(f"{name:50} {value:>12,.1f}")
    broken = missed(figures)
    for name in broken:
        print(f"not kept: {name}", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
