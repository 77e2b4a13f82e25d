from __future__ import annotations

import pytest
import torch

from worker.process import generator_seed


@pytest.mark.parametrize("seed", [0, 5, 2**32 - 1])
def test_small_seeds_are_used_as_they_are(seed: int) -> None:
    assert generator_seed(seed) == seed


def test_all_bits_of_a_seed_count() -> None:
    """Torch's CPU generator alone would draw the same noise for all of these."""
    seeds = [5, 5 + 2**32, 5 + 2**33, 5 + 2**62]
    noises = {float(torch.randn((), generator=torch.Generator().manual_seed(generator_seed(seed)))) for seed in seeds}
    assert len(noises) == len(seeds)
