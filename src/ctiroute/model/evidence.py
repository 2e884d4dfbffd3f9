"""Why an identifier is thought to be a customer's, and how likely that makes each of several candidates."""

from __future__ import annotations

from datetime import datetime

from ctiroute.model.value import Value


class Claim(Value, frozen=True):
    """One source's word that an identifier is a customer's. Several sources may say so, and others that it is somebody else's."""

    source: str  # "import" or "import:NAME" for files, a connector's name, "operator"
    verified_at: datetime | None = None  # aware, UTC: since when the source has made sure; None: it only says so
    seen_at: datetime | None = None  # aware, UTC: when it last said so; None: not known
    by: str = ""  # Operator.operator_id of who said so; "": a program


OPERATOR = "operator"  # Claim.source of what an operator found out in a call
IMPORTED = Claim("import")  # the company's own file that says no more; what a link is worth of which no claim is kept


class Candidate(Value, frozen=True):
    """One who may be calling, how likely, and on what evidence."""

    customer_id: str
    confidence: float  # 0..1, see `model.confidence`; those of all candidates sum to less than 1: it may be somebody else
    claims: tuple[Claim, ...] = ()  # that the number is this customer's, the strongest first
    last_contact_at: datetime | None = None  # aware, UTC; None: nothing is known of one


class Denial(Value, frozen=True):
    """An operator's word that an identifier is not a customer's. No source brings the link back; a confirmation does."""

    at: datetime  # aware, UTC
    by: str  # Operator.operator_id, or the name of an API key
