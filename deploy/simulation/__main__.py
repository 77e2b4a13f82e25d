"""Ask the simulation.

    python -m deploy.simulation compare docs/results/load-cpu/rows.json --pace 1=docs/results/engine-cpu/rows.json
    python -m deploy.simulation scale --pace docs/results/engine-cpu/rows.json --redis docs/results/load-cpu/redis.json

`compare` holds it against a load test, calibrated on the lightest row; the exit status is 1 when another row is more
than 15 % off. A pace is a report of `inlay bench engine`; workers that share cores have one of their own
(`--pace 2=…`, measured with as many threads as each has). `scale` writes the tables for 10 to 10,000 GPUs.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from deploy.pace import Pace
from deploy.simulation.comparison import compare, table
from deploy.simulation.scale import Prices, RedisNeed
from deploy.simulation.tables import tables

EXIT_BEYOND = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    comparing = commands.add_parser("compare", help="with the rows.json of a load test")
    comparing.add_argument("report", type=Path)
    comparing.add_argument("--pace", nargs="+", type=_pace_of, required=True, metavar="WORKERS=FILE")
    comparing.add_argument("--room", type=int, default=8, help="pictures that a worker samples at once")
    scaling = commands.add_parser("scale", help="tables for 10 to 10,000 GPUs")
    scaling.add_argument("--pace", type=Path, required=True)
    scaling.add_argument("--redis", type=Path, required=True, help="of deploy.simulation.redis_operations")
    scaling.add_argument("--gpu-hour", type=float, default=Prices.gpu_hour, help="price of a GPU's hour")
    scaling.add_argument("--utilisation", type=float, default=Prices.utilisation)
    scaling.add_argument("--steps", type=int, default=20)
    scaling.add_argument("--room", type=int, default=8)
    scaling.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(sys.argv[1:] if arguments is None else arguments)
    return _compare(options) if options.command == "compare" else _scale(options)


def _compare(options: argparse.Namespace) -> int:
    rows = json.loads(options.report.read_text())["rows"]
    differences = compare(rows, dict(options.pace), options.room)
    print(table(differences))
    return 0 if all(one.within or one.calibrated for one in differences) else EXIT_BEYOND


def _scale(options: argparse.Namespace) -> int:
    need = RedisNeed(**json.loads(options.redis.read_text())["need"])
    prices = Prices(options.gpu_hour, options.utilisation)
    pace = Pace.of_engine_report(options.pace)
    print(tables(pace, prices, need, steps=options.steps, room=options.room, seed=options.seed))
    return 0


def _pace_of(text: str) -> tuple[int, Pace]:
    workers, separator, path = text.partition("=")
    if not separator:
        raise ValueError(f"{text!r}: WORKERS=FILE")
    return int(workers), Pace.of_engine_report(Path(path))


if __name__ == "__main__":
    raise SystemExit(main())
