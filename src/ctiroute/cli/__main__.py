"""`python -m ctiroute.cli`."""

import sys

from ctiroute.cli import main

sys.exit(main())
