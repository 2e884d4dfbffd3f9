"""The routes of rules as OpenAPI 3.1 paths. A test carries out their examples against a running service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ctiroute.web.api.rules_found import ReplayReport, RulesTested, TracedCall, Trials
from ctiroute.web.api.rules_wire import (
    Explained,
    RollBack,
    RolledBack,
    RulesChecked,
    RulesDiff,
    RulesInUse,
    RulesPut,
    RulesToCheck,
    RulesToPut,
    RulesToReplay,
    RulesToTest,
    UsedVersions,
    VersionFiles,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMAS = (
    RulesInUse,
    RulesToCheck,
    RulesChecked,
    RulesToPut,
    RulesPut,
    UsedVersions,
    VersionFiles,
    RulesDiff,
    RollBack,
    RolledBack,
    Explained,
    RulesToTest,
    RulesTested,
    RulesToReplay,
    ReplayReport,
    Trials,
    TracedCall,
)

_READ, _WRITE = "Needs the scope `rules:read`.", "Needs the scope `rules:write`."
_WINTER = "rules:\n  - name: winter\n    when: {}\n    then: {queue: promo}\ndefault: {menu: main}\n"
_CASES = "cases: [{name: winter, given: {now: '2026-11-20 12:00 Europe/Kyiv', caller: '+380671234567'}, expect: {queue: promo}}]\n"
_CHECK_EXAMPLE = {"files": {"10-winter.yml": _WINTER}}
_VERSION = {
    "name": "version",
    "in": "path",
    "description": "A version, or its first digits.",
    "required": True,
    "schema": {"type": "string", "minLength": 4, "maxLength": 12},
}
_CALL_ID = {
    "name": "call_id",
    "in": "path",
    "description": "The call's id: the name of the Asterisk, a colon, the Linkedid.",
    "required": True,
    "schema": {"type": "string", "maxLength": 200},
}


def paths() -> dict[str, Any]:
    """Return the paths."""
    return {
        "/api/v1/rules": {"get": _get("getRules", "The rules in use, with their files", "RulesInUse")},
        "/api/v1/rules/check": {
            "post": _post(
                "checkRules", "Find every mistake in rule files", f"The files are kept nowhere. {_READ}", "RulesToCheck", _CHECK_EXAMPLE
            )
            | {"responses": _answers("RulesChecked", 400, 401, 403, 408, 413, 415, 429, 503)}
        },
        "/api/v1/rules/files": {
            "put": _post(
                "putRules",
                "Have these files in place of those in the folder, and use them",
                "As if in one step. Rule files that are not among them go; cases, scripts and lists that nobody names stay. "
                f"With `base`, nothing is done when other rules than these are in use, or in the folder. {_WRITE}",
                "RulesToPut",
                {**_CHECK_EXAMPLE, "dry_run": True},
            )
            | {"responses": _answers("RulesPut", 400, 401, 403, 408, 409, 413, 415, 422, 429, 503)}
        },
        "/api/v1/rules/test": {
            "post": _post(
                "testRules",
                "Run the cases that try rules",
                f"Rules and cases among the files, which are kept nowhere; without files, those in the folder. {_READ}",
                "RulesToTest",
                {"files": {"10-winter.yml": _WINTER, "10-winter.test.yml": _CASES}},
            )
            | {"responses": _answers("RulesTested", 400, 401, 403, 408, 413, 415, 429, 503)}
        },
        "/api/v1/rules/replay": {
            "post": _post(
                "replayRules",
                "What rules would have done to past calls",
                "Each is decided again, by these rules and by those in use, on what was known of it at its time. What it would have meant "
                f"for waits is an estimate. {_READ}",
                "RulesToReplay",
                {**_CHECK_EXAMPLE, "days": 1},
            )
            | {"responses": _answers("ReplayReport", 400, 401, 403, 408, 413, 415, 422, 429, 503)}
        },
        "/api/v1/rules/shadow": {"get": _get("getShadow", "What rules on trial would have done otherwise", "Trials")},
        "/api/v1/rules/trace/{call_id}": {
            "get": _get("traceCall", "What happened to a call, and why", "TracedCall", 404, parameters=[_CALL_ID])
        },
        "/api/v1/rules/versions": {
            "get": _get(
                "listRulesVersions",
                "Which rules came into use when, and by whom",
                "UsedVersions",
                400,
                parameters=[_query("limit", "How many.", {"type": "integer", "default": 20, "minimum": 1, "maximum": 200})],
            )
        },
        "/api/v1/rules/versions/{version}": {
            "get": _get("getRulesVersion", "One version with its files", "VersionFiles", 404, parameters=[_VERSION])
        },
        "/api/v1/rules/versions/{version}/diff": {
            "get": _get(
                "diffRulesVersion",
                "What a version changed",
                "RulesDiff",
                404,
                parameters=[_VERSION, _query("against", "Another version; without it, the one before.", {"type": "string"})],
            )
        },
        "/api/v1/rules/rollback": {
            "post": _post(
                "rollBackRules",
                "Put an earlier version back in place",
                f"Its files are written into the folder of the rules as if in one step, and used. {_WRITE}",
                "RollBack",
                {"dry_run": True},
            )
            | {"responses": _answers("RolledBack", 400, 401, 403, 404, 408, 409, 413, 415, 422, 429, 503)}
        },
        "/api/v1/rules/reload": {
            "post": {
                "operationId": "reloadRules",
                "summary": "Read the files now",
                "description": f"A mistake in them leaves the rules in use. {_WRITE}",
                "responses": _answers("RulesInUse", 401, 403, 422, 429, 503),
            }
        },
        "/api/v1/rules/explain": {
            "get": _get(
                "explainRules",
                "Where a call would go, and why; no phone rings",
                "Explained",
                400,
                parameters=[
                    _query("phone", "Who would call.", {"type": "string", "maxLength": 64}, "+380671234567", required=True),
                    _query("dialed", "The number that is dialled.", {"type": "string", "maxLength": 64}),
                ],
            )
        },
    }


def _get(name: str, summary: str, schema: str, *problems: int, parameters: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    operation = {
        "operationId": name,
        "summary": summary,
        "description": _READ,
        "responses": _answers(schema, *problems, 401, 403, 429, 503),
    }
    return operation if parameters is None else {**operation, "parameters": parameters}


def _post(name: str, summary: str, description: str, schema: str, example: Mapping[str, Any]) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}, "example": dict(example)}}
    body = {"required": True, "description": "May be packed, with Content-Encoding: gzip.", "content": content}
    return {"operationId": name, "summary": summary, "description": description, "requestBody": body}


def _query(name: str, description: str, schema: Mapping[str, Any], example: str | None = None, *, required: bool = False) -> dict[str, Any]:
    parameter = {"name": name, "in": "query", "description": description, "required": required, "schema": dict(schema)}
    return parameter if example is None else {**parameter, "example": example}


def _answers(schema: str, *problems: int) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {"200": {"description": "Done.", "content": content}} | {
        str(status): {"$ref": "#/components/responses/Problem"} for status in problems
    }
