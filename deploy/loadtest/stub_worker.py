"""The worker with a stub for its networks: `python -m deploy.loadtest.stub_worker --pace '{"network_s": …}'`.

Everything else is the product's: RQ, books, engine, recovery, codecs. Only a load test or a fault test starts it; no
setting of the service leads here.
"""

from __future__ import annotations

import argparse
import signal

import torch

from deploy.loadtest.stub_model import StubModel
from deploy.pace import Pace
from jobs.connect import connect
from jobs.logs import configure_logs
from jobs.settings import Settings
from worker.patience import Patience
from worker.resident import ResidentWorker

INSTANT = Pace()


def main() -> int:
    """Serve until SIGTERM or SIGINT; the exit status is the worker's."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pace", type=Pace.parse, default=INSTANT, help="seconds of calls by rows, as JSON")
    return serve(StubModel(parser.parse_args().pace))


def serve(model: StubModel) -> int:
    """Run one worker on this model with the settings of the environment."""
    settings = Settings()
    configure_logs(settings)
    torch.set_num_threads(1)
    redis = connect(settings, retries=1)
    Patience().insist(redis.ping)
    worker = ResidentWorker(settings, redis, model)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: worker.request_drain())
    return worker.serve()


if __name__ == "__main__":
    raise SystemExit(main())
