"""The worker's life: load, warm up, ready, serve, drain, gone."""

from __future__ import annotations

import logging
import signal

from jobs.blobs import BlobSweep, open_blobs
from jobs.connect import connect
from jobs.errors import BlobsUnusable
from jobs.logs import configure_logs
from jobs.open_tracing import TracingUnavailable, open_tracing
from jobs.settings import Settings
from worker.errors import ModelUnusable
from worker.metrics import MetricsPortUnusable, serve_metrics
from worker.model import load, set_threads
from worker.patience import Patience
from worker.periodic import Periodic
from worker.resident import ResidentWorker
from worker.style_features import find_style_features

logger = logging.getLogger(__name__)

EXIT_UNUSABLE = 78
UNUSABLE = (ModelUnusable, BlobsUnusable, TracingUnavailable, MetricsPortUnusable)
"""A setting must be mended before a worker can run."""


def main(settings: Settings | None = None) -> int:
    """Run one worker until SIGTERM or SIGINT; returns the exit status: 0 drained, 1 failed, 70 hung, 78 unusable."""
    settings = settings or Settings()
    configure_logs(settings)
    threads = set_threads(settings)
    logger.info("loading", extra={"model": settings.model, "threads": threads})
    try:
        return _work(settings)
    except UNUSABLE as error:
        logger.critical("%s", error)
        return EXIT_UNUSABLE


def _work(settings: Settings) -> int:
    tracing = open_tracing(settings, "inlay-worker")
    redis = connect(settings, retries=1)
    sweep = BlobSweep(redis, open_blobs(settings, redis), interval_s=settings.blobs_sweep_s)
    model = load(settings)
    features = find_style_features(settings, model.device)
    Patience().insist(redis.ping)
    worker = ResidentWorker(settings, redis, model, features=features, tracing=tracing)
    stop_telling = serve_metrics(worker.metrics, settings)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: worker.request_drain())
    sweeping = Periodic("blob sweep", settings.blobs_sweep_s, sweep.sweep)
    sweeping.start()
    try:
        return worker.serve()
    finally:
        sweeping.stop()
        stop_telling()
