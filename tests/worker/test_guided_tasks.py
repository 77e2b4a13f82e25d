"""Text with classifier-free guidance in every task, on a tiny random model."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from jobs.record import JobRecord, JobState
from jobs.spec import TASKS
from tests.worker.conftest import Bench, StartWorker, half_mask, noise_png
from worker.style_features import JudgeFeatures

ASKED: dict[str, dict[str, Any]] = {
    "inpaint": {"mask": half_mask(64, 64)},
    "complete": {"solver": "newton"},
    "outpaint": {"left_px": 24},
    "upscale": {"factor": 2},
    "colorize": {},
    "deblur": {"sigma_px": 2.0},
    "style": {"reference": noise_png(64, 64), "width_px": 64, "height_px": 64},
    "generate": {"width_px": 64, "height_px": 64},
}


def evaluations(record: JobRecord) -> int:
    assert record.state is JobState.SUCCEEDED, record
    assert record.timings is not None
    return record.timings.nfe


def test_every_task_follows_its_prompt_more_strongly_at_twice_the_evaluations(
    bench: Bench, start_worker: StartWorker
) -> None:
    assert set(ASKED) == set(TASKS)
    torch.manual_seed(3)
    features = JudgeFeatures().eval().requires_grad_(False)
    with start_worker(features=features):
        ids = {
            (task, scale): bench.submit(task=task, prompt="a red house", guidance_scale=scale, **asked)
            for task, asked in ASKED.items()
            for scale in (1.0, 6.0)
        }
        records = {key: bench.wait(job_id) for key, job_id in ids.items()}
    for task in ASKED:
        free, guided = records[task, 1.0], records[task, 6.0]
        assert evaluations(guided) == 2 * evaluations(free), task
        assert not np.array_equal(np.asarray(bench.result(guided)), np.asarray(bench.result(free))), task
