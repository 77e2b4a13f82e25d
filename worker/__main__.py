"""`python -m worker` runs one worker, configured by `INLAY_…` variables (docs/settings.md)."""

import sys

from worker.main import main

if __name__ == "__main__":
    sys.exit(main())
