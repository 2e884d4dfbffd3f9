"""Parts of a JSON Schema, one for each parser that readers compose: `one_or_list(choice("sms"))` is `many(words("sms"))` here.

Every condition and action states the shape of its value with these, next to its reader; `schema.py` puts them together. Editors check
and complete by that, and `lint/` finds by the marks (`MARK`) which texts are names of queues or campaigns, and which are templates.

A schema is a help, the reader is the judge: what the reader takes must pass, what only the reader can see may pass too. There is no
`anyOf` in any of them: an editor then says which of the alternatives failed, and not what is wrong; `if` a list `then` … `else` …
names the mistake at its place.

Knows no kind of condition, and nothing of files.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ctiroute.rules.globs import MAX_PATTERN
from ctiroute.rules.names import MAX_VALUE
from ctiroute.rules.template import MAX_TEMPLATE, NAMES

Fragment = Mapping[str, Any]  # a JSON Schema (draft-07) of one value

MARK = "x-ctiroute"  # what a text means; kept out of the published schema
MARK_KEYS = "x-ctiroute-keys"  # the same of a mapping's keys
# Marks of names. Each is looked up by `lint/`: against the settings, the store, the switch, or the files themselves.
QUEUE, MENU, EXTENSION, OPERATOR, CAMPAIGN = "queue", "menu", "extension", "operator", "campaign"
LIST, HOURS, ATTRIBUTE, TOPIC = "list", "hours", "attribute", "topic"
DEFINES = "defines "  # before the mark of names: the keys of a mapping define such names
CALENDAR, CONDITION, CONSTANT = "calendar", "condition", "constant"
TRUSTED = "x-ctiroute-trusted"  # of a condition's key: the values by which the caller is trusted
# Marks of texts.
TEMPLATE, SCRIPT, LANGUAGES = "template", "script", "languages"

_TEXT = ["string", "number"]  # `queue: 100` needs no quotes
_ALPHABET = r"[A-Za-z0-9_.:@/+&-]"
_LANGUAGE = r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$"
_SPAN = r"^(?=.*[1-9])( *\d{1,4} *w)?( *\d{1,5} *d)?( *\d{1,6} *h)?( *\d{1,7} *m)?( *\d{1,8} *s)? *$"
_PHONE = r"^[ ()-]*(\+[ ()-]*[1-9]([ ()-]*[0-9]){5,14}|[0-9*#]([ ()-]*[0-9*#]){1,7})[ ()-]*$"
_PREFIX = r"^[ ()-]*\+[ ()-]*[1-9]([ ()-]*[0-9]){0,13}[ ()-]*$"


def about(fragment: Fragment, description: str, *examples: object) -> Fragment:
    """Return a fragment with its description (one sentence, for the editor's hint) and examples of values."""
    return {**fragment, "description": description, **({"examples": list(examples)} if examples else {})}


def trust(fragment: Fragment, *trusted: str) -> Fragment:
    """Mark what may demand that the caller is who he seems: texts of rules that ask for `trusted` alone may show what is sensitive."""
    return {**fragment, TRUSTED: frozenset(trusted)}


def reference(definition: str) -> Fragment:
    """Return a fragment that stands for a definition of the whole schema: "conditions" for what may stand under `when`."""
    return {"$ref": f"#/definitions/{definition}"}


def text(mark: str = "") -> Fragment:
    """Any text that is not empty; parser: `text`."""
    return _marked({"type": _TEXT, "pattern": r"\S", "patternErrorMessage": "expected text, not an empty one"}, mark)


def matching(pattern: str, meaning: str, mark: str = "") -> Fragment:
    """Text of a pattern (`^` and `$` belong to it); `meaning` completes "expected ..."; parser: `matching`."""
    return _marked({"type": _TEXT, "pattern": pattern, "patternErrorMessage": f"expected {meaning}"}, mark)


def name(what: str, mark: str = "") -> Fragment:
    """Return the fragment of a name that reaches the dialplan; parser: `names.name(what)`. `mark` says what has to know it."""
    return matching(rf"^(?!.*\.\.){_ALPHABET}{{1,{MAX_VALUE}}}$", f"the name of a {what}: Latin letters, digits and _ . : @ / + & -", mark)


def pattern(mark: str = "") -> Fragment:
    """Text with `*` and `?`; parser: `globs.pattern`. Words like true are taken as written."""
    return _marked({"type": [*_TEXT, "boolean"], "pattern": r"\S", "maxLength": MAX_PATTERN}, mark)


def words(*allowed: str) -> Fragment:
    """One of some words; parser: `choice`."""
    return {"enum": list(allowed)}


def integer(low: int, high: int) -> Fragment:
    """Return the fragment of a whole number; parser: `integer`."""
    return {"type": "integer", "minimum": low, "maximum": high}


def number(low: float, high: float) -> Fragment:
    """Return the fragment of a number; parser: `number`."""
    return {"type": "number", "minimum": low, "maximum": high}


def boolean() -> Fragment:
    """Truth; parser: `boolean`."""
    return {"type": "boolean"}


def duration() -> Fragment:
    """Return the fragment of a time span with its unit; parser: `duration`."""
    return {"type": "string", "pattern": _SPAN, "patternErrorMessage": "expected a time span with its unit: 20s, 15m, 2h, 1d"}


def boolean_or_duration() -> Fragment:
    """Truth, or a time span; parser: `conditions.touch._moment`."""
    return {"if": {"type": "boolean"}, "then": boolean(), "else": duration()}


def language(*words: str) -> Fragment:
    """Return the fragment of a language code, or one of some words in its place; parser: `language`."""
    meaning = " or ".join(["a language code (en, uk, ru, kk)", *words])
    return {
        "type": "string",
        "pattern": "|".join([_LANGUAGE, *(f"^{one}$" for one in words)]),
        "patternErrorMessage": f"expected {meaning}",
    }


def phone() -> Fragment:
    """Return the fragment of a whole phone number; parser: `numbers.number`. Other readers of YAML take +380… for a number."""
    return matching(_PHONE, 'a phone number with + and its country code: "+380671234567"')


def prefix() -> Fragment:
    """Return the fragment of the beginning of a phone number; parser: `numbers.prefix`."""
    return matching(_PREFIX, 'the beginning of a number, with + and the country code: "+38067"')


def template() -> Fragment:
    """Text with names in braces, all of which exist; parser: `actions.texts.template`."""
    meaning = "text whose names in braces exist: {touch.campaign}, {customer.name}; {{ and }} are braces"
    return {**matching(_TEMPLATE, meaning, TEMPLATE), "maxLength": MAX_TEMPLATE}


def value() -> Fragment:
    """Text that reaches the dialplan, or one with names in braces; parser: `actions.variables._value`."""
    return matching(
        f"^{_ALPHABET}{{1,{MAX_VALUE}}}$|(?=.*[{{}}]){_TEMPLATE}",
        "a value for the dialplan: Latin letters, digits and _ . : @ / + & -",
        TEMPLATE,
    )


def url() -> Fragment:
    """Return the fragment of an address with a fixed host; parser: `actions.texts.url_template`."""
    return {**matching(r"^https://[A-Za-z0-9]", "an https address with a fixed host", TEMPLATE), "maxLength": MAX_TEMPLATE}


def list_of(item: Fragment) -> Fragment:
    """Return the fragment of a list with at least one item; parser: `list_of`."""
    return {"type": "array", "items": item, "minItems": 1}


def list_or_file(item: Fragment) -> Fragment:
    """Return the fragment of a list, or of the path of a file that holds one; parser: `parts._read_list`."""
    return {
        "if": {"type": "array"},
        "then": list_of(item),
        "else": matching(r"\.txt$", "a list, or the path of a text file: lists/partners.txt"),
    }


def many(item: Fragment) -> Fragment:
    """One value or a list of them; parser: `one_or_list`."""
    return {"if": {"type": "array"}, "then": list_of(item), "else": item}


def mapping(properties: Mapping[str, Fragment], *, required: Iterable[str] = (), least: int = 0) -> Fragment:
    """Return the fragment of a mapping with known keys, `required` ones and `least` of any among them; parser: `fields`."""
    made: dict[str, Any] = {"type": "object", "properties": dict(properties), "additionalProperties": False}
    if required:
        made["required"] = list(required)
    if least:
        made["minProperties"] = least
    return made


def mapping_of(value: Fragment, *, keys: str = "", meaning: str = "", mark: str = "", most: int = 0) -> Fragment:
    """Return the fragment of a mapping with free keys; `keys` is a pattern they match, `mark` what they are; parser: `mapping_of`."""
    made: dict[str, Any] = {"type": "object", "additionalProperties": value, "minProperties": 1}
    if keys:
        made["propertyNames"] = {"pattern": keys, "patternErrorMessage": f"expected {meaning}"}
    if most:
        made["maxProperties"] = most
    return {**made, MARK_KEYS: mark} if mark else made


def localized(value: Fragment) -> Fragment:
    """One value for all languages, or one for each; parser: `localized`."""
    each = mapping_of(value, keys=_LANGUAGE, meaning="a language code: en, uk, ru, kk", mark=LANGUAGES)
    return short_or(value, each)


def short_or(short: Fragment, full: Fragment) -> Fragment:
    """Return the fragment of a mapping, or of a short form in its place: `customer: known`."""
    return {"if": {"type": "object"}, "then": full, "else": short}


def _marked(fragment: Fragment, mark: str) -> Fragment:
    return {**fragment, MARK: mark} if mark else fragment


def _template_pattern() -> str:
    """Return the pattern of a text whose names all exist. Unambiguous at each character, so that no text takes long."""
    exact = [re.escape(one) for one in NAMES if not one.endswith("<name>")]
    own = [re.escape(one.removesuffix("<name>")) for one in NAMES if one.endswith("<name>")]
    names = rf"(?:(?:{'|'.join(exact)})|(?:{'|'.join(own)})[^\s{{}}.][^{{}}\n]{{0,99}})"
    return rf"^(?:[^{{}}]|\{{\{{|\}}\}}|\{{\s*{names}\s*\}})*$"


_TEMPLATE = _template_pattern()
