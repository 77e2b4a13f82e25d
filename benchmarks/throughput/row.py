"""One line of the engine's results."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """What was measured at one batch size, or for one way of serving many. What does not apply is None.

    `measure`: `network` (text to image, engine beside a bare loop of the same calls), `jobs` (half pictures, so many
    together), `arrivals` (mixed jobs that come at random), `serial` (the same, one at a time), `served` (through Redis
    and a worker), `diffusers` (its own pipeline), `choice` (the network with one thing chosen otherwise).
    `density`: the time within which they come, as a share of what one at a time takes. `evaluations_per_s` are rows of
    network calls. Seconds of a job count from its arrival to its picture.
    `share_of_ceiling`: of the matrix-product rate measured in the same run. `max_abs_diff` (8-bit levels) and `psnr_db`
    compare a choice's pictures with the reference's; `reference_evaluations_per_s` was measured in turn with it.
    """

    measure: str
    device: str
    dtype: str
    model: str
    batch: int
    seed: int
    compiled: bool = False
    evaluations_per_s: float | None = None
    bare_evaluations_per_s: float | None = None
    overhead: float | None = None
    jobs: int | None = None
    jobs_per_s: float | None = None
    serial_jobs_per_s: float | None = None
    seconds_per_job: float | None = None
    p95_seconds_per_job: float | None = None
    longest_wait_calls: int | None = None
    mean_batch: float | None = None
    density: float | None = None
    peak_mb: float | None = None
    share_of_ceiling: float | None = None
    choice: str | None = None
    threads: int | None = None
    reference_evaluations_per_s: float | None = None
    max_abs_diff: int | None = None
    psnr_db: float | None = None
