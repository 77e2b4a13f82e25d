"""Jobs brought to a state, on a way that the table of transitions allows."""

from __future__ import annotations

from jobs.record import (
    ALLOWED_TRANSITIONS,
    JobRecord,
    JobState,
)
from jobs.store import JobStore

PATHS: dict[JobState, tuple[JobState, ...]] = {
    JobState.QUEUED: (),
    JobState.RUNNING: (JobState.RUNNING,),
    JobState.SUCCEEDED: (JobState.RUNNING, JobState.SUCCEEDED),
    JobState.FAILED: (JobState.FAILED,),
    JobState.CANCELED: (JobState.CANCELED,),
}


def bring(store: JobStore, record: JobRecord, state: JobState) -> None:
    store.create(record)
    for to in PATHS[state]:
        store.transition(record.id, to, expect=[origin for origin in JobState if to in ALLOWED_TRANSITIONS[origin]])
