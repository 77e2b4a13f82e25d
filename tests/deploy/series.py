"""Series of a service in one state or another, a value a minute, in promtool's notation."""

from __future__ import annotations

from collections.abc import Mapping

Series = Mapping[str, str]

API, WORKER = 'instance="a",job="inlay-api"', 'instance="w",job="inlay-worker"'
COUNT, BUCKET = "inlay_http_request_duration_seconds_count", "inlay_http_request_duration_seconds_bucket"


def answers(good: int, bad: int, probes: int = 0) -> Series:
    """Answers a minute over eight hours: without and with a 5xx, and refused probes."""
    return {
        f'{COUNT}{{route="/v1/jobs",status="2xx"}}': f"0+{good}x480",
        f'{COUNT}{{route="/v1/jobs",status="5xx"}}': f"0+{bad}x480",
        f'{COUNT}{{route="/readyz",status="5xx"}}': f"0+{probes}x480",
    }


def times(swift: int, of: int, waits: int = 0) -> Series:
    """Answers a minute over eight hours, of them swift ones, and those of a route that waits by design."""
    return {
        f'{BUCKET}{{route="/v1/jobs",status="2xx",le="2.5"}}': f"0+{swift}x480",
        f'{COUNT}{{route="/v1/jobs",status="2xx"}}': f"0+{of}x480",
        f'{BUCKET}{{route="/v1/images/edits",status="2xx",le="2.5"}}': "0x480",
        f'{COUNT}{{route="/v1/images/edits",status="2xx"}}': f"0+{waits}x480",
    }


def waits(within_60_s: int, of: int) -> Series:
    """Jobs a minute by how long they waited."""
    stage = 'inlay_worker_stage_duration_seconds_bucket{stage="queued",task="complete",'
    series = {"30": 0, "60": within_60_s, "300": of, "+Inf": of}
    return {f'{stage}le="{le}"}}': f"0+{number}x40" for le, number in series.items()}


def ends(**outcomes: int) -> Series:
    """Jobs that end a minute, by outcome."""
    ended = 'inlay_worker_jobs_ended_total{task="complete",outcome='
    return {f'{ended}"{outcome}"}}': f"0+{number}x40" for outcome, number in outcomes.items()}


def rejects(**reasons: str) -> Series:
    """Entries of the queue that a worker took and did not run, by reason."""
    rejected = f"inlay_worker_rejects_total{{{WORKER},reason="
    return {f'{rejected}"{reason}"}}': values for reason, values in reasons.items()}


def attempts(delivered: int, failed: int) -> Series:
    """Attempts to deliver a webhook a minute."""
    attempt = "inlay_webhook_attempts_total{outcome="
    return {f'{attempt}"delivered"}}': f"0+{delivered}x40", f'{attempt}"status"}}': f"0+{failed}x40"}


def queue(depth: int) -> Series:
    """A queue of a thousand places."""
    return {f"inlay_queue_depth{{{API}}}": f"{depth}x20", f"inlay_queue_bound{{{API}}}": "1000x20"}


def memory(used: int, bound: int) -> Series:
    """Redis's memory."""
    return {
        f"inlay_redis_memory_used_bytes{{{API}}}": f"{used}x20",
        f"inlay_redis_memory_max_bytes{{{API}}}": f"{bound}x20",
    }


ONCE, BEFORE = "0 0 1x20", "3x20"
"""A counter that grows by one, and one that grew before it was first scraped."""
