"""Which column of a file means what. Pure: header cells in, a mapping out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from ctiroute.errors import ImportRefused
from ctiroute.model.identity import OWN_KIND
from ctiroute.store.importing.rejects import REJECT_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Sequence

# Our name for a column -> what companies call it. Compared without case, with spaces and dashes as underscores.
TOUCH_COLUMNS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "touch_id": ("touch_id",),
        "external_id": ("external_id", "message_id", "id"),
        "phone": ("phone", "phone_number", "number", "msisdn", "tel", "telephone", "mobile", "to", "recipient", "телефон", "номер"),
        "email": ("email", "e_mail", "mail", "пошта", "почта"),
        "campaign": ("campaign", "campaign_key", "campaign_id", "campaign_name", "mailing", "кампанія", "кампания"),
        "campaign_title": ("campaign_title",),
        "medium": ("medium", "channel", "type", "канал"),
        "sent_at": (
            "sent_at",
            "sent",
            "send_time",
            "sent_time",
            "date",
            "datetime",
            "time",
            "timestamp",
            "дата",
            "надіслано",
            "отправлено",
        ),
        "delivered_at": ("delivered_at", "delivered", "delivery_time", "доставлено"),
        "read_at": ("read_at", "read", "opened_at", "opened", "прочитано"),
        "clicked_at": ("clicked_at", "clicked", "click_time"),
        "status": ("status", "state", "delivery_status", "статус"),
        "customer_id": ("customer_id", "customer", "client_id", "crm_id"),
        "title": ("title", "offer", "offer_title", "subject", "пропозиція", "предложение"),
        "text": ("text", "message", "body", "sms_text", "текст"),
        "terms": ("terms", "offer_terms", "conditions", "умови", "условия"),
    }
)
CUSTOMER_COLUMNS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "customer_id": ("customer_id", "id", "customer", "client_id", "crm_id"),
        "name": ("name", "full_name", "customer_name", "fio", "піб", "фио", "ім'я", "имя"),
        "language": ("language", "lang", "мова", "язык"),
        "phone": ("phone", "phone_number", "number", "msisdn", "tel", "telephone", "mobile", "phones", "телефон", "номер"),
        "email": ("email", "e_mail", "mail", "emails", "пошта", "почта"),
        "telegram": ("telegram", "telegram_id"),
        "visitor": ("visitor", "visitor_id"),
        "account": ("account", "account_number", "рахунок", "счет"),
    }
)
OWN = "identifier."  # before the kind, in a header and in a mapping
_REQUIRED: Mapping[str, tuple[tuple[str, ...], ...]] = MappingProxyType(
    {"touches": (("phone", "email"), ("campaign",), ("sent_at",)), "customers": (("customer_id",),)}
)


@dataclass(frozen=True, slots=True)
class Columns:
    """Where things stand in a row."""

    known: Mapping[str, int]  # our name -> index of the cell
    others: tuple[tuple[str, int], ...]  # header as written, index: offer fields or attributes

    def at(self, name: str) -> int:
        """Return the place of a cell by our name; -1, the empty last one, when the file has no such column."""
        return self.known.get(name, -1)


def map_columns(header: Sequence[str], kind: str, wanted: Mapping[str, str], given: Sequence[str] = ()) -> Columns:
    """Match a header to our names; `wanted` (our name -> header as written) goes before the aliases.

    `kind` is "touches" or "customers"; `given` are names that an option supplies for every row. Raises `ImportRefused`.
    """
    aliases = TOUCH_COLUMNS if kind == "touches" else CUSTOMER_COLUMNS
    plain = [_plain(cell) for cell in header]
    repeated = sorted({cell for cell in plain if cell and plain.count(cell) > 1})
    if repeated:
        raise ImportRefused(f"the header names a column twice: {', '.join(repeated)}; rename one of them")
    unknown = sorted(name for name in wanted if name not in aliases and not (kind == "customers" and is_own_kind(name)))
    if unknown:
        raise ImportRefused(f"no such column to map: {', '.join(unknown)}; there are {', '.join(aliases)}")
    known = _mapped(header, plain, wanted)
    if kind == "customers":
        known |= {
            cell.strip().lower(): at for at, cell in enumerate(header) if is_own_kind(cell.strip().lower()) and at not in known.values()
        }
    for name, words in aliases.items():
        index = next((plain.index(word) for word in words if word in plain and plain.index(word) not in known.values()), None)
        if name not in known and index is not None:
            known[name] = index
    for choice in _REQUIRED[kind]:
        if not any(name in known or name in given for name in choice):
            raise ImportRefused(
                f"the file has no column for {' or '.join(choice)}; its columns are {', '.join(header) or 'none'}; "
                f"name it with a mapping, as {choice[0]}=COLUMN"
            )
    taken = set(known.values())
    if tuple(plain[: len(REJECT_COLUMNS)]) == REJECT_COLUMNS:
        taken |= set(range(len(REJECT_COLUMNS)))  # a mended rejects file, imported again
    return Columns(known, tuple((cell.strip(), index) for index, cell in enumerate(header) if index not in taken and cell.strip()))


def _mapped(header: Sequence[str], plain: Sequence[str], wanted: Mapping[str, str]) -> dict[str, int]:
    known: dict[str, int] = {}
    for name, column in wanted.items():
        if _plain(column) not in plain:
            raise ImportRefused(f"the file has no column {column!r} (mapped to {name}); its columns are {', '.join(header)}")
        known[name] = plain.index(_plain(column))
    return known


def is_own_kind(name: str) -> bool:
    """Say whether a column is of identifiers of a kind of the company's own: "identifier.loyalty-card"."""
    return name.startswith(OWN) and OWN_KIND.fullmatch(name[len(OWN) :]) is not None


def _plain(cell: str) -> str:
    return cell.strip().lower().replace(" ", "_").replace("-", "_")
