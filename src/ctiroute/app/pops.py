"""Offer + call file + language -> the ScreenPop as one operator sees it. No state, no I/O."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, timedelta
from typing import TYPE_CHECKING

from ctiroute.model import Fate, IdentityKind, ReasonChip, ReasonKind, ScreenPop, ShownProposal, Touch
from ctiroute.model.phone import display_phone
from ctiroute.reasons import among
from ctiroute.rules.template import Subject, fill, fill_markdown, fill_url, pick

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, tzinfo

    from ctiroute.app.call_files import CallFile
    from ctiroute.model import CallbackPromise, CallerContext, Offer

# A sentence for a rule without a headline, by what is known. The operator must read something true in the first second.
_SENTENCES: Mapping[str, Mapping[ReasonChip, str]] = {
    "en": {
        ReasonChip.CAMPAIGN: "May be calling about “{touch.offer.title}”, sent {touch.age} ago",
        ReasonChip.REQUEST: "Has an open request: {interaction.title}",
        ReasonChip.VIP: "Important customer",
        ReasonChip.REPEAT: "Calls again",
    },
    "uk": {
        ReasonChip.CAMPAIGN: "Можливо, щодо «{touch.offer.title}», надіслано {touch.age} тому",
        ReasonChip.REQUEST: "Має відкрите звернення: {interaction.title}",
        ReasonChip.VIP: "Важливий клієнт",
        ReasonChip.REPEAT: "Телефонує повторно",
    },
}


_CHOSEN: Mapping[str, str] = {"en": "It is {customer.name}, as you said", "uk": "Це {customer.name}, як ви зазначили"}

_PROMISED: Mapping[str, str] = {
    "en": "Callback promised for {time}, by {who}",
    "uk": "Дзвінок, обіцяний на {time}; обіцяв(-ла) {who}",
}

# What one operator reads in a call; more would only make the message heavy. The store has it all.
MAX_RULES = 40
MAX_FACTS = 12  # touches, interactions, calls, each
MAX_TEXT = 700  # characters of a message as it was sent
MAX_PROPOSALS = 5  # more are not proposed in one call
LIKELY = 0.5  # from here on a reason stands in the headline of a call that the rules laid to nothing


def build(offer: Offer, file: CallFile | None, language: str, now: datetime, zone: tzinfo = UTC) -> ScreenPop:
    """Return what one operator sees of one offer; `now` (aware) is when the phone rang, `zone` the one in which times are written.

    Without a file the context is still on its way: the pop shows a skeleton and a later revision fills it.
    """
    if file is None:
        return ScreenPop(
            offer=offer, context=None, caller_number="", headline="", chip=ReasonChip.NONE, opening="", script="", fields=(), url="",
            rule=None, rules=(), sources=(), touch_id=None, interaction_id=None,
        )  # fmt: skip
    context, plan = file.context, file.plan
    chosen = context.identity.kind is IdentityKind.KNOWN and len(context.identity.customers) > 1
    touch_id, interaction_id = _about(file)
    subject = Subject.of(context, touch_id, interaction_id, now, language, zone)
    chip = _chip(file)
    return ScreenPop(
        offer=offer,
        context=_for_screen(context),
        caller_number=number_of(context),
        headline=_promised(file.callback, language, now, zone)
        if file.callback is not None
        else fill(_CHOSEN.get(language, _CHOSEN["en"]) if chosen else pick(plan.headline, language) or _sentence(chip, language), subject),
        chip=chip,
        opening="" if chosen else fill(pick(plan.opening, language), subject),
        script=fill_markdown(pick(plan.script, language), subject),
        fields=tuple((label, value) for label, template in plan.fields if (value := fill(template, subject))),
        url=fill_url(plan.url, subject) if plan.url else "",
        rule=file.rule,
        rules=file.rules[-MAX_RULES:],
        rules_before=max(0, len(file.rules) - MAX_RULES),
        sources=context.sources,
        touch_id=_found(file, ReasonKind.TOUCH, touch_id),
        interaction_id=_found(file, ReasonKind.INTERACTION, interaction_id),
        reason_found=file.reason_found,
        offers=() if chosen else _proposals(file, subject, now),
        tags=file.tags,
        callback=file.callback,
    )


def _promised(promise: CallbackPromise, language: str, now: datetime, zone: tzinfo) -> str:
    at, today = promise.promised_at.astimezone(zone), now.astimezone(zone).date()
    time = f"{at:%H:%M}" if at.date() == today else f"{at:%d.%m %H:%M}"
    return _PROMISED.get(language, _PROMISED["en"]).format(time=time, who=promise.ordered_by)


def words_of(file: CallFile, language: str, now: datetime, zone: tzinfo = UTC) -> tuple[str, str]:
    """Return what an operator would read first: the headline, and the suggested first step."""
    subject = Subject.of(file.context, file.touch_id, file.interaction_id, now, language, zone)
    sentence = pick(file.plan.headline, language) or _sentence(_chip(file), language)
    return fill(sentence, subject), fill(pick(file.plan.opening, language), subject)


def _for_screen(context: CallerContext) -> CallerContext:
    """Return the context as far as a screen shows it: not too much of it, and once a candidate is chosen only what is his."""
    identity = context.identity
    if identity.kind is IdentityKind.KNOWN and len(identity.customers) > 1:
        his = {None, identity.customers[0].customer_id}
        context = replace(
            context,
            touches=tuple(it for it in context.touches if it.customer_id in his),
            interactions=tuple(it for it in context.interactions if it.customer_id in his),
        )
        left = {*(it.touch_id for it in context.touches), *(it.interaction_id for it in context.interactions)}
        context = replace(context, reasons=among(context.reasons, left))
    touches = [
        touch
        if len(touch.offer.text) <= MAX_TEXT
        else replace(touch, offer=replace(touch.offer, text=touch.offer.text[: MAX_TEXT - 1] + "…"))
        for touch in context.touches[:MAX_FACTS]
    ]
    return replace(context, touches=tuple(touches), interactions=context.interactions[:MAX_FACTS], calls=context.calls[:MAX_FACTS])


def number_of(context: CallerContext) -> str:
    """Return the caller's number as people write it; "" when it is withheld."""
    caller = context.request.caller
    if caller.phone is not None:
        return display_phone(caller.phone)
    return "" if caller.withheld else caller.raw


def _about(file: CallFile) -> tuple[str | None, str | None]:
    """Return the touch and the interaction the call is about: as the rules found, else the likeliest reason if it is likely."""
    reasons = file.context.reasons
    if file.touch_id is None and file.interaction_id is None and reasons and reasons[0].confidence >= LIKELY:
        return reasons[0].touch_id, reasons[0].interaction_id
    return file.touch_id, file.interaction_id


def _found(file: CallFile, kind: ReasonKind, about_id: str | None) -> str | None:
    """Return what the call is about once an operator has said it, else what it was taken to be about."""
    if not file.reason_found:
        return about_id
    known = file.context.touches if kind is ReasonKind.TOUCH else file.context.interactions
    ids = {it.touch_id if isinstance(it, Touch) else it.interaction_id for it in known}
    return file.reason_found if file.reason_found in ids else None


def _proposals(file: CallFile, subject: Subject, now: datetime) -> tuple[ShownProposal, ...]:
    """Return what else may be proposed; none before it is known what became of it, or it would move under the operator's hand."""
    if file.fates is None:
        return ()
    fates = {one.proposal: one for one in file.fates}
    shown: list[ShownProposal] = []
    for one in file.plan.offers:
        fate = fates.get(one.key)
        over = fate is not None and fate.fate is not Fate.OFFERED and fate.call_id != file.context.request.call_id
        if fate is not None and over and now - fate.at < timedelta(seconds=one.again_s):
            continue
        title, text = (fill(pick(each, subject.language), subject) for each in (one.title, one.text))
        shown.append(ShownProposal(one.key, title, text, fate.fate if fate else None, fate.at if fate else None))
    return tuple(shown[:MAX_PROPOSALS])


def _chip(file: CallFile) -> ReasonChip:
    """Say what kind of reason stands first: what the rule was about, else what is known of the caller."""
    if file.touch_id is not None:
        return ReasonChip.CAMPAIGN
    if file.interaction_id is not None:
        return ReasonChip.REQUEST
    customer = file.context.identity.customer
    if customer is not None and customer.attributes.get("segment", "").lower() == "vip":
        return ReasonChip.VIP
    touch_id, interaction_id = _about(file)
    if touch_id is not None or interaction_id is not None:
        return ReasonChip.REQUEST if touch_id is None else ReasonChip.CAMPAIGN
    if file.context.calls and file.context.identity.kind is not IdentityKind.WITHHELD:
        return ReasonChip.REPEAT
    return ReasonChip.NONE


def _sentence(chip: ReasonChip, language: str) -> str:
    return _SENTENCES.get(language, _SENTENCES["en"]).get(chip, "")
