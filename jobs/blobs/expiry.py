"""The end of blobs in stores that have no TTL: they go when their job has gone."""

from __future__ import annotations

import logging
import time

from jobs import keys
from jobs.blobs.in_files import FileBlobStore
from jobs.blobs.store import BlobStore
from jobs.connect import RedisClient

logger = logging.getLogger(__name__)

GRACE_S = 3600.0
"""Blobs are written before their job is recorded: those that are younger are left alone, whatever the clocks say."""


class BlobSweep:
    """Removes blobs whose job has expired, was deleted or never came to be.

    Every worker may run it; a lock lets one of them through in each interval. A store belongs to one Redis: jobs that
    another one knows would be taken for expired.
    """

    def __init__(self, redis: RedisClient, blobs: BlobStore, *, interval_s: float, grace_s: float = GRACE_S) -> None:
        self._redis = redis
        self._blobs = blobs
        self._interval_s = interval_s
        self._grace_s = grace_s

    def sweep(self) -> None:
        """Look once. Raises `BlobsAway` and `RedisError`; what is left is found the next time."""
        if not isinstance(self._blobs, FileBlobStore):
            return
        if not self._redis.set(keys.BLOB_SWEEP_LOCK, 1, nx=True, px=max(1, int(self._interval_s * 900))):
            return
        before = time.time() - self._grace_s
        strays = self._without_record(self._blobs.jobs())
        for job_id in strays:
            written_at = self._blobs.written_at(job_id)
            if written_at is not None and written_at < before:
                self._blobs.delete_job(job_id)
                logger.info("blobs of a job that is gone removed", extra={"job": job_id})

    def _without_record(self, job_ids: list[str]) -> list[str]:
        with self._redis.pipeline(transaction=False) as pipe:
            for job_id in job_ids:
                pipe.exists(keys.job(job_id))
            answers = pipe.execute()
        return [job_id for job_id, found in zip(job_ids, answers, strict=True) if not found]
