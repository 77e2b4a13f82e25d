"""When a webhook is delivered again."""

import random
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_PAUSE_S = 900.0
JITTER = 0.25
"""Share by which a pause is longer or shorter, so that what failed together does not come back together."""

_SECONDS = re.compile(r"[0-9]{1,9}", re.ASCII)


def pause_s(attempt: int, first_s: float) -> float:
    """Seconds after failed attempt number `attempt` (from 1): doubled each time, up to 15 minutes, plus or minus."""
    usual_s = min(first_s * 2.0 ** min(attempt - 1, 60), max(LONGEST_PAUSE_S, first_s))
    return usual_s * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311  # no secret


def as_asked_s(usual_s: float, asked_s: float, left_s: float) -> float:
    """The pause of a receiver that asks for one of `asked_s` seconds.

    Never shorter than the usual one, not before what was asked for, but 15 minutes at most, and no later than what is
    left: one that asks for too long is tried once more at the end.
    """
    spread_s = asked_s * random.uniform(1, 1 + JITTER)  # noqa: S311  # no secret
    return max(usual_s, min(spread_s, LONGEST_PAUSE_S, left_s))


def asked_pause_s(retry_after: str | None, now: datetime) -> float:
    """The header `Retry-After` in seconds, whether it counts them or names a date; 0 where it says nothing sensible."""
    value = (retry_after or "").strip()
    if _SECONDS.fullmatch(value):
        return float(value)
    try:
        until = parsedate_to_datetime(value)
    except ValueError:
        return 0.0
    return max((until.replace(tzinfo=until.tzinfo or UTC) - now).total_seconds(), 0.0)
