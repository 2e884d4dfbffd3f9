"""The glossary names every word of the model."""

from __future__ import annotations

import re
from pathlib import Path

import ctiroute.model

GLOSSARY = Path(__file__).parents[2] / "docs" / "glossary.md"


def test_every_public_word_of_the_model_is_explained() -> None:
    """A new class needs its line, so that one word stays one thing."""
    words = set(re.findall(r"[A-Za-z]+", GLOSSARY.read_text(encoding="utf-8")))
    assert set(ctiroute.model.__all__) - words == set()
