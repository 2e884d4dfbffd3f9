"""`pop`: what stands on the operator's screen. Texts may be per language and hold names in braces; they are filled when the phone rings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctiroute.documents import Scalar, choice, fields, localized, mapping_of, refuse, text
from ctiroute.errors import ConfigurationError
from ctiroute.model import PopPlan
from ctiroute.rules import fragments as shape
from ctiroute.rules.actions.texts import script_faults, template, url_template
from ctiroute.rules.kinds import NO_POP, ActionKind, Deed, Draft, Scope

if TYPE_CHECKING:
    from ctiroute.documents import Node, Parser
    from ctiroute.rules.facts import Bound, Facts

MAX_FIELDS = 12  # more do not fit beside a ringing phone
MAX_LABEL = 60  # characters
_SCRIPT = r"^(?!/)(?!(.*/)?\.\.(/|$))[^\\]+\.md$"  # as `_script` sees it, for editors
_LABEL = rf"^\s*\S(.{{0,{MAX_LABEL - 2}}}\S)?\s*$"


def read(node: Node, scope: Scope) -> Deed:
    """Compile the action."""
    with fields(node, "pop") as f:
        headline = f.get("headline", localized(template), {})
        opening = f.get("opening", localized(template), {})
        script = f.get("script", localized(_script(scope)), {})
        shown = f.get("fields", mapping_of(template, key=_label), {})
        url = f.get("url", url_template, "")
        at = f.get("at", choice("ring", "answer"), None)
        if len(shown) > MAX_FIELDS:
            f.wrong(node, f"expected at most {MAX_FIELDS} fields")
    plan = PopPlan(headline, opening, script, tuple(shown.items()), url, at or "ring")

    def effect(draft: Draft, _facts: Facts, _bound: Bound) -> None:
        draft.pop = plan if draft.pop is NO_POP else _over(plan, at, draft.pop)

    return Deed(effect)


KIND = ActionKind(
    "pop",
    "What stands on the operator's screen when the phone rings.",
    read,
    shape.mapping(
        {
            "headline": shape.about(shape.localized(shape.template()), "One sentence: why this customer calls."),
            "opening": shape.about(shape.localized(shape.template()), "The suggested first step."),
            "script": shape.about(
                shape.localized(shape.matching(_SCRIPT, "the path of a Markdown file below the rules: scripts/autumn.md", shape.SCRIPT)),
                "A Markdown file below the rules' folder.",
                "scripts/autumn.md",
            ),
            "fields": shape.about(
                shape.mapping_of(shape.template(), keys=_LABEL, meaning=f"a label of at most {MAX_LABEL} characters", most=MAX_FIELDS),
                "Label: text, in your order.",
            ),
            "url": shape.about(shape.url(), "A page to open; values are percent-encoded.", "https://crm.example/find?phone={caller.phone}"),
            "at": shape.about(shape.words("ring", "answer"), "When it appears; ring where it is not given."),
        }
    ),
    '{headline: {en: "Calls back about {touch.offer.title}", uk: "Щодо {touch.offer.title}"}, fields: {Terms: "{touch.offer.terms}"}}',
)


def _over(plan: PopPlan, at: str | None, before: PopPlan) -> PopPlan:
    """Return a plan with what earlier rules said where it says nothing itself. Its own fields come first; a label stands once."""
    labels = {label for label, _ in plan.fields}
    more = tuple((label, value) for label, value in before.fields if label not in labels)
    return PopPlan(
        headline=plan.headline or before.headline,
        opening=plan.opening or before.opening,
        script=plan.script or before.script,
        fields=(*plan.fields, *more)[:MAX_FIELDS],
        url=plan.url or before.url,
        at=at or before.at,
        offers=before.offers,
    )


def _label(key: Scalar) -> str:
    if not 0 < len(key.text.strip()) <= MAX_LABEL:
        refuse(key, f"expected a label of at most {MAX_LABEL} characters")
    return key.text.strip()


def _script(scope: Scope) -> Parser[str]:
    """Return a parser of the path of a Markdown file, relative to the rules; the value is the file's text."""

    def parse(node: Node) -> str:
        path = text(node)
        if path.startswith("/") or "\\" in path or ".." in path.split("/") or not path.endswith(".md"):
            refuse(node, "expected the path of a Markdown file below the rules", "write it as scripts/autumn.md")
        script = scope.read_script(path)
        if script is None:
            refuse(node, "there is no such script", "the path is taken from the folder of the rules")
        faults = script_faults(path, script)
        if faults:
            raise ConfigurationError(faults)
        return script

    return parse
