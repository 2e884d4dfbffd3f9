"""The sounds we ship: each sentence is there in each language, as Asterisk reads it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from ctiroute.model import InteractionStatus
from ctiroute.rules.actions.menu import MAX_OPTIONS

SOUNDS = Path(__file__).parents[3] / "asterisk_conf" / "sounds"
LANGUAGES = {"en", "uk", "ru", "kk"}
FRAME, FRAME_S = 33, 0.02  # bytes of a GSM 06.10 frame, each of which begins with 0xD (format_gsm.c), and how long it sounds
SENTENCES: dict[str, dict[str, str]] = yaml.safe_load((SOUNDS / "sentences.yml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", SENTENCES)
def test_every_sentence_is_spoken(name: str) -> None:
    """In all four languages, in whole frames, neither empty nor longer than a caller listens."""
    assert set(SENTENCES[name]) == LANGUAGES
    for language in LANGUAGES:
        spoken = (SOUNDS / language / "ctiroute" / f"{name}.gsm").read_bytes()
        assert len(spoken) % FRAME == 0
        assert {byte >> 4 for byte in spoken[::FRAME]} == {0xD}
        assert 0.4 < len(spoken) / FRAME * FRAME_S < 10


def test_no_sound_is_without_its_sentence() -> None:
    """Whoever records them anew finds all of them in the list."""
    assert {file.stem for file in SOUNDS.glob("*/ctiroute/*")} == set(SENTENCES)


def test_each_status_and_each_key_has_its_sentence() -> None:
    """What a rule may announce of a request, and what a menu may have to say."""
    needed = {f"status-{status}" for status in InteractionStatus} | {f"press-{key + 1}" for key in range(MAX_OPTIONS)}
    assert needed <= set(SENTENCES)
