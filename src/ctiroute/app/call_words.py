"""What is written into an interaction about a call, in the language of the service. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctiroute.model import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ctiroute.model import Attribution, WrapUp

_WORDS: Mapping[str, Mapping[Outcome | None, str]] = {
    "en": {
        Outcome.ANSWERED: "answered by {who}, {talked}",
        Outcome.ABANDONED: "hung up after waiting {waited}",
        Outcome.DEFAULTED: "took the ordinary way",
        Outcome.UNKNOWN: "ended out of our sight",
        None: "ended",
    },
    "uk": {
        Outcome.ANSWERED: "відповів(ла) {who}, {talked}",
        Outcome.ABANDONED: "клієнт поклав слухавку, чекавши {waited}",
        Outcome.DEFAULTED: "пішов звичайним шляхом",
        Outcome.UNKNOWN: "завершився поза нашою видимістю",
        None: "завершився",
    },
}


def of_call(attribution: Attribution, language: str) -> str:
    """Return how a call went."""
    words = _WORDS.get(language, _WORDS["en"])
    who = attribution.operator_id or attribution.queue or "?"
    return words[attribution.outcome].format(who=who, talked=clock(attribution.talked_s), waited=clock(attribution.waited_s))


def of_wrap_up(wrap_up: WrapUp) -> str:
    """Return what an operator noted, the code first."""
    return " · ".join(part for part in (wrap_up.code, wrap_up.note.strip()) if part)


def clock(seconds: float) -> str:
    """Return a length of time as a clock shows it: 3:05, 1:00:00."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
