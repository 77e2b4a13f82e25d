"""First calls are slow: they compile, choose kernels and fill caches. Better now than in somebody's job."""

from __future__ import annotations

import torch

from sampler.batching import BatchSizes
from sampler.evaluation import Decode, Encode, Evaluator
from worker.diffusers_model import DiffusersModel
from worker.profiling import measure, useful


def batch_sizes(max_batch: int, *, fixed: bool) -> BatchSizes:
    """The batch sizes that the network is given, up to `max_batch` guided samples, which take two rows each.

    `fixed`, for compiled graphs and GPUs, keeps to powers of two; otherwise every size is used and nothing is padded.
    """
    return BatchSizes(_powers(2 * max_batch) if fixed else tuple(range(1, 2 * max_batch + 1)))


def warm_up(model: DiffusersModel, evaluator: Evaluator, sizes: BatchSizes) -> BatchSizes:
    """Evaluate the network at native size, the autoencoder once each way; return the sizes that are useful.

    Every size is evaluated when they are powers of two, that is when a graph may be made for each.
    """
    side = model.native_size_px
    evaluator.encode([Encode(torch.zeros(3, side, side, device=model.device))])
    evaluator.decode([Decode(torch.zeros(model.latents_shape(side, side), device=model.device))])
    powers = [size for size in _powers(sizes.network[-1]) if size <= sizes.network[-1]]
    return useful(sizes, measure(model, evaluator, powers))


def _powers(most: int) -> tuple[int, ...]:
    """Powers of two from 1 up to the first that is `most` or more."""
    return tuple(1 << power for power in range((most - 1).bit_length() + 1))
