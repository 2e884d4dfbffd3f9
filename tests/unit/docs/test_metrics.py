"""docs/reference/metrics.md names every metric of the service, as it is, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from prometheus_client.metrics import MetricWrapperBase

from ctiroute.app.service import Service
from ctiroute.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "reference" / "metrics.md").read_text(encoding="utf-8")
_ROW = re.compile(r"^\| `(ctiroute_\w+)` \| (\w+) \| ([\w, ]*?) ?\|", re.MULTILINE)
_DERIVED = re.compile(r"_(?:total|bucket|sum|count)$")


@pytest.fixture(scope="module")
def metrics(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, tuple[str, tuple[str, ...]]]:
    """Return name -> (type, labels) of all rooms' metrics, from a service that is built and not started."""
    service = Service(Settings(data_dir=tmp_path_factory.mktemp("data")))
    made = {}
    for metric in service.registry._collector_to_names:
        if isinstance(metric, MetricWrapperBase):  # the process' own collectors are none
            suffix = "_total" if metric._type == "counter" else ""
            made[f"{metric._name}{suffix}"] = (str(metric._type), tuple(metric._labelnames))
    return made


def test_the_page_and_the_service_name_the_same_metrics(metrics: Mapping[str, tuple[str, tuple[str, ...]]]) -> None:
    """With type and labels, both ways."""
    described = {name: (kind, tuple(re.findall(r"\w+", labels))) for name, kind, labels in _ROW.findall(PAGE)}
    assert len(described) == len(_ROW.findall(PAGE)), "a metric stands in two rows"
    assert described == metrics


def test_no_page_speaks_of_a_metric_that_is_not_there(metrics: Mapping[str, tuple[str, tuple[str, ...]]]) -> None:
    """An alert on a name that was changed never fires."""
    known = {_DERIVED.sub("", name) for name in metrics}
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    named = {(page.name, name) for page in pages for name in re.findall(r"\bctiroute_[a-z_]*[a-z]\b", page.read_text(encoding="utf-8"))}
    assert {each for each in named if _DERIVED.sub("", each[1]) not in known} == set()
