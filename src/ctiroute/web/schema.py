"""The websocket's JSON Schema, made from `wire.py`: `python -m ctiroute.web.schema FILE` writes it.

docs/reference/websocket.schema.json is kept in git, because the page's TypeScript types are generated from it at build time; a
test tells when it is out of date. Every property is listed as required in what the server sends: it leaves nothing out.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, get_args

import msgspec

from ctiroute.web.wire import WIRE_VERSION, BrowserMessage, ServerMessage


def schema() -> dict[str, Any]:
    """Return the schema as plain JSON values."""
    server, browser = get_args(ServerMessage), get_args(BrowserMessage)
    refs, definitions = msgspec.json.schema_components((*server, *browser), ref_template="#/$defs/{name}")
    sent_by_browser = {kind.__name__ for kind in browser}
    for name, definition in definitions.items():
        if name not in sent_by_browser and "properties" in definition:
            definition["required"] = list(definition["properties"])
            for prop in definition["properties"].values():
                prop.pop("default", None)  # of the Python constructor; on the wire nothing is left out
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"ctiroute websocket, version {WIRE_VERSION}",
        "description": "Made by `python -m ctiroute.web.schema`; do not edit.",
        "oneOf": [{"$ref": "#/$defs/ServerMessage"}, {"$ref": "#/$defs/BrowserMessage"}],
        "$defs": {
            "ServerMessage": {"description": "From the server.", "oneOf": list(refs[: len(server)])},
            "BrowserMessage": {"description": "From the browser.", "oneOf": list(refs[len(server) :])},
            **definitions,
        },
    }


def text() -> str:
    """Return the schema as it stands in the file."""
    return msgspec.json.format(msgspec.json.encode(schema()), indent=2).decode() + "\n"


if __name__ == "__main__":
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(text(), encoding="utf-8")
    else:
        sys.stdout.write(text())
