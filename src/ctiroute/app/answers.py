"""What operators say on a pop beside notes: why the customer called, what became of a proposal. Kept, and shown to whoever comes next.

Knows the store and the files of calls, and no screens.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from ctiroute.app.matches import Matches, without
from ctiroute.errors import StoreError
from ctiroute.model import ProposalFate
from ctiroute.model.proposal import subjects_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from ctiroute.app.call_files import CallFile
    from ctiroute.app.reasons import ReasonKeeper
    from ctiroute.app.tasks import Tasks
    from ctiroute.model import Fate, Offer, ReasonKind
    from ctiroute.store.base import Store

    Amend = Callable[[str, Callable[[CallFile], CallFile]], None]  # call_id, what to make of its file

log = logging.getLogger(__name__)


class Floor(Protocol):
    """The live floor, as far as answers change it."""

    def about(self, operator_id: str, pop_id: str) -> tuple[Offer, CallFile | None] | None:
        """Return the offer of a pop and the file of the call it is about; None when the pop is not this operator's."""

    def amend(self, call_id: str, change: Callable[[CallFile], CallFile]) -> None:
        """Change a call's file, if it is still there, and bring the pops about it up to date."""


class Answers:
    """Takes operators' answers, and finds those of before."""

    def __init__(self, store: Store, reasons: ReasonKeeper, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._reasons = reasons
        self._clock = clock
        self._asked: set[str] = set()  # calls whose fates are being read
        self._floor: Floor | None = None
        self._matches = Matches(store, clock)

    def attach(self, floor: Floor) -> None:
        """Name the floor whose pops are answered."""
        self._floor = floor

    def find_fates(self, file: CallFile, amend: Amend, tasks: Tasks) -> None:
        """Look for what became of proposals to this caller before, unless that is known or being looked for."""
        call_id = file.context.request.call_id
        if file.fates is None and file.plan.offers and call_id not in self._asked:
            self._asked.add(call_id)
            tasks.start(self._find_fates(call_id, subjects_of(file.context), amend), f"proposals of {call_id}")

    async def found(self, operator_id: str, pop_id: str, kind: ReasonKind, about_id: str) -> bool:
        """Take the operator's word for why the customer called; False when the pop or the candidate is not his to choose."""
        floor, file = self._file(operator_id, pop_id)
        confirmed = None if file is None else await self._reasons.confirm(file.context, operator_id, kind, about_id)
        if floor is None or confirmed is None:
            return False
        floor.amend(confirmed.call_id, lambda current: replace(current, reason_found=about_id))
        return True

    async def proposed(self, operator_id: str, pop_id: str, proposal: str, fate: Fate) -> bool:
        """Keep what became of a proposal; False when the pop is not his, it was not proposed there, or nobody knows who calls."""
        floor, file = self._file(operator_id, pop_id)
        if floor is None or file is None:
            return False
        subjects = subjects_of(file.context)
        if not subjects or proposal not in {one.key for one in file.plan.offers}:
            return False
        call_id = file.context.request.call_id
        noted = ProposalFate(subjects[0], proposal, fate, self._clock(), operator_id, call_id)
        await self._store.put_proposal_fates([noted])

        def with_fate(current: CallFile) -> CallFile:
            others = tuple(one for one in current.fates or () if one.proposal != proposal)
            return replace(current, fates=(noted, *others))

        floor.amend(call_id, with_fate)
        return True

    def chosen(self, file: CallFile, customer_id: str, operator_id: str, tasks: Tasks) -> None:
        """Write back which of several candidates the operator found to be calling."""
        self._matches.chosen(file.context, customer_id, operator_id, tasks)

    async def wrong(self, operator_id: str, pop_id: str, customer_id: str) -> bool:
        """Take the operator's word that a customer is not who calls; False when the pop is not his, or shows no such customer."""
        floor, file = self._file(operator_id, pop_id)
        if floor is None or file is None or customer_id not in {each.customer_id for each in file.context.identity.customers}:
            return False
        if not await self._matches.wrong(file.context, customer_id, operator_id):
            return False
        call_id = file.context.request.call_id
        floor.amend(call_id, lambda current: replace(current, context=without(current.context, customer_id)))
        return True

    def _file(self, operator_id: str, pop_id: str) -> tuple[Floor | None, CallFile | None]:
        floor = self._floor
        _, file = (floor.about(operator_id, pop_id) if floor is not None else None) or (None, None)
        return floor, file

    async def _find_fates(self, call_id: str, subjects: tuple[str, ...], amend: Amend) -> None:
        try:
            fates = await self._store.proposal_fates(subjects) if subjects else []
        except StoreError as error:  # they are shown as if nothing were known
            log.warning("what became of proposals cannot be read: %s", error)
            fates = []
        finally:
            self._asked.discard(call_id)
        latest = {one.proposal: one for one in reversed(fates)}
        amend(call_id, lambda current: replace(current, fates=current.fates if current.fates is not None else tuple(latest.values())))
