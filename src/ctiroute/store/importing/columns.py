"""Rows of cells -> columns of touches, for rows that are like most. Pure. Refuses nothing: what is not surely right is for the row parser.

What `touch_parser` does with a row, cell by cell, is done here with a column at a time, at a fraction of the price: a value that many rows
share is read once, and what is left for each row is mostly one call of a function written in C. Both give the same touches; a row that
would be refused, or whose cells need more than one look, is named as odd and left out.
"""

from __future__ import annotations

from itertools import compress
from json.encoder import encode_basestring as quoted  # as `values` does
from operator import add
from typing import TYPE_CHECKING, Any

from ctiroute.store.importing.numbers import column_reader
from ctiroute.store.importing.values import (
    EMAIL,
    MAX_KEY,
    MEDIA,
    PHONE,
    SENT,
    STATUSES,
    Refused,
    digest_id,
    email_of,
    furthest,
    latest_of,
    limits_of,
    moment_of,
    start_of_external_id,
)
from ctiroute.store.touch_columns import Column, TouchColumns, is_same

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ctiroute.store.importing.mapping import Columns
    from ctiroute.store.importing.values import Defaults

_REMEMBERED = 65_536  # cells of a kind: messages go out many a second
_ODD = object()  # in the place of a value: the row parser is to look at that row


class _Read(dict[str, Any]):
    """What cells of a kind mean, each read once. A dictionary, because nothing is quicker."""

    def __init__(self, read: Callable[[str], object]) -> None:
        super().__init__()
        self._read = read

    def __missing__(self, cell: str) -> object:
        text = cell.strip()
        try:
            found = self._read(text) if len(text) <= MAX_KEY else _ODD
        except Refused:
            found = _ODD
        if len(cell) <= MAX_KEY:  # longer ones would fill the memory, and no two of them are alike
            if len(self) >= _REMEMBERED:
                self.clear()
            self[cell] = found
        return found

    def column(self, cells: Column) -> list[Any]:
        """Return what the cells of a column mean."""
        return [self[cells[0]]] * len(cells) if is_same(cells) else [*map(self.__getitem__, cells)]


def column_parser(columns: Columns, defaults: Defaults) -> Callable[[Sequence[Column], int], tuple[TouchColumns, list[int]]]:
    """Return what makes touches of the columns of so many rows: those of most rows, and the places of the rows that are left out."""
    own_id, external_id, phone, email, campaign, medium, sent = map(
        columns.at, ("touch_id", "external_id", "phone", "email", "campaign", "medium", "sent_at")
    )
    customer_id, title, text, terms, campaign_title = map(columns.at, ("customer_id", "title", "text", "terms", "campaign_title"))
    # Of an address beside a phone nothing but its length is looked at.
    texts = {email, own_id, external_id, customer_id, title, text, terms, campaign_title, *(index for _, index in columns.others)} - {-1}
    limits = {index: min(limit for _, at, limit in limits_of(columns) if at == index) for index in texts}
    fields, numbers = _fields(columns), column_reader(defaults.region)
    latest, given_campaign, given_medium = latest_of(defaults), defaults.campaign, defaults.medium.value

    def campaign_of(cell: str) -> object:
        key = cell or given_campaign
        return _ODD if not key or (defaults.only_campaign and key != given_campaign) else key

    def medium_of(cell: str) -> object:
        by = cell.lower() or given_medium
        return by if by in MEDIA else _ODD

    def phones(cells: Column) -> Column:
        found = numbers(cells)
        return [_ODD if number is None else number for number in found] if None in found else found

    def sent_of(cell: str) -> object:
        at = moment_of(cell, "sent_at", defaults)
        return at if at <= latest else _ODD

    campaigns, media, moments, emails = _Read(campaign_of), _Read(medium_of), _Read(sent_of), _Read(email_of)
    progress = _progress(columns, defaults)

    def parse(table: Sequence[Column], count: int) -> tuple[TouchColumns, list[int]]:
        if not count:
            return TouchColumns.of(()), []
        cells: list[Column] = [*table, [""] * count]
        by_phone = phone >= 0 and any(cells[phone])
        checked: list[Column] = [
            phones(cells[phone]) if by_phone else emails.column(cells[email]),
            campaigns.column(cells[campaign]),
            media.column(cells[medium]),
            moments.column(cells[sent]),
            *progress(cells),
        ]
        odd = {place for column in checked if _ODD in column for place, value in enumerate(column) if value is _ODD}
        for index, limit in limits.items():
            cells[index] = _each(str.strip, cells[index])
            if max(map(len, cells[index])) > limit:
                odd.update(place for place, cell in enumerate(cells[index]) if len(cell) > limit)
        if odd:
            kept = [place not in odd for place in range(count)]
            cells = [[*compress(column, kept)] for column in cells]
            checked = [[*compress(column, kept)] for column in checked]
            count -= len(odd)
        values, keys, by, times, *got = checked
        kind = PHONE if by_phone else EMAIL
        their_ids = _ids(cells[own_id], cells[external_id], keys, kind, values, times)
        customers = [cell or None for cell in cells[customer_id]]
        offers = cells[title], cells[text], cells[terms], fields(cells), cells[campaign_title]
        return TouchColumns((their_ids, [kind] * count, values, keys, by, times, *got, customers, *offers)), sorted(odd)

    return parse


def _each(make: Callable[[str], str], column: Column) -> list[str]:
    """Return what comes of each cell; of one that they all are, it is made once."""
    return [make(column[0])] * len(column) if is_same(column) else [*map(make, column)]


def _ids(own: Column, theirs: Column, campaigns: Column, kind: str, values: Column, times: Column) -> Column:
    """Return the ids of touches: their own, or their external ids within the campaign, or what they are made of."""
    if "" not in own:
        return own
    if "" not in theirs and not any(own):
        return [*map(add, _Read(start_of_external_id).column(campaigns), theirs)]
    return [
        touch_id or (start_of_external_id(campaign) + external_id if external_id else digest_id(campaign, kind, value, sent_at))
        for touch_id, external_id, campaign, value, sent_at in zip(own, theirs, campaigns, values, times, strict=True)
    ]


def _progress(columns: Columns, defaults: Defaults) -> Callable[[Sequence[Column]], Sequence[Column]]:
    """Return what finds how far touches got: columns of statuses, and of three times."""
    status, *places = map(columns.at, ("status", "delivered_at", "read_at", "clicked_at"))

    def status_of(cell: str) -> object:
        given = cell.lower()
        return given if not given or given in STATUSES else _ODD

    statuses = _Read(status_of)
    moments = _Read(lambda cell: moment_of(cell, "", defaults) if cell else None)

    def got(cells: Sequence[Column]) -> Sequence[Column]:
        told = [moments.column(cells[place]) for place in places]
        return [*map(furthest, statuses.column(cells[status]), *told)], *told

    def none(cells: Sequence[Column]) -> Sequence[Column]:
        return [[value] * len(cells[-1]) for value in SENT]

    return none if status == max(places) == -1 else got


def _fields(columns: Columns) -> Callable[[Sequence[Column]], Column]:
    """Return what makes JSON objects of the columns nobody knows; empty cells are left out."""
    others = [(quoted(name) + ":", index) for name, index in columns.others]

    def fields(cells: Sequence[Column]) -> Column:
        count = len(cells[-1])
        named = [(name, cells[index]) for name, index in others if cells[index].count("") < count]
        if not named:
            return ["{}"] * count
        whole = "{" + ",".join(name.replace("%", "%%") + "%s" for name, _ in named) + "}"
        if not any("" in column for _, column in named):
            return [*map(whole.__mod__, zip(*(_each(quoted, column) for _, column in named), strict=True))]
        parts = [[cell and name + quoted(cell) for cell in column] for name, column in named]
        return ["{" + ",".join(filter(None, row)) + "}" for row in zip(*parts, strict=True)]

    return fields
