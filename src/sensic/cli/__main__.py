"""``python -m sensic.cli`` is ``sensic``."""

import sys

from sensic.cli import main

sys.exit(main())
