"""Names of all Redis keys of this project, in one place."""

from __future__ import annotations

import hashlib
import re

ACTIVE = "inlay:active"
"""Sorted set of ids of jobs that are not final, by creation time. Only this and `DELIVERIES` have no TTL."""

DELIVERIES = "inlay:deliveries"
"""Sorted set of ids of jobs whose webhook is still to be delivered, by the Unix time of the next attempt or, during
one, of the end of its lease."""

UPLOADS = "inlay:uploads"
"""Hash of the bytes that the pictures of unfinished jobs take, by job, and their `total`; gone when there are none."""

SERVICE_TIME = "inlay:service_time"
WORKERS = "inlay:workers"
WORKER_SEEN = "inlay:worker_seen"
"""Unix time of the last sign of life of any worker."""

REFUSED_ENTRIES = "inlay:refused_entries"
"""List of the queue entries that workers refused last, newest first."""

RECOVERY_LOCK = "inlay:recovery"
BLOB_SWEEP_LOCK = "inlay:blob_sweep"

_BLOB = re.compile(r"inlay:blob:([A-Za-z0-9_-]{8,64}):([a-z]+(?:-[0-9]+)?)", re.ASCII)


def turns(queue_key: str, what: str) -> str:
    """Order of a queue: `tags` and `owners` of those that wait, the virtual time `now`, and each of its `callers`."""
    return f"inlay:turns:{queue_key}:{what}"


def job(job_id: str) -> str:
    """Hash of one job record."""
    return f"inlay:job:{job_id}"


def tombstone(job_id: str) -> str:
    """Outlives the record, so that an expired job can be told from one that never was."""
    return f"inlay:tombstone:{job_id}"


def events(job_id: str) -> str:
    """Stream of what happened to a job; lives exactly as long as its record."""
    return f"inlay:events:{job_id}"


def delivery(job_id: str) -> str:
    """Hash of the webhook of a job that has ended; lives as long as its record, or its `departed` one."""
    return f"inlay:delivery:{job_id}"


def delivery_log(job_id: str) -> str:
    """List of the attempts to deliver a job's webhook; lives as long as its record."""
    return f"inlay:delivery_log:{job_id}"


def departed(job_id: str) -> str:
    """Record of a job that was deleted before its webhook was delivered; gone as soon as that is over."""
    return f"inlay:departed:{job_id}"


def previews(job_id: str) -> str:
    """Mark that somebody wants to see the job's previews; set anew every few seconds while that is so."""
    return f"inlay:previews:{job_id}"


def blob(job_id: str, name: str) -> str:
    """Key of a job's blob, e.g. `inlay:blob:<job>:image`; results begin with `result-`."""
    return f"inlay:blob:{job_id}:{name}"


def blob_parts(key: str) -> tuple[str, str]:
    """Job and name of a blob's key; neither can lead out of the job. Raises `ValueError` for any other key."""
    found = _BLOB.fullmatch(key)
    if found is None:
        raise ValueError(f"{key!r} is no key of a blob")
    return found[1], found[2]


def caller(name: str, what: str) -> str:
    """What is kept for one caller: `jobs` and `active` (ids), `submissions` (when), `idempotency:…`."""
    return f"inlay:caller:{name}:{what}"


def idempotency(name: str, key: str) -> str:
    """What a caller's `Idempotency-Key` stands for; hashed, since clients may choose any text."""
    return caller(name, f"idempotency:{hashlib.sha256(key.encode()).hexdigest()}")


def reservation(job_id: str) -> str:
    """Name of the worker that takes nothing more until it may run the job's last attempt; gone soon after its end."""
    return f"inlay:reservation:{job_id}"


def worker(name: str) -> str:
    """Presence of one worker."""
    return f"inlay:worker:{name}"
