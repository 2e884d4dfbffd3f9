"""Files of the company -> the store: `import_touches`, `import_customers`.

`source` reads CSV and NDJSON, `mapping` matches headers, `values` and `numbers` turn cells into what a store takes (all but the first
pure), `run` drives them, `rejects` writes what was refused, `checkpoint` keeps how far it got, `profile` reads what a user wrote down of
a source. For touches `splitting` and `columns` do as `source` and `values`, a column at a time, and leave to these what is not like most.
None of them knows which back end the store is.
"""

from ctiroute.store.importing.mapping import CUSTOMER_COLUMNS, TOUCH_COLUMNS
from ctiroute.store.importing.numbers import number_reader
from ctiroute.store.importing.profile import parse_limit, read_profile
from ctiroute.store.importing.run import ImportOptions, ImportProgress, ImportResult, import_customers, import_touches
from ctiroute.store.importing.values import Defaults, Refused, external_touch_id, parse_time

__all__ = [
    "CUSTOMER_COLUMNS",
    "TOUCH_COLUMNS",
    "Defaults",
    "ImportOptions",
    "ImportProgress",
    "ImportResult",
    "Refused",
    "external_touch_id",
    "import_customers",
    "import_touches",
    "number_reader",
    "parse_limit",
    "parse_time",
    "read_profile",
]
