"""Rule files -> an immutable Ruleset. Pure."""

from ctiroute.rules.check import format_text
from ctiroute.rules.facts import NO_QUEUES, Bound, Facts, Needs
from ctiroute.rules.kinds import Draft
from ctiroute.rules.load import load_ruleset
from ctiroute.rules.names import KnownNames
from ctiroute.rules.ruleset import Rule, Ruleset
from ctiroute.rules.template import Subject, fill, fill_markdown, fill_url, pick
from ctiroute.rules.then import Plan
from ctiroute.rules.when import explain_every

__all__ = [
    "NO_QUEUES",
    "Bound",
    "Draft",
    "Facts",
    "KnownNames",
    "Needs",
    "Plan",
    "Rule",
    "Ruleset",
    "Subject",
    "explain_every",
    "fill",
    "fill_markdown",
    "fill_url",
    "format_text",
    "load_ruleset",
    "pick",
]
