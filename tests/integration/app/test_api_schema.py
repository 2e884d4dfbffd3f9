"""Every route of the OpenAPI document under schemathesis: whatever fits the schema, or just does not, no 5xx and no breach of it.

The service is a whole one, on a thread of its own; requests are made from the document by Hypothesis, the same ones each time.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from ctiroute.demo.show import RULES
from ctiroute.model import Scope
from ctiroute.web.api.keys import new_key
from ctiroute.web.api.openapi import document
from tests.unit.app.office import Office, office

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
EXAMPLES = 6  # of each operation, in each mode: all of it is to take under a minute on a busy machine
TOO_BUSY = 503  # what we say when two bodies are being read already: an answer of the document, and no fault

# Ids of the demo's company.
KNOWN = {"interaction_id": ["I-1", "I-2", "I-3"], "customer_id": ["C-1001", "C-1003"], "key": ["autumn-sms"], "touch_id": ["T-1"]}


@schemathesis.serializer("application/x-ndjson")
def lines(_context: object, value: object) -> bytes:
    """Send what the document calls a text as it is."""
    return value.encode("utf-8", "replace") if isinstance(value, str) else json.dumps(value).encode()


def with_known_ids() -> dict[str, Any]:
    """Return the document with ids among its values that lead somewhere: made-up ones alone would test nothing but 404."""
    whole: dict[str, Any] = json.loads(json.dumps(document()))
    for methods in whole["paths"].values():
        for operation in methods.values():
            for parameter in operation.get("parameters", []):
                if parameter["name"] in KNOWN:
                    parameter["schema"] = {"anyOf": [{"enum": KNOWN[parameter["name"]]}, parameter["schema"]]}
    return whole


DOCUMENT = with_known_ids()
OPERATIONS = sorted((path, method) for path, methods in DOCUMENT["paths"].items() for method in methods)


def served(room: Office) -> set[tuple[str, str]]:
    """Return the routes of the API that a service has."""
    routes = room.service.web._app.router.routes()
    found = {(route.resource.canonical, route.method.lower()) for route in routes if route.resource is not None}
    return {(path, method) for path, method in found if path.startswith("/api/v1/") and method != "head"}


@contextmanager
def running(folder: Path) -> Iterator[tuple[str, str, set[tuple[str, str]]]]:
    """Run a service on a thread of its own; give its address, a key that may do everything, and the routes it has."""
    started, stop, told = threading.Event(), asyncio.Event(), list[Any]()

    async def serve() -> None:
        rules = shutil.copytree(RULES, folder / "rules")  # some routes write there
        async with office(folder / "data", rules=rules) as room:
            key, token, secret_hash = new_key("schemathesis", tuple(Scope), room.clock(), None)
            await room.service.store.put_api_key(key, secret_hash)
            told.extend((room.url, token, asyncio.get_running_loop(), served(room)))
            started.set()
            await stop.wait()

    def run() -> None:
        try:
            asyncio.run(serve())
        finally:
            started.set()

    thread = threading.Thread(target=run, name="service")
    thread.start()
    try:
        assert started.wait(30)
        assert told, "the service did not start"
        yield told[0], told[1], told[3]
    finally:
        if told:
            told[2].call_soon_threadsafe(stop.set)
        thread.join(30)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str, set[tuple[str, str]]]]:
    """Give one service for all routes."""
    with running(tmp_path_factory.mktemp("service")) as address_token_routes:
        yield address_token_routes


def test_the_document_names_every_route_and_no_other(service: tuple[str, str, set[tuple[str, str]]]) -> None:
    """A new route is described, and one that is gone is not."""
    assert service[2] == set(OPERATIONS)


@pytest.mark.parametrize(("path", "method"), OPERATIONS, ids=lambda part: part)
@pytest.mark.parametrize("mode", [schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE], ids=["fits", "fits-not"])
def test_whatever_is_asked_is_answered_as_the_document_says(
    service: tuple[str, str, set[tuple[str, str]]], path: str, method: str, mode: schemathesis.GenerationMode
) -> None:
    """Status, content type, headers and body are among those the document names, and never a server's error."""
    url, token, _ = service
    operation = schemathesis.openapi.from_dict(DOCUMENT)[path][method.upper()]
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {token}"

        @settings(
            max_examples=EXAMPLES,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def ask(case: Case[Any]) -> None:
            response = case.call(base_url=url, session=session, timeout=10)
            if response.status_code != TOO_BUSY:
                case.validate_response(response, checks=CHECKS)

        ask()
