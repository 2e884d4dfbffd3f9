"""What the OpenAPI documents of all routes are put together from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

KEYED = (401, 403, 429, 503)  # what every route with a key may answer
BODIED = (400, 408, 413, 415, 422)  # and every route with a JSON body


def operation(
    name: str,
    summary: str,
    description: str,
    answers: Mapping[str, Any],
    *,
    parameters: Sequence[Mapping[str, Any]] = (),
    body: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return one operation."""
    made: dict[str, Any] = {"operationId": name, "summary": summary, "description": description}
    if parameters:
        made["parameters"] = list(parameters)
    if body is not None:
        made["requestBody"] = dict(body)
    return {**made, "responses": dict(answers)}


def answer(schema: str, *problems: int, status: str = "200", description: str = "Done.", tagged: bool = False) -> dict[str, Any]:
    """Return the answers of an operation: what it gives, with its revision as ETag when `tagged`, and the problems there may be."""
    made: dict[str, Any] = {"description": description, "content": _json(schema)}
    if tagged:
        made["headers"] = {"ETag": {"description": "The revision, in quotes.", "schema": {"type": "string", "pattern": '^"[0-9]+"$'}}}
    return {status: made} | {str(each): {"$ref": "#/components/responses/Problem"} for each in sorted({*problems, *KEYED})}


def body(schema: str, *examples: Mapping[str, Any]) -> dict[str, Any]:
    """Return a JSON body with its first example; the text of a body may be packed."""
    content = _json(schema)
    if examples:
        content["application/json"]["example"] = dict(examples[0])
    return {"required": True, "description": "May be packed, with Content-Encoding: gzip.", "content": content}


def query(name: str, description: str, schema: Mapping[str, Any], example: str | None = None, *, required: bool = False) -> dict[str, Any]:
    """Return a parameter of the query."""
    return _parameter(name, "query", description, schema, example, required=required)


def path(name: str, description: str, example: str | None = None) -> dict[str, Any]:
    """Return a parameter in the path."""
    return _parameter(name, "path", description, {"type": "string", "minLength": 1}, example, required=True)


def _parameter(
    name: str, place: str, description: str, schema: Mapping[str, Any], example: str | None, *, required: bool
) -> dict[str, Any]:
    parameter = {"name": name, "in": place, "description": description, "required": required, "schema": dict(schema)}
    return parameter if example is None else {**parameter, "example": example}


def _json(schema: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
