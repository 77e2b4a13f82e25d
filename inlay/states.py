"""A job's states for eyes: where it is in the queue, then every step as it is told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from inlay.client import Client
from inlay.errors import NotFound, WaitTimeout
from inlay.events import Progressed
from inlay.models import Job
from inlay.waiting import Patience


def states(client: Client, job_id: str, *, interval_s: float, timeout_s: float | None = None) -> Iterator[Job]:
    """The job at every change until it is final. Raises `WaitTimeout` after `timeout_s`, wherever it is then.

    Asked for every `interval_s` seconds while it waits, since its place in the queue is no event; then followed.
    A service without events is asked all the time.
    """
    patience = Patience(timeout_s)
    try:
        yield from _states(client, job_id, interval_s, patience)
    except WaitTimeout as late:  # told with the time that was left where it was raised
        raise patience.over(late.job) from None


def _states(client: Client, job_id: str, interval_s: float, patience: Patience) -> Iterator[Job]:
    for job in client.poll(job_id, interval_s=interval_s, timeout_s=patience.left_s()):
        yield job
        if job.state == "running":
            break
    else:
        return
    try:
        yield from _followed(client, job, patience)
    except NotFound as missing:
        if missing.problem.code == "job_not_found":
            raise
        yield from client.poll(job_id, interval_s=interval_s, timeout_s=patience.left_s())


def _followed(client: Client, job: Job, patience: Patience) -> Iterator[Job]:
    for event in client.follow(job.id, timeout_s=patience.left_s()):
        if isinstance(event, Progressed):
            job = replace(job, state="running", progress=event.progress)
            yield job
    last = client.get(job.id)
    yield last
    if not last.final:
        raise patience.over(last)
