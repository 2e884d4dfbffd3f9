"""Texts with names in braces: "Calls back about {touch.offer.title}, sent {touch.age} ago".

Only the names listed here exist; there is no attribute access, no call and no format directive, so no template and no value can reach
anything else. A name that does not exist is a mistake at load; a value that is missing at a call is empty. `{{` and `}}` are braces.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING
from urllib.parse import quote

from ctiroute.documents import did_you_mean
from ctiroute.model import CallerContext, Interaction, Reason, Touch
from ctiroute.model.phone import clean, display_phone
from ctiroute.rules.names import to_alphabet
from ctiroute.rules.words import age_in_words

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MAX_TEMPLATE = 20_000  # characters; a script is a page or two
MAX_FILLED_VALUE = 1000  # characters of one value in a text; terms of an offer are a few lines
_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}\n]{0,200})\}|[{}]")
_FIELD_NAME = re.compile(r"[^\s{}.][^{}\n]{0,99}")
_NOT_WORD = re.compile(r"[^A-Za-z0-9_-]+", re.ASCII)
_SPACES = re.compile(r"[ \t]{2,}")
_SPACE_BEFORE = re.compile(r"[ \t]+(?=[,.;:!?](?:\s|$))")
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~&])")
_URL = re.compile(r"https://[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?(?::[0-9]{1,5})?(?:[/?#][^\s\"'<>\\^`|]*)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Subject:
    """What a text is about."""

    context: CallerContext
    touch: Touch | None  # bound by the rule that matched
    interaction: Interaction | None  # the same
    now: datetime  # aware
    language: str = "en"  # of whoever reads it
    zone: tzinfo = UTC  # in which times are written

    @classmethod
    def of(
        cls,
        context: CallerContext,
        touch_id: str | None,
        interaction_id: str | None,
        now: datetime,
        language: str = "en",
        zone: tzinfo = UTC,
    ) -> Subject:
        """Return the subject of a decision that bound this touch and this interaction (`Decision.touch_id`, `.interaction_id`).

        `zone` is `Ruleset.zone`.
        """
        touch = next((one for one in context.touches if one.touch_id == touch_id), None)
        interaction = next((one for one in context.interactions if one.interaction_id == interaction_id), None)
        return cls(context, touch, interaction, now, language, zone)


@dataclass(frozen=True, slots=True)
class TemplateMistake:
    """Something in a template that cannot be filled."""

    offset: int  # characters from its start
    message: str
    found: str
    hint: str


def _moment(at: datetime, subject: Subject) -> str:
    local = at.astimezone(subject.zone)
    return f"{local:%d.%m.%Y %H:%M}" + (" UTC" if subject.zone is UTC else "")  # nobody guesses that a bare time is not theirs


def _customer(subject: Subject, field: str) -> str:
    customer = subject.context.identity.customer
    return (getattr(customer, field) or "") if customer else ""


def _reason(subject: Subject) -> Reason:
    return subject.context.reasons[0]


_VALUES: dict[str, Callable[[Subject], str]] = {
    "touch.campaign": lambda s: s.touch.campaign_title or s.touch.campaign if s.touch else "",
    "touch.campaign_key": lambda s: s.touch.campaign if s.touch else "",
    "touch.medium": lambda s: s.touch.medium.value if s.touch else "",
    "touch.status": lambda s: s.touch.status.value if s.touch else "",
    "touch.age": lambda s: age_in_words(s.now - s.touch.sent_at, s.language) if s.touch else "",
    "touch.sent_at": lambda s: _moment(s.touch.sent_at, s) if s.touch else "",
    "touch.offer.title": lambda s: s.touch.offer.title if s.touch else "",
    "touch.offer.text": lambda s: s.touch.offer.text if s.touch else "",
    "touch.offer.terms": lambda s: s.touch.offer.terms if s.touch else "",
    "interaction.title": lambda s: s.interaction.title or s.interaction.topic if s.interaction else "",
    "interaction.topic": lambda s: s.interaction.topic if s.interaction else "",
    "interaction.medium": lambda s: s.interaction.medium.value if s.interaction else "",
    "interaction.status": lambda s: s.interaction.status.value if s.interaction else "",
    "interaction.owner": lambda s: s.interaction.owner or "" if s.interaction else "",
    "interaction.outcome": lambda s: s.interaction.outcome if s.interaction else "",
    "interaction.age": lambda s: age_in_words(s.now - s.interaction.updated_at, s.language) if s.interaction else "",
    "interaction.updated_at": lambda s: _moment(s.interaction.updated_at, s) if s.interaction else "",
    "reason.title": lambda s: _reason(s).label if s.context.reasons else "",
    "reason.key": lambda s: _reason(s).key if s.context.reasons else "",
    "reason.medium": lambda s: _reason(s).medium.value if s.context.reasons else "",
    "reason.age": lambda s: age_in_words(s.now - _reason(s).since, s.language) if s.context.reasons else "",
    "reason.confidence": lambda s: f"{_reason(s).confidence:.0%}" if s.context.reasons else "",
    "customer.name": lambda s: _customer(s, "name"),
    "customer.id": lambda s: _customer(s, "customer_id"),
    "customer.language": lambda s: _customer(s, "language"),
    "caller.number": lambda s: display_phone(phone) if (phone := s.context.request.caller.phone) else s.context.request.caller.raw,
    "caller.phone": lambda s: s.context.request.caller.phone or "",
    "caller.name": lambda s: s.context.request.caller.name,
    "caller.country": lambda s: s.context.request.caller.country or "",
    "dialed": lambda s: s.context.request.dialed,
    "call.id": lambda s: s.context.request.call_id,
}


def _attributes(subject: Subject) -> Mapping[str, str]:
    customer = subject.context.identity.customer
    return customer.attributes if customer else {}


# Names whose last part is the company's own.
_FAMILIES: dict[str, Callable[[Subject], Mapping[str, str]]] = {
    "touch.offer.": lambda s: s.touch.offer.fields if s.touch else {},
    "interaction.form.": lambda s: s.interaction.form if s.interaction else {},
    "customer.attributes.": _attributes,
}
NAMES = (*_VALUES, *(f"{family}<name>" for family in _FAMILIES))  # as docs and hints show them


def mistakes(template: str) -> list[TemplateMistake]:
    """Return what is wrong with a template; empty: it can be filled."""
    if len(template) > MAX_TEMPLATE:
        return [TemplateMistake(0, f"a text has at most {MAX_TEMPLATE:,} characters", "", "shorten it")]
    found: list[TemplateMistake] = []
    for token in _TOKEN.finditer(template):
        if token[0] in {"{{", "}}"}:
            continue
        if token[1] is None:
            found.append(TemplateMistake(token.start(), "a brace without its partner", token[0], "write {{ or }} for the brace itself"))
        elif _getter(token[1].strip()) is None:
            hint = (
                did_you_mean(token[1].strip(), NAMES)
                or "names begin with touch., interaction., reason., customer., caller., or are dialed, call.id"
            )
            found.append(TemplateMistake(token.start(), "there is no such name for a text", token[0], hint))
    return found


def names_in(template: str) -> tuple[str, ...]:
    """Return the names in a template, in order."""
    return tuple(token[1].strip() for token in _TOKEN.finditer(template) if token[1] is not None)


def url_mistakes(template: str) -> list[TemplateMistake]:
    """Return what is wrong with a template of a URL: https only, the host is fixed."""
    found = mistakes(template)
    outside = _TOKEN.sub("x", template)
    host = re.split(r"[/?#]", template.partition("://")[2], maxsplit=1)[0]
    if not _URL.fullmatch(outside) or "{" in host:
        hint = "write https://host/path; names in braces come after the host only"
        found.append(TemplateMistake(0, "expected an https address with a fixed host", template[:60], hint))
    return found


def fill(template: str, subject: Subject) -> str:
    """Return the text with its values, for a screen that shows it as text."""
    return _fill(template, subject, _one_line, tidy=True)


def fill_markdown(template: str, subject: Subject) -> str:
    """Return Markdown with its values; a value cannot be markup."""
    return _fill(template, subject, lambda value: _MARKDOWN.sub(r"\\\1", _one_line(value)), tidy=False)


def fill_url(template: str, subject: Subject) -> str:
    """Return the address with every value percent-encoded."""
    return _fill(template, subject, lambda value: quote(_one_line(value), safe=""), tidy=False)


def fill_value(template: str, subject: Subject) -> str:
    """Return the value of a channel variable: what is outside its alphabet is dropped, the rest cut to 128."""
    return to_alphabet(_fill(template, subject, lambda value: value, tidy=False))


def fill_words(template: str, subject: Subject) -> str:
    """Return a name made of words: of values only letters, digits, _ and - are taken; "" when one of them has none."""
    missing = False

    def word(value: str) -> str:
        nonlocal missing
        kept = _NOT_WORD.sub("", value)
        missing = missing or not kept
        return kept

    filled = to_alphabet(_fill(template, subject, word, tidy=False))
    return "" if missing else filled


def pick(texts: Mapping[str, str], language: str) -> str:
    """Return the text for a language: that language, its base, the one for all, English, any; "" when there is none."""
    for key in (language, language.partition("-")[0], "", "en"):
        if key in texts:
            return texts[key]
    return next(iter(texts.values()), "")


def _one_line(value: str) -> str:
    return clean(value.replace("\n", " "), MAX_FILLED_VALUE)


def _fill(template: str, subject: Subject, escape: Callable[[str], str], *, tidy: bool) -> str:
    missing = False

    def value(token: re.Match[str]) -> str:
        nonlocal missing
        if token[1] is None:
            return token[0][0]
        getter = _getter(token[1].strip())
        filled = getter(subject) if getter else ""
        missing = missing or not filled
        return escape(filled)

    filled = _TOKEN.sub(value, template)
    if tidy and missing:
        filled = _SPACE_BEFORE.sub("", _SPACES.sub(" ", filled)).strip()
    return filled


def _getter(name: str) -> Callable[[Subject], str] | None:
    """Return what gives the value of a name, or None when there is no such name."""
    if name in _VALUES:
        return _VALUES[name]
    for family, values in _FAMILIES.items():
        field = name.removeprefix(family)
        if field != name and _FIELD_NAME.fullmatch(field):
            return lambda subject: values(subject).get(field, "")
    return None
