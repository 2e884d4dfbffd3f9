"""Prints what the tests reach: each room, and the pure rooms together, which must be over 90 % (lines and branches)."""

from __future__ import annotations

import io
import json
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

import coverage

PURE = ("model", "documents", "protocol", "rules", "desk", "engine/decide.py", "engine/breaker.py")
LEAST = 90.0  # percent of statements and branches of the pure rooms


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
        pure = any(path == room or path.startswith(f"{room}/") for room in PURE)
        for room in (path.split("/")[0] if "/" in path else "top", *(["pure rooms"] if pure else []), "all"):
            rooms[room][0] += reached
            rooms[room][1] += total
    out = io.StringIO()
    for room, (reached, total) in sorted(rooms.items(), key=lambda item: (item[0] in {"all", "pure rooms"}, item[0])):
        out.write(f"coverage of {room:12} {_percent(reached, total):5.1f} %  (lines and branches)\n")
    sys.stdout.write(out.getvalue())
    figure = _percent(*rooms["pure rooms"])
    if figure <= LEAST:
        sys.stderr.write(f"the pure rooms are tested to {figure:.1f} %, which is not over {LEAST} %\n")
        return 1
    return 0


def _percent(reached: int, total: int) -> float:
    return 100.0 * reached / total if total else 100.0


if __name__ == "__main__":
    sys.exit(main())
