"""The JSON Schema of rule files agrees with the reader: what the reader takes it takes, what it refuses the reader refuses."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from ctiroute.documents import load
from ctiroute.errors import ConfigurationError
from ctiroute.rules import load_ruleset
from ctiroute.rules.actions import ACTIONS
from ctiroute.rules.conditions import CONDITIONS
from ctiroute.rules.fragments import MARK, MARK_KEYS, Fragment
from ctiroute.rules.kinds import ActionKind, ConditionKind, Scope
from ctiroute.rules.schema import plain, schema
from ctiroute.rules.sections import RULE, SECTIONS
from ctiroute.rules.when import COMPOSITES

ROOT = Path(__file__).parents[3]
PUBLISHED = ROOT / "docs" / "reference" / "rules.schema.json"
RULES = [path for path in (ROOT / "rules").glob("*.yml") if ".test." not in path.name]  # not the cases beside them
GOOD = sorted([*RULES, *(ROOT / "src" / "ctiroute" / "demo" / "rules").glob("*.yml")])
PAGES = [ROOT / "docs" / "reference" / "rules.md", ROOT / "docs" / "how-to" / "write-rules.md"]
BLOCKS = [block for page in PAGES for block in re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)]
BAD = sorted((ROOT / "tests" / "data" / "rules" / "bad").glob("*.yml"))
DEFINITIONS = (Path(__file__).parent / "definitions.yml").read_text(encoding="utf-8")

# Mistakes that show only with the rest of the rules, with a calendar, or in what the file says in words.
UNSEEN = {
    "after-a-rule-for-all",
    "available-within-owner",
    "messages-same-name",
    "caller-list-file-missing",
    "caller-list-file-mistake",
    "caller-list-file-outside",
    "caller-list-of-words",
    "caller-list-unknown",
    "caller-untyped-number",  # +380… without quotes is a number to other readers of YAML, so a schema has to take numbers
    "caller-untyped-prefix",
    "constant-list-in-text",
    "constant-of-constants",
    "constant-unknown",
    "customer-attributes-list-unknown",
    "default-continues",  # the same actions as of a rule, to which a schema cannot add
    "hours-calendar-unknown",
    "hours-category",
    "hours-country-part",
    "hours-date",
    "hours-day-twice",
    "hours-empty-span",
    "hours-holidays-twice",
    "hours-no-timezone",
    "hours-timezone",
    "hours-unknown",
    "interaction-idle-beyond-within",
    "no-default",
    "pop-script-missing",
    "pop-script-mistake",
    "same-conditions",
    "sample-beyond-everybody",
    "then-announce-value-outside",
    "then-offer-unknown",
    "then-operator-for",
    "then-queue-dialplan",  # ${EXTEN} may be a constant of another file
    "then-queue-hours-unknown",
    "then-queue-no-else",
    "touch-no-window",
    "touch-rank-without-campaigns",
    "touch-window-never-used",
    "two-rules-one-name",
    "use-itself",
    "use-unknown",
    "value-limits-crossed",
    "value-not-known-compared",
    "value-two-lower-limits",
}


@cache
def validator() -> Draft7Validator:
    """Return what an editor checks with."""
    return Draft7Validator(schema())


def complaints(text: str | bytes) -> list[str]:
    """Return what an editor would underline."""
    return [f"{error.json_path}: {error.message}" for error in validator().iter_errors(plain(load(text, "f.yml")))]


def test_it_is_a_schema_without_any_of() -> None:
    """Of the draft it names; an editor says of anyOf only that no alternative fits."""
    Draft7Validator.check_schema(schema())
    assert "anyOf" not in json.dumps(schema())
    assert MARK not in json.dumps(schema())


def test_the_published_file_is_up_to_date() -> None:
    """Made anew by: ctiroute rules schema > docs/reference/rules.schema.json."""
    assert json.loads(PUBLISHED.read_text(encoding="utf-8")) == schema()


@pytest.mark.parametrize("path", GOOD, ids=lambda path: f"{path.parent.parent.name}-{path.stem}")
def test_the_files_we_ship_are_valid(path: Path) -> None:
    """An editor underlines nothing in them."""
    assert complaints(path.read_bytes()) == []


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.split("name: ")[-1].split("\n")[0])
def test_what_the_pages_show_is_valid(block: str) -> None:
    """What the reader takes (another test loads each of these) the schema takes."""
    assert complaints(block) == []


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_mistake_that_can_be_seen_is_refused(path: Path) -> None:
    """Wherever the mistake lies in the shape of the one file."""
    try:
        found = complaints(path.read_bytes())
    except ConfigurationError:
        return  # not even YAML: every editor says so
    assert bool(found) is (path.stem not in UNSEEN), found


def test_no_file_that_is_gone_is_excused() -> None:
    """The list above speaks of files that are there."""
    assert {path.stem for path in BAD} >= UNSEEN


def kinds() -> list[ConditionKind | ActionKind]:
    """Return everything of the two registries."""
    return [*CONDITIONS.values(), *ACTIONS.values()]


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: f"{type(kind).__name__}-{kind.name}")
def test_every_kind_gives_a_shape_and_an_example_that_both_take(kind: ConditionKind | ActionKind) -> None:
    """The example is what editors offer: the reader compiles it, the schema has nothing against it."""
    assert kind.schema, "give it a schema=, made with rules/fragments.py"
    assert kind.example, "give it an example=, one value in YAML as it stands behind the name"
    is_action = isinstance(kind, ActionKind)
    beside = f"{max(kind.requires)}: promo\n      " if isinstance(kind, ActionKind) and kind.requires else ""
    when = "{}" if is_action else f"{{{kind.name}: {kind.example}}}"
    then = f"{beside}{kind.name}: {kind.example}" if is_action else "queue: promo"
    text = f"{DEFINITIONS}\nrules:\n  - name: example\n    when: {when}\n    then:\n      {then}\ndefault: {{}}\n"
    assert load_ruleset([("example.yml", text)], lambda _path: "Say hello.").rules
    assert complaints(text) == []


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: f"{type(kind).__name__}-{kind.name}")
def test_every_kind_has_the_keys_its_reader_asks_for(kind: ConditionKind | ActionKind) -> None:
    """No more and no fewer; each with its description."""
    keys = known_to(lambda text: kind.read(load(text, "f.yml"), Scope()))
    if keys is None:
        return  # its value is no mapping with known keys
    properties = mapping_in(kind.schema).get("properties", {})
    assert set(properties) == keys
    assert [key for key, value in properties.items() if not str(value.get("description", "")).endswith(".")] == []


def test_a_file_has_the_keys_its_reader_asks_for() -> None:
    """So has a rule."""
    assert known_to(lambda text: load_ruleset([("f.yml", text)])) == set(SECTIONS)
    assert known_to(lambda text: load_ruleset([("f.yml", f"rules: [{text}]")])) == set(RULE["properties"])


@pytest.mark.parametrize("kind", [*CONDITIONS, *COMPOSITES])
def test_conditions_are_offered_wherever_they_may_stand(kind: str) -> None:
    """Under when, and inside of other conditions."""
    made = schema()["definitions"]
    assert kind in made["conditions"]["properties"]
    assert kind in made["some-conditions"]["properties"]
    assert made["conditions"]["properties"][kind]["description"]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("default: {menu: main, queue: a}", "'a'"),
        ("default: {priority: 5}", "priority"),
        ("default: {tuoch: 5}", "tuoch"),
        ("rules: [{name: a, when: {any: [{}]}, then: {}}]", "any"),
        ("rules: [{name: a, when: {touch: {within: 15}}, then: {}}]", "15"),
        ("rules: [{name: a, when: {touch: {within: 1d, medium: [sms, smoke]}}, then: {}}]", "smoke"),
    ],
)
def test_what_an_editor_says_names_the_mistake(text: str, word: str) -> None:
    """Not only that no alternative fits."""
    found = complaints(text)
    assert any(word in one for one in found), found
    assert len(found) < 5


def known_to(read: Any) -> set[str] | None:
    """Return the keys a reader knows, as it lists them when it meets one it does not; None: it reads no such mapping."""
    try:
        read("{qqqqqqqqqqqq: 1}")
    except ConfigurationError as error:
        for fault in error.faults:
            if "is not known in" in fault.message:
                return set(fault.hint.removeprefix("known here: ").split(", "))
    return None


def mapping_in(fragment: Fragment) -> Fragment:
    """Return the mapping with known keys in a fragment: itself, or the long form."""
    return fragment if "properties" in fragment else fragment.get("then", {})


def test_marks_are_kept_for_lint() -> None:
    """They stand in the kinds, and not in what is published."""
    assert CONDITIONS["touch"].schema["properties"]["campaign"]["then"]["items"][MARK] == "campaign"
    assert MARK_KEYS not in json.dumps(schema())
