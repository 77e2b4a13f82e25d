"""Bytes of the pictures that unfinished jobs have in store: counted when a job is accepted, released when it ends."""

from __future__ import annotations

from dataclasses import dataclass

from jobs import keys
from jobs.connect import RedisClient
from jobs.scripts import Script
from jobs.upload_scripts import HELD


@dataclass(frozen=True)
class Held:
    """Bytes of the pictures of all unfinished jobs, and how many of these have pictures."""

    bytes: int
    jobs: int


class Uploads:
    """The count as it stands; who enters or ends a job changes it."""

    def __init__(self, redis: RedisClient) -> None:
        self._held = Script(redis, HELD)

    def held(self, at_most: int) -> Held:
        """What is held. If it is more than `at_most` bytes, jobs that have ended without a word are left out."""
        found = self._held(keys=[keys.UPLOADS], args=[keys.job(""), at_most])
        return Held(*map(int, found))
