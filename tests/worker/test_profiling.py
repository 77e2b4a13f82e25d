"""The largest useful batch is measured, not guessed."""

import time
from collections.abc import Sequence

import torch

from sampler.batching import BatchSizes
from sampler.evaluation import Decode, Denoise, Denoised, Encode
from worker.diffusers_model import DiffusersModel
from worker.profiling import largest_useful, measure, useful


class Device:
    """Answers as many rows at once as it has lanes, in a hundredth of a second; has memory for `most` rows."""

    def __init__(self, lanes: int, most: int = 1000) -> None:
        self.lanes, self.most = lanes, most

    def denoise(self, requests: Sequence[Denoise]) -> list[Denoised]:
        if len(requests) > self.most:
            raise torch.OutOfMemoryError("out of memory")
        time.sleep(0.01 * -(-len(requests) // self.lanes))
        return [Denoised(request.x_t, request.x_t) for request in requests]

    def encode(self, requests: Sequence[Encode]) -> list[torch.Tensor]:
        raise AssertionError("not the network")

    def decode(self, requests: Sequence[Decode]) -> list[torch.Tensor]:
        raise AssertionError("not the network")


def test_a_saturated_device_is_given_no_more_than_it_can_do_at_once(tiny_model: DiffusersModel) -> None:
    seconds = measure(tiny_model, Device(lanes=4), (1, 2, 4, 8, 16, 32, 64))
    assert largest_useful(seconds) == 4
    assert max(seconds) < 64
    assert useful(BatchSizes((1, 2, 4, 8, 16, 32, 64)), seconds).network == (1, 2, 4)


def test_memory_ends_the_measuring(tiny_model: DiffusersModel) -> None:
    seconds = measure(tiny_model, Device(lanes=100, most=8), (1, 2, 4, 8, 16, 32))
    assert list(seconds) == [1, 2, 4, 8]
    sizes = useful(BatchSizes(tuple(range(1, 33))), seconds)
    assert sizes.network == (1, 2, 3, 4, 5, 6, 7, 8)
    assert set(sizes.seconds) == {1, 2, 4, 8}


def test_nothing_measured_changes_nothing(tiny_model: DiffusersModel) -> None:
    sizes = BatchSizes((1, 2))
    assert useful(sizes, measure(tiny_model, Device(1, most=0), (1, 2))) is sizes


def test_a_little_more_is_not_worth_a_longer_call() -> None:
    assert largest_useful({1: 1.0, 2: 1.0, 4: 1.99, 8: 3.9}) == 2
