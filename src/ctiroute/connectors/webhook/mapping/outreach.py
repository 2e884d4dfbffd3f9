"""`receipt:` and `touch:` of a mapping: what a payload tells of something that was sent -> `Receipt`, `Touch`."""

from __future__ import annotations

from collections.abc import Mapping as Map
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ctiroute.connectors.webhook.mapping.conversions import Reading, one_line, tidy
from ctiroute.connectors.webhook.mapping.sharing import MAX_LINE, Useless, id_of, moment, short
from ctiroute.connectors.webhook.mapping.value import Value, read_value
from ctiroute.connectors.webhook.mapping.words import one_of
from ctiroute.documents import Node, Scalar, fields, mapping_of, refuse
from ctiroute.model import Medium, OfferTerms, Receipt, Touch, TouchStatus
from ctiroute.model.identifying import parse_identifier, parse_kind

if TYPE_CHECKING:
    from datetime import datetime

    from ctiroute.connectors.webhook.mapping.path import Place

MAX_TEXT = 4000  # characters of what was sent, and of its terms
MAX_FIELDS = 50


@dataclass(frozen=True, slots=True)
class ReceiptShape:
    """How a payload becomes a `Receipt`. Made by `read_receipt`."""

    touch_id: Value | None
    campaign: Value | None
    id: Value | None
    status: Value
    at: Value | None

    def make(self, place: Place, how: Reading, notes: list[str]) -> Receipt:
        """Return what is told. Raises `Useless`."""
        return Receipt(self._touch_id(place, how), status_of(self.status, place, how, "receipt"), self._at(place, how, notes))

    def _touch_id(self, place: Place, how: Reading) -> str:
        if self.touch_id is not None and (touch_id := self.touch_id.of(place, how)):
            return one_line(touch_id, MAX_LINE * 2)
        return touch_id_of(self.campaign, self.id, place, how, "receipt")

    def _at(self, place: Place, how: Reading, notes: list[str]) -> datetime:
        return moment(self.at, place, how, "receipt.at", notes)[0]


@dataclass(frozen=True, slots=True)
class TouchShape:
    """How a payload becomes a `Touch`. Made by `read_touch`."""

    campaign: Value
    id: Value
    to: Map[str, Value]
    medium: Value
    status: Value | None
    sent_at: Value | None
    texts: Map[str, Value]  # title, text, terms
    fields: Map[str, Value]

    def make(self, place: Place, how: Reading, notes: list[str]) -> Touch:
        """Return what is told. Raises `Useless`."""
        touch_id = touch_id_of(self.campaign, self.id, place, how, "touch")
        medium = self.medium.of(place, how)
        if medium not in set(Medium):
            raise Useless(f"touch.medium: {medium or 'nothing'} is no medium")
        for kind, value in self.to.items():
            if written := value.of(place, how):
                try:
                    identifier = parse_identifier(kind, written, how.region)
                except ValueError as error:
                    raise Useless(f"touch.to.{kind}: {short(written)} {error}") from None
                break
        else:
            raise Useless("touch.to: nobody is named")
        texts = {name: tidy(value.of(place, how) or "", MAX_TEXT) for name, value in self.texts.items()}
        given = {name: tidy(found, MAX_LINE) for name, value in self.fields.items() if (found := value.of(place, how))}
        return Touch(
            touch_id=touch_id,
            campaign=self.campaign.of(place, how) or "",
            campaign_title="",
            medium=Medium(medium),
            identifier=identifier,
            sent_at=moment(self.sent_at, place, how, "touch.sent_at", notes)[0],
            status=TouchStatus.SENT if self.status is None else status_of(self.status, place, how, "touch"),
            offer=OfferTerms(texts.get("title", ""), texts.get("text", ""), texts.get("terms", ""), given),
        )


TEXTS = ("title", "text", "terms")


def read_receipt(node: Node) -> ReceiptShape:
    """Return what a file says under `receipt`. Raises `ConfigurationError`."""
    with fields(node, "receipt") as f:
        touch_id = f.get("touch_id", read_value, None)
        campaign = f.get("campaign", read_value, None)
        external_id = f.get("id", read_value, None)
        status = f.require("status", one_of(*TouchStatus))
        at = f.get("at", read_value, None)
        if touch_id is None and "touch_id" not in f and (campaign is None or external_id is None):
            f.wrong(node, "names no touch", "write touch_id, or campaign and id")
    return ReceiptShape(touch_id, campaign, external_id, status, at)


def read_touch(node: Node) -> TouchShape:
    """Return what a file says under `touch`. Raises `ConfigurationError`."""
    with fields(node, "touch") as f:
        campaign = f.require("campaign", read_value)
        external_id = f.require("id", read_value)
        to = f.require("to", mapping_of(read_value, key=_kind))
        medium = f.require("medium", one_of(*Medium))
        status = f.get("status", one_of(*TouchStatus), None)
        sent_at = f.get("sent_at", read_value, None)
        texts = {name: f.get(name, read_value, None) for name in TEXTS}
        given = f.get("fields", mapping_of(read_value), {})
    return TouchShape(
        campaign, external_id, to, medium, status, sent_at, {name: one for name, one in texts.items() if one is not None}, given
    )


def touch_id_of(campaign: Value | None, external_id: Value | None, place: Place, how: Reading, field: str) -> str:
    """Return the store's id of the touch. Raises `Useless`."""
    key = campaign.of(place, how) if campaign is not None else None
    theirs = id_of(external_id.of(place, how)) if external_id is not None else ""
    if not key or not theirs:
        raise Useless(f"{field}.{'id' if key else 'campaign'}: nothing is there")
    return how.touch_id(one_line(key, MAX_LINE), theirs)


def status_of(value: Value, place: Place, how: Reading, field: str) -> TouchStatus:
    """Return how far the touch got. Raises `Useless`."""
    written = value.of(place, how)
    if written not in set(TouchStatus):
        raise Useless(f"{field}.status: {short(written) if written else 'nothing'} is no status of a touch")
    return TouchStatus(written)


def _kind(key: Scalar) -> str:
    try:
        return parse_kind(key.text)
    except ValueError as error:
        refuse(key, str(error))
