"""Where mappings are read from: those that are shipped, by name, and files of the company, by path. Compiles nothing itself."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

from ctiroute.connectors.webhook.mapping import Mapping, load_mapping
from ctiroute.documents import did_you_mean
from ctiroute.errors import Fault, MappingError

READY = files("ctiroute.connectors.webhook") / "ready"
_NAME = re.compile(r"[a-z][a-z0-9-]*")


def ready_names() -> tuple[str, ...]:
    """Return the names of the mappings that are shipped."""
    return tuple(sorted(each.name.removesuffix(".yml") for each in READY.iterdir() if each.name.endswith(".yml")))


def read_mapping(named: str) -> Mapping:
    """Return a shipped mapping by its name (`telegram`), or the one in a file (`./crm.yml`). Raises `MappingError`."""
    if _NAME.fullmatch(named):
        if named not in ready_names():
            hint = did_you_mean(named, ready_names(), listing=True) + "; a file of yours is written with its ending: ./crm.yml"
            raise MappingError([Fault(named, 0, 0, "is no mapping that is shipped", hint=hint)])
        return load_mapping((READY / f"{named}.yml").read_bytes(), f"{named}.yml")
    path = Path(named).expanduser()
    try:
        return load_mapping(path.read_bytes(), named)
    except OSError as error:
        raise MappingError([Fault(named, 0, 0, f"cannot be read: {error.strerror or error}")]) from error
