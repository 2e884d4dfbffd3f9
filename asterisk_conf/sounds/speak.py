"""Speaks the sentences of sentences.yml into LANGUAGE/ctiroute/NAME.gsm, with espeak-ng and sox (both are Debian packages).

GSM at 8 kHz: every Asterisk plays it without asking for a codec, and a sentence takes 5 KB.
"""

from __future__ import annotations

import argparse
import subprocess
from pathlib import Path

import yaml

HERE = Path(__file__).parent
SPEED = {"en": 150}  # words a minute; others are spoken at DEFAULT_SPEED, for their words are longer
DEFAULT_SPEED = 135


def sentences(file: Path = HERE / "sentences.yml") -> dict[str, dict[str, str]]:
    """Return name of the sound -> language -> what it says."""
    read: dict[str, dict[str, str]] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return read


def speak(text: str, language: str, file: Path) -> None:
    """Speak one sentence into a file, with silence cut at both ends. Raises CalledProcessError or FileNotFoundError."""
    file.parent.mkdir(parents=True, exist_ok=True)
    voice = ("espeak-ng", "-v", language, "-s", str(SPEED.get(language, DEFAULT_SPEED)), "--stdout", text)
    spoken = subprocess.run(voice, check=True, capture_output=True).stdout  # noqa: S603 - a fixed program; the text is no option
    quiet = ("silence", "1", "0.05", "0.5%", "reverse", "silence", "1", "0.05", "0.5%", "reverse")
    to_gsm = ("sox", "-R", "-t", "wav", "-", "-r", "8000", "-c", "1", str(file), *quiet, "gain", "-3", "pad", "0.05", "0.15")
    subprocess.run(to_gsm, input=spoken, check=True)  # noqa: S603 - the same


def main() -> None:
    """Speak all, or the sounds and languages that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="sounds; default: all")
    parser.add_argument("--language", action="append", help="may be given several times; default: all")
    chosen = parser.parse_args()
    for name, said in sentences().items():
        for language, text in said.items():
            if (not chosen.names or name in chosen.names) and (not chosen.language or language in chosen.language):
                speak(text, language, HERE / language / "ctiroute" / f"{name}.gsm")


if __name__ == "__main__":
    main()
