"""Load the service and say whether it bore it.

    python -m deploy.loadtest --profile steady --rate 1 2 4 --workers 1 2 --seconds 60 --out docs/results/load-cpu

starts a service of its own for each number of workers (private Redis, `--apis` API processes) and offers each rate for
`--seconds`. `--engine stub` leaves the networks out: the worker's sleep takes their place (`--pace`, a report of
`inlay bench engine`; without it they take no time, and what is measured is HTTP, queue and codecs). `--url` loads a
service that runs already. The exit status is 1 when a limit was exceeded.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from deploy.loadtest.arguments import parse
from deploy.loadtest.plan import Unsafe
from deploy.loadtest.report import write
from deploy.loadtest.service import NotReady
from deploy.loadtest.sweep import GeneratorFailed, sweep

EXIT_EXCEEDED, EXIT_UNUSABLE = 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; 0 within the limits, 1 beyond one, 2 if nothing could be measured."""
    arguments = sys.argv[1:] if arguments is None else arguments
    options = parse(arguments)
    rows = []
    try:
        with tempfile.TemporaryDirectory(prefix="inlay-load-") as folder:
            for row in sweep(options, Path(folder)):
                rows.append(row)
                print(row.line(), flush=True)
                if options.out:
                    write(options.out, rows, arguments)
    except (Unsafe, NotReady, GeneratorFailed) as error:
        print(error, file=sys.stderr)
        return EXIT_UNUSABLE
    for row in rows:
        for sentence in row.exceeded:
            print(f"{row.workers} workers at {row.rate:g}/s: {sentence}", file=sys.stderr)
    return EXIT_EXCEEDED if any(row.exceeded for row in rows) else 0


if __name__ == "__main__":
    raise SystemExit(main())
