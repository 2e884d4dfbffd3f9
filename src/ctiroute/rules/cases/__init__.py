"""Cases: what the rules should do with calls that an admin made up. Pure: texts in, results out."""

from ctiroute.rules.cases.case import Answer, Case, Expectation
from ctiroute.rules.cases.coverage import Coverage, RuleCount, cover
from ctiroute.rules.cases.given import Given, moment
from ctiroute.rules.cases.load import load_cases
from ctiroute.rules.cases.run import Difference, Result, run_cases

__all__ = [
    "Answer",
    "Case",
    "Coverage",
    "Difference",
    "Expectation",
    "Given",
    "Result",
    "RuleCount",
    "cover",
    "load_cases",
    "moment",
    "run_cases",
]
