"""One module for each condition a rule may use; this is their list. Reader, docs and their test walk it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctiroute.rules.conditions import available, caller, customer, dialed, hours, interaction, medium, queue, reason, repeat, sample, touch

if TYPE_CHECKING:
    from ctiroute.rules.kinds import ConditionKind

CONDITIONS: dict[str, ConditionKind] = {
    module.KIND.name: module.KIND
    for module in (touch, interaction, reason, customer, caller, dialed, hours, repeat, medium, queue, available, sample)
}
