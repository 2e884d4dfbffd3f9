"""Prints what the tests of the pure rooms reach of them: each room, and all together, which must be over 90 % (lines and branches)."""

from __future__ import annotations

import json
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

import coverage

PURE = ("model", "documents", "protocol", "reasons", "rules", "desk", "engine/decide.py", "engine/identify.py", "engine/breaker.py")
LEAST = 90.0  # percent of statements and branches


def main() -> int:
    """Read what the run wrote, and print a line for each room."""
    data = coverage.Coverage()
    data.load()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "coverage.json"
        data.json_report(outfile=str(report))
        files = json.loads(report.read_text(encoding="utf-8"))["files"]
    rooms: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for name, entry in files.items():
        path = name.partition("ctiroute/")[2]
        summary = entry["summary"]
        reached = summary["covered_lines"] + summary["covered_branches"]
        total = summary["num_statements"] + summary["num_branches"]
        for room in (room for room in PURE if path == room or path.startswith(f"{room}/")):
            for each in (room, "all of them"):
                rooms[each][0] += reached
                rooms[each][1] += total
    for room in (*PURE, "all of them"):
        sys.stdout.write(f"coverage of {room:18} {_percent(*rooms[room]):5.1f} %  (lines and branches)\n")
    figure = _percent(*rooms["all of them"])
    if figure <= LEAST:
        sys.stderr.write(f"the pure rooms are tested to {figure:.1f} %, which is not over {LEAST} %\n")
        return 1
    return 0


def _percent(reached: int, total: int) -> float:
    return 100.0 * reached / total if total else 0.0


if __name__ == "__main__":
    sys.exit(main())
