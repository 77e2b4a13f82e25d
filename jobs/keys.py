"""Names of all Redis keys of this project, in one place."""

from __future__ import annotations

import hashlib

ACTIVE = "inlay:active"
"""Sorted set of ids of jobs that are not final, by creation time. The only key without a TTL."""

SERVICE_TIME = "inlay:service_time"
WORKERS = "inlay:workers"
WORKER_SEEN = "inlay:worker_seen"
"""Unix time of the last sign of life of any worker."""

RECOVERY_LOCK = "inlay:recovery"


def job(job_id: str) -> str:
    """Hash of one job record."""
    return f"inlay:job:{job_id}"


def tombstone(job_id: str) -> str:
    """Outlives the record, so that an expired job can be told from one that never was."""
    return f"inlay:tombstone:{job_id}"


def events(job_id: str) -> str:
    """Stream of what happened to a job; lives exactly as long as its record."""
    return f"inlay:events:{job_id}"


def previews(job_id: str) -> str:
    """Mark that somebody wants to see the job's previews; set anew every few seconds while that is so."""
    return f"inlay:previews:{job_id}"


def blob(job_id: str, name: str) -> str:
    """Key of a job's blob, e.g. `inlay:blob:<job>:image`; results are named `result-0` and so on."""
    return f"inlay:blob:{job_id}:{name}"


def caller(name: str, what: str) -> str:
    """What is kept for one caller: `jobs` and `active` (ids), `submissions` (when), `idempotency:…`."""
    return f"inlay:caller:{name}:{what}"


def idempotency(name: str, key: str) -> str:
    """What a caller's `Idempotency-Key` stands for; hashed, since clients may choose any text."""
    return caller(name, f"idempotency:{hashlib.sha256(key.encode()).hexdigest()}")


def worker(name: str) -> str:
    """Presence of one worker."""
    return f"inlay:worker:{name}"
