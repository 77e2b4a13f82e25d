"""For each alert what makes it fire and what must not: series with a value a minute, in promtool's notation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.deploy.series import (
    API,
    BEFORE,
    ONCE,
    WORKER,
    Series,
    answers,
    attempts,
    ends,
    memory,
    queue,
    rejects,
    times,
    waits,
)


@dataclass(frozen=True)
class Case:
    """An alert as it fires at `at` on `firing`, with `summary` and `labels` beside its severity; never on a `quiet`."""

    alert: str
    at: str
    firing: Series
    quiet: tuple[Series, ...]
    summary: str
    labels: Mapping[str, str] = field(default_factory=dict)


CASES = (
    Case(
        "InlayApiDown",
        "4m",
        {f"up{{{API}}}": "0x20"},
        ({f"up{{{API}}}": "1x20", 'up{instance="b",job="inlay-api"}': "0x20"},),
        "No API process answers Prometheus.",
    ),
    Case(
        "InlayTargetDown",
        "8m",
        {f"up{{{WORKER}}}": "0x20"},
        ({f"up{{{WORKER}}}": "1x20", 'up{instance="o",job="other"}': "0x20"}, {f"up{{{WORKER}}}": "1 0 0 0 1x20"}),
        "w of inlay-worker does not answer Prometheus.",
        {"instance": "w", "job": "inlay-worker"},
    ),
    Case(
        "InlayErrorBudgetBurnsFast",
        "75m",
        answers(98, 2),
        (answers(99, 1), answers(100, 0, probes=50)),
        "2% of requests in the last hour got a 5xx.",
    ),
    Case(
        "InlayErrorBudgetBurnsSlowly",
        "7h",
        answers(99, 1),
        (answers(995, 5),),
        "1% of requests in the last six hours got a 5xx.",
    ),
    Case(
        "InlayLatencyBudgetBurnsFast",
        "75m",
        times(80, 100),
        (times(90, 100), times(100, 100, waits=100)),
        "20% of requests in the last hour took over 2.5 s.",
    ),
    Case(
        "InlayLatencyBudgetBurnsSlowly",
        "7h",
        times(90, 100),
        (times(95, 100),),
        "10% of requests in the last six hours took over 2.5 s.",
    ),
    Case(
        "InlayJobsWaitLong",
        "20m",
        waits(0, 10),
        (waits(10, 10),),
        "One job in twenty waits longer than 4m 48s for a worker.",
    ),
    Case(
        "InlayOldestJobWaits",
        "8m",
        {f"inlay_queue_oldest_job_age_seconds{{{API}}}": "0+60x20"},
        ({f"inlay_queue_oldest_job_age_seconds{{{API}}}": "290x20"},),
        "A job has been on the queue for 8m 0s.",
    ),
    Case(
        "InlayJobHasNoEnd",
        "10m",
        {f"inlay_jobs_oldest_unfinished_age_seconds{{{API}}}": "3700x20"},
        ({f"inlay_jobs_oldest_unfinished_age_seconds{{{API}}}": "3500x20"},),
        "A job was accepted 1h 1m 40s ago and has no end.",
    ),
    Case("InlayQueueNearlyFull", "5m", queue(900), (queue(700),), "The queue holds 90% of the jobs that may wait."),
    Case(
        "InlayNoReadyWorker",
        "3m",
        {'inlay_workers{state="ready"}': "0x20", 'inlay_workers{state="starting"}': "1x20"},
        ({'inlay_workers{state="ready"}': "1x20", 'inlay_workers{state="starting"}': "0x20"},),
        "No worker is ready: jobs wait for nobody.",
    ),
    Case(
        "InlayWorkerStuck",
        "5m",
        {f"inlay_worker_standstill_seconds{{{WORKER}}}": "30+30x20"},
        ({f"inlay_worker_standstill_seconds{{{WORKER}}}": "50x20"},),
        "The engine of w has ended no call for 3m 0s.",
        {"instance": "w", "job": "inlay-worker"},
    ),
    Case(
        "InlayOutOfMemory",
        "4m",
        {f'inlay_worker_out_of_memory_total{{{WORKER},kind="denoise"}}': ONCE},
        ({f'inlay_worker_out_of_memory_total{{{WORKER},kind="denoise"}}': BEFORE},),
        "Calls of w did not fit into the device's memory.",
        {"instance": "w"},
    ),
    Case(
        "InlayJobsFail",
        "25m",
        ends(succeeded=8, diverged=2),
        (ends(succeeded=95, diverged=5), ends(succeeded=5, canceled=5)),
        "20% of the jobs that ended have failed.",
    ),
    Case(
        "InlayJobsAbandoned",
        "4m",
        {f"inlay_worker_taken_over_total{{{WORKER}}}": ONCE},
        ({f"inlay_worker_taken_over_total{{{WORKER}}}": BEFORE},),
        "Workers have died or hung with jobs in hand, which were queued again.",
    ),
    Case(
        "InlayPoisonJob",
        "4m",
        {'inlay_worker_jobs_ended_total{task="complete",outcome="poison_job"}': ONCE},
        (
            {'inlay_worker_jobs_ended_total{task="complete",outcome="poison_job"}': BEFORE},
            {'inlay_worker_jobs_ended_total{task="complete",outcome="diverged"}': ONCE},
        ),
        "A job was given up after the workers that ran it had died.",
    ),
    Case(
        "InlayEntriesRefused",
        "4m",
        rejects(refused=ONCE),
        (rejects(refused=BEFORE), rejects(unknown=ONCE), rejects(taken=ONCE), rejects(unreadable=ONCE)),
        "Workers refused entries of the queue that are none of ours: somebody else writes to Redis.",
    ),
    Case(
        "InlayRecordsUnreadable",
        "4m",
        rejects(unreadable=ONCE),
        (rejects(unreadable=BEFORE), rejects(unknown=ONCE), rejects(taken=ONCE), rejects(refused=ONCE)),
        "Jobs failed as no worker can read their records.",
    ),
    Case(
        "InlayRedisUnreachable",
        "2m",
        {'inlay_redis_up{instance="a"}': "1x20", 'inlay_redis_up{instance="b"}': "0x20"},
        ({'inlay_redis_up{instance="a"}': "1x20", 'inlay_redis_up{instance="b"}': "1x20"},),
        "An API process does not reach Redis.",
    ),
    Case(
        "InlayRedisMemoryHigh",
        "8m",
        memory(800, 1000),
        (memory(600, 1000), memory(800, 0)),
        "Redis has used 80% of its memory; above 80 % new jobs are refused.",
    ),
    Case(
        "InlayWebhooksFail", "30m", attempts(4, 6), (attempts(6, 4),), "60% of the attempts to deliver a webhook fail."
    ),
    Case(
        "InlayWebhooksGivenUp",
        "4m",
        {f"inlay_webhooks_given_up_total{{{API}}}": ONCE},
        ({f"inlay_webhooks_given_up_total{{{API}}}": BEFORE},),
        "Webhooks were given up; their receivers never learn of the end.",
    ),
    Case(
        "InlayWebhooksLate",
        "8m",
        {f"inlay_webhook_oldest_pending_age_seconds{{{API}}}": "1900x20"},
        ({f"inlay_webhook_oldest_pending_age_seconds{{{API}}}": "1700x20"},),
        "A webhook has been undelivered for 31m 40s.",
    ),
)
