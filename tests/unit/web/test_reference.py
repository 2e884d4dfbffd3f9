"""docs/reference/http.md names every address and every metric there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from ctiroute.web import server
from ctiroute.web.metrics import WebMetrics

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "http.md").read_text(encoding="utf-8")


def _routes() -> list[tuple[str, str]]:
    source = Path(server.__file__).read_text(encoding="utf-8")
    return [(method.upper(), path) for method, path in re.findall(r'web\.(get|post|put|patch|delete)\(\s*"([^"]+)"', source)]


@pytest.mark.parametrize(("method", "path"), _routes())
def test_every_route_is_in_the_reference(method: str, path: str) -> None:
    """Its row names address and method."""
    assert f"| `{path}` | {method} |" in PAGE


def test_there_are_routes() -> None:
    """The test above looked at something."""
    assert len(_routes()) >= 10


def test_every_metric_is_in_the_reference() -> None:
    """By the name that a scraper sees."""
    registry = CollectorRegistry()
    WebMetrics(registry)
    names = {metric.name + ("_total" if metric.type == "counter" else "") for metric in registry.collect()}
    assert len(names) >= 10
    assert {name for name in names if f"`{name}" not in PAGE} == set()
