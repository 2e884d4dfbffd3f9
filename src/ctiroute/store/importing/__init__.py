"""Files of the company -> the store: `import_touches`, `import_customers`.

`source` reads CSV, `mapping` matches headers, `values` turns cells into values of the model (both pure), `run` drives them,
`rejects` writes what was refused. None of them knows which back end the store is.
"""

from ctiroute.store.importing.mapping import CUSTOMER_COLUMNS, TOUCH_COLUMNS
from ctiroute.store.importing.run import ImportOptions, ImportProgress, ImportResult, import_customers, import_touches

__all__ = ["CUSTOMER_COLUMNS", "TOUCH_COLUMNS", "ImportOptions", "ImportProgress", "ImportResult", "import_customers", "import_touches"]
