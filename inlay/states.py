"""A job's states for eyes: where it is in the queue, then every step as it is told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from inlay.client import Client
from inlay.errors import NotFound
from inlay.events import Progressed
from inlay.models import Job


def states(client: Client, job_id: str, *, interval_s: float, timeout_s: float | None = None) -> Iterator[Job]:
    """The job at every change until it is final, or until some time after `timeout_s`.

    Asked for every `interval_s` seconds while it waits, since its place in the queue is no event; then followed.
    A service without events is asked all the time.
    """
    for job in client.poll(job_id, interval_s=interval_s):
        yield job
        if job.state == "running":
            break
    else:
        return
    try:
        yield from _followed(client, job, timeout_s)
    except NotFound as missing:
        if missing.problem.code == "job_not_found":
            raise
        yield from client.poll(job_id, interval_s=interval_s)


def _followed(client: Client, job: Job, timeout_s: float | None) -> Iterator[Job]:
    for event in client.follow(job.id, timeout_s=timeout_s):
        if isinstance(event, Progressed):
            job = replace(job, state="running", progress=event.progress)
            yield job
    yield client.get(job.id)
