"""When a webhook is delivered again."""

import random

LONGEST_PAUSE_S = 900.0
JITTER = 0.25
"""Share by which a pause is longer or shorter, so that what failed together does not come back together."""


def pause_s(attempt: int, first_s: float) -> float:
    """Seconds after failed attempt number `attempt` (from 1): doubled each time, up to 15 minutes, plus or minus."""
    usual_s = min(first_s * 2.0 ** min(attempt - 1, 60), max(LONGEST_PAUSE_S, first_s))
    return usual_s * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311  # no secret
