"""Forms that operators fill in on their pops, and interactions that change elsewhere while a pop shows them.

What an operator writes is saved to the interaction if it still is what he saw; otherwise he is shown what it is now, and nothing is lost.
Whatever changes one, every pop that shows it gets its next revision: here at once, on other nodes when they hear of it.
"""

from __future__ import annotations

import logging
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from ctiroute.errors import StoreError
from ctiroute.model import Identifier, IdentifierKind, Intake, InteractionEvent, InteractionStatus
from ctiroute.web.api.interactions import announce
from ctiroute.web.wire import FormAnswer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from ctiroute.app.call_files import CallFile
    from ctiroute.app.floor import Floor
    from ctiroute.app.neighbours import Neighbours
    from ctiroute.app.tasks import Tasks
    from ctiroute.model import Announcer, Interaction
    from ctiroute.store.base import Store
    from ctiroute.web.wire import FormEdit

log = logging.getLogger(__name__)

_UNSAFE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")  # as frontend/src/clean.ts has it
MAX_SHOWN = 20  # interactions of one call, as many as its look-up brings


class FormDesk:
    """Saves forms, and keeps pops true to the interactions they show. Implements web's `FormDesk`."""

    def __init__(
        self,
        store: Store,
        floor: Floor,
        neighbours: Neighbours,
        tasks: Tasks,
        clock: Callable[[], datetime],
        announcer: Announcer | None = None,
    ) -> None:
        self._store = store
        self._floor = floor
        self._neighbours = neighbours
        self._tasks = tasks
        self._clock = clock
        self._announcer = announcer

    async def edit(self, operator_id: str, edit: FormEdit) -> FormAnswer | None:
        """Save what an operator wrote into a form; None when it does not stand on a pop of his.

        Raises `StoreError` when it could not be kept.
        """
        shown = self._floor.interaction_shown(operator_id, edit.pop_id, edit.interaction_id)
        fields = None if shown is None else _by_label(shown.form, edit.fields)
        if shown is None or fields is None:
            return None
        now = self._clock()
        intake = Intake(
            source=shown.source,
            external_id=shown.external_id or "-",
            at=now,
            medium=shown.medium,
            form=fields,
            event=InteractionEvent(now, "edit", f"{operator_id}: {', '.join(fields)}"),
        )
        amended = await self._store.amend_interaction(edit.interaction_id, intake, edit.revision, now=now)
        if amended is None:
            return None
        if amended.done:
            log.info("audit: %s edited the form of interaction %s", operator_id, edit.interaction_id)
            await announce(self._announcer, amended.interaction, "changed", now)
        self.took(amended.interaction)
        return FormAnswer(edit.pop_id, amended.interaction, saved=amended.done)

    def took(self, interaction: Interaction) -> None:
        """Bring every pop up to date that shows this interaction, or should: here, and on other nodes."""
        self._show(interaction)
        self._neighbours.interaction_changed(interaction.interaction_id)

    def changed(self, interaction_ids: Iterable[str]) -> None:
        """Do as `took` with interactions that were changed in the store by something else."""
        for interaction_id in dict.fromkeys(interaction_ids):
            self._neighbours.interaction_changed(interaction_id)
            self.changed_elsewhere(interaction_id)

    def changed_elsewhere(self, interaction_id: str) -> None:
        """Read an interaction again that was changed on another node, when there is a pop that may show it."""
        if any(True for _ in self._floor.files_in_view()):
            self._tasks.start(self._read_again(interaction_id), f"read interaction {interaction_id}")

    async def _read_again(self, interaction_id: str) -> None:
        try:
            interaction = await self._store.get_interaction(interaction_id)
        except StoreError as error:
            log.warning("interaction %s cannot be read again: its pops show what it was: %s", interaction_id, error)
            return
        if interaction is not None:
            self._show(interaction)

    def _show(self, interaction: Interaction) -> None:
        for file in list(self._floor.files_in_view()):
            newer = with_interaction(file, interaction)
            if newer is not None:
                self._floor.show_changed(newer)


def with_interaction(file: CallFile, interaction: Interaction) -> CallFile | None:
    """Return a call's file with an interaction as it is now; None: it has that already, or the interaction is not its caller's."""
    context = file.context
    known = {one.interaction_id: one for one in context.interactions}
    before = known.get(interaction.interaction_id)
    if before is not None:
        if before.revision >= interaction.revision:
            return None
        kept = tuple(interaction if one is before else one for one in context.interactions)
    elif interaction.status is not InteractionStatus.CLOSED and _is_his(file, interaction):
        kept = (interaction, *context.interactions)[:MAX_SHOWN]
    else:
        return None
    return replace(file, context=replace(context, interactions=kept))


def _by_label(form: Mapping[str, str], edited: Mapping[str, str]) -> dict[str, str] | None:
    """Return what was edited by the form's own labels, which screens show without control characters; None: it has no such field."""
    labels = {_UNSAFE.sub("", label): label for label in form}
    if not labels.keys() >= edited.keys():
        return None
    return {labels[shown]: value for shown, value in edited.items()}


def _is_his(file: CallFile, interaction: Interaction) -> bool:
    customer, phone = file.context.identity.customer, file.context.request.caller.phone
    if interaction.customer_id is not None:
        return customer is not None and customer.customer_id == interaction.customer_id
    return phone is not None and interaction.identifier == Identifier(IdentifierKind.PHONE, phone)
