"""How often a caller may submit: a sliding window, counted on the server, so that all API processes count together."""

from __future__ import annotations

from dataclasses import dataclass

from jobs import caller_scripts, keys, scripts
from jobs.connect import RedisClient


@dataclass(frozen=True)
class Quota:
    """Whether a submission was granted, how many more are, and the seconds until there is one more than now."""

    granted: bool
    remaining: int
    reset_s: int


class SubmissionRate:
    """At most `jobs` submissions of one caller in any `window_s` seconds; only Redis's clock counts."""

    def __init__(self, redis: RedisClient, *, jobs: int, window_s: int) -> None:
        self.jobs = jobs
        self.window_s = window_s
        self._spend = scripts.Script(redis, caller_scripts.SPEND)

    def spend(self, caller: str, token: str) -> Quota:
        """Count one submission, if there is room for it; sent again with the same `token` it counts once."""
        granted, remaining, reset_s = self._spend(
            keys=[keys.caller(caller, "submissions")], args=[token, self.jobs, self.window_s]
        )
        return Quota(bool(granted), int(remaining), int(reset_s))
