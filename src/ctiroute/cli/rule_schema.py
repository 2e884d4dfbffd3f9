"""`ctiroute rules schema`: the JSON Schema of rule files, by which editors complete and check them."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from ctiroute.cli.output import EXIT_OK
from ctiroute.rules.schema import schema

if TYPE_CHECKING:
    import argparse

    from ctiroute.cli.output import Commands


def add(actions: Commands) -> None:
    """Add the command to those of `rules`."""
    parser = actions.add_parser(
        "schema",
        help="print the JSON Schema of rule files, for editors",
        description="Prints the JSON Schema (draft-07) of a rule file. Put it beside the rules (ctiroute rules schema > "
        "rules/rules.schema.json) and write as the first line of a file: # yaml-language-server: $schema=rules.schema.json",
    )
    parser.set_defaults(run=_schema)


def _schema(_arguments: argparse.Namespace) -> int:
    sys.stdout.write(json.dumps(schema(), indent=2, ensure_ascii=False) + "\n")
    return EXIT_OK
