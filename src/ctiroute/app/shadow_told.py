"""What every run of every node told of rules on trial, added up by versions. Knows no terminal and no address."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from ctiroute.app.shadow import SAMPLES, Findings
from ctiroute.web.api.rules_found import Pair, Trial

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ctiroute.model import ShadowReport


def gathered(reports: Iterable[ShadowReport]) -> tuple[Trial, ...]:
    """Return what all runs told, by versions, the latest first. A report that this version cannot read is passed over."""
    trials: dict[tuple[str, str], Trial] = {}
    for report in reports:  # the latest first
        try:
            found = msgspec.json.decode(report.report, type=Findings)
        except msgspec.MsgspecError:
            continue
        versions = found.candidate, found.live
        nothing = Trial(*versions, found.since, report.told_at, 0, (), {}, ())
        trials[versions] = _with(trials.get(versions, nothing), found)
    return tuple(trials.values())


def _with(trial: Trial, found: Findings) -> Trial:
    """Return a trial with what one more run told."""
    return replace(
        trial,
        runs=trial.runs + 1,
        since=min(trial.since, found.since),
        faults=trial.faults if not found.fault or found.fault in trial.faults else (*trial.faults, found.fault),
        calls=dict(Counter(trial.calls) + Counter(found.calls)),
        pairs=_added(trial.pairs, found.pairs),
    )


def _added(told: Iterable[Pair], more: Iterable[Pair]) -> tuple[Pair, ...]:
    pairs = {(pair.live, pair.candidate): pair for pair in told}
    for pair in more:
        names = pair.live, pair.candidate
        before = pairs.get(names, Pair(*names, {}, ()))
        samples = sorted((*before.samples, *pair.samples), key=lambda sample: sample[0].at)[-SAMPLES:]
        pairs[names] = Pair(*names, dict(Counter(before.kinds) + Counter(pair.kinds)), tuple(samples))
    return tuple(sorted(pairs.values(), key=lambda pair: -sum(pair.kinds.values())))
