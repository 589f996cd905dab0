"""`python -m firmware_py` is the `audiohat` command."""

import sys

from firmware_py.cli import main

sys.exit(main())
