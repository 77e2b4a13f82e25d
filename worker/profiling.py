"""Measures the network at a few batch sizes, so that calls are as large as is useful and no larger.

Rows beyond a device's saturation make a call longer, not the work quicker, and whoever joins waits for it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence

import torch

from sampler.batching import BatchSizes
from sampler.evaluation import Conditioning, Denoise, Evaluator
from sampler.faults import out_of_memory
from worker.diffusers_model import DiffusersModel

logger = logging.getLogger(__name__)

REPEATS = 3
GAIN = 0.95
"""The largest useful size is the smallest that answers this share of the best rows a second."""


def measure(model: DiffusersModel, evaluator: Evaluator, sizes: Sequence[int]) -> dict[int, float]:
    """Seconds of a call of the network at native size for each of `sizes`, the least of a few after a first.

    Ends early at a size that does not fit into memory, and when twice the rows have taken twice the time.
    """
    side = model.native_size_px
    latents = torch.zeros(model.latents_shape(side, side), device=model.device)
    conditioning = Conditioning(model.conditioning("", "", 1.0).prompt)
    seconds: dict[int, float] = {}
    for size in sizes:
        requests = [Denoise(latents, 1, conditioning)] * size
        try:
            seconds[size] = min([_timed(evaluator, requests) for _ in range(1 + REPEATS)][1:])
        except Exception as error:
            if not out_of_memory(error):
                raise
            logger.warning("%d rows do not fit into memory", size)
            break
        if _saturated(seconds):
            break
    return seconds


def useful(sizes: BatchSizes, seconds: Mapping[int, float]) -> BatchSizes:
    """`sizes` up to the largest useful one, with what was measured; unchanged if nothing fitted."""
    if not seconds:
        return sizes
    most = largest_useful(seconds)
    network = tuple(size for size in sizes.network if size <= most) or (most,)
    return BatchSizes(network, sizes.image, {size: taken for size, taken in seconds.items() if size <= most})


def largest_useful(seconds: Mapping[int, float]) -> int:
    """The smallest size that answers nearly as many rows a second as the best."""
    best = max(size / taken for size, taken in seconds.items())
    return min(size for size, taken in seconds.items() if size / taken >= GAIN * best)


def _saturated(seconds: Mapping[int, float]) -> bool:
    """Whether the two last sizes brought hardly anything over the one before them."""
    rates = [size / taken for size, taken in seconds.items()]
    return len(rates) > 2 and GAIN * max(rates[-2:]) < rates[-3]


def _timed(evaluator: Evaluator, requests: Sequence[Denoise]) -> float:
    began = time.perf_counter()
    evaluator.denoise(requests)
    return time.perf_counter() - began
