"""Why does this customer call? Response curves learnt from what happened, and the ranking they give. Pure: `now` is an argument.

The formula, what it assumes and where it fails: docs/explanation/likely-reason.md.
"""

from ctiroute.reasons.curves import PRIORS, Curves
from ctiroute.reasons.fit import fitted
from ctiroute.reasons.rank import among, ranked
from ctiroute.reasons.tally import Counts, Exposed, pattern_of

__all__ = ["PRIORS", "Counts", "Curves", "Exposed", "among", "fitted", "pattern_of", "ranked"]
