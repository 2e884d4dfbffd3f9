"""A YAML file that describes how one source writes its files: column names, timezone, encoding. Read once, named in every import.

columns: {phone: MSISDN, sent_at: Sent}
timezone: Europe/Kyiv
delimiter: ";"
max_rejects: 1%
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ctiroute.documents import Mapping, Node, Scalar, choice, fields, load, mapping_of, refuse, text
from ctiroute.errors import ConfigurationError, Fault
from ctiroute.model import Medium
from ctiroute.store.importing.mapping import CUSTOMER_COLUMNS, TOUCH_COLUMNS, is_own_kind
from ctiroute.store.importing.run import ImportOptions

if TYPE_CHECKING:
    from datetime import tzinfo
    from pathlib import Path


def read_profile(path: Path, kind: str) -> ImportOptions:
    """Return the options in a profile; `kind` is "touches" or "customers". Raises `ConfigurationError` with every fault and its place."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigurationError([Fault(str(path), 0, 0, f"cannot be read: {error.strerror or error}")]) from error
    tree = load(content, str(path))
    if isinstance(tree, Scalar) and tree.value is None:
        tree = Mapping({}, str(path), 0, 0)
    known = choice(*TOUCH_COLUMNS) if kind == "touches" else _customer_column
    with fields(tree, "an import profile") as f:
        columns = f.get("columns", mapping_of(text, key=known), {})
        timezone = f.get("timezone", _zone, ImportOptions().timezone)
        medium = f.get("medium", choice(*(medium.value for medium in Medium)), Medium.SMS.value)
        campaign = f.get("campaign", text, "")
        encoding = f.get("encoding", text, None)
        delimiter = f.get("delimiter", _delimiter, None)
        most, percent = f.get("max_rejects", _limit, (100, None))
    return ImportOptions(
        columns=columns,
        timezone=timezone,
        medium=Medium(medium),
        campaign=campaign,
        encoding=encoding,
        delimiter=delimiter,
        max_rejects=most,
        max_rejects_percent=percent,
    )


def parse_limit(written: str) -> tuple[int, float | None]:
    """Return "100" as (100, None) and "1%" as (0, 1.0). Raises `ValueError` for anything else."""
    found = re.fullmatch(r"([0-9]{1,9})|(100|[0-9]{1,2}(?:\.[0-9]{1,3})?)%", written, re.ASCII)
    if found is None:
        raise ValueError(f"{written!r} is no limit: write a number of rows, 100, or a part of all, 1%")
    return (int(found[1]), None) if found[1] else (0, float(found[2]))


def _customer_column(node: Node) -> str:
    name = text(node)
    return name if is_own_kind(name) else choice(*CUSTOMER_COLUMNS)(node)


def _limit(node: Node) -> tuple[int, float | None]:
    try:
        return parse_limit(text(node))
    except ValueError:
        refuse(node, "expected a number of rows or a percentage", "write 100 or 1%")


def _zone(node: Node) -> tzinfo:
    name = text(node)
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        refuse(node, "expected a timezone", "write it as Europe/Kyiv")


def _delimiter(node: Node) -> str:
    found = node.value if isinstance(node, Scalar) else None
    if not isinstance(found, str) or len(found) != 1:
        refuse(node, "expected one character", r'write it in quotes: "," ";" "|" or "\t"')
    return found
