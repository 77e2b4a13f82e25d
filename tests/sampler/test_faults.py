"""Short memory and a broken device are told from other errors, whoever raises them."""

import pytest
import torch

from sampler.batching import BatchSizes
from sampler.engine import Engine
from sampler.errors import EvaluationError
from sampler.faults import device_lost, out_of_memory
from sampler.sample import SampleResult
from tests.sampler.test_batching import Small, Watching
from tests.sampler.test_engine import latents_process

SHORT = [
    torch.OutOfMemoryError("CUDA out of memory"),
    MemoryError(),
    RuntimeError("[enforce fail at alloc_cpu.cpp:118] err == 0. DefaultCPUAllocator: can't allocate memory: …"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
]
BROKEN = [
    torch.AcceleratorError("CUDA error: an illegal memory access was encountered"),
    RuntimeError("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasSgemm( handle, …)`"),
    RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"),
]
OTHER = [RuntimeError("shapes do not match"), ValueError("CUBLAS_STATUS_ALLOC_FAILED in a prompt")]


def raised_from(cause: BaseException) -> Exception:
    error = EvaluationError("evaluating one Denoise failed")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize("error", SHORT, ids=str)
def test_short_memory_is_known(error: Exception) -> None:
    for told in (error, raised_from(error)):
        assert out_of_memory(told)
        assert not device_lost(told)


@pytest.mark.parametrize("error", BROKEN, ids=str)
def test_a_broken_device_is_known(error: Exception) -> None:
    for told in (error, raised_from(error)):
        assert device_lost(told)
        assert not out_of_memory(told)


@pytest.mark.parametrize("error", OTHER, ids=str)
def test_other_errors_are_neither(error: Exception) -> None:
    assert not out_of_memory(error)
    assert not device_lost(error)


def test_errors_that_name_each_other_as_their_cause_end() -> None:
    first, second = RuntimeError("a"), RuntimeError("b")
    first.__cause__, second.__cause__ = second, first
    assert not out_of_memory(first)


def test_what_a_cpu_cannot_allocate_really_raises_is_known() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60, dtype=torch.uint8)
    assert out_of_memory(caught.value)


@pytest.mark.parametrize("error", SHORT, ids=str)
def test_a_batch_is_halved_whoever_was_short_of_memory(error: Exception) -> None:
    evaluator, watch = Small(), Watching()
    evaluator.error = error
    engine: Engine[SampleResult] = Engine(evaluator, BatchSizes((4,)), watch)
    for seed in range(4):
        engine.add(latents_process(seed, steps=1))
    ends = []
    while engine.running:
        ends += engine.step()
    assert [end.error for end in ends] == [None] * 4
    assert watch.short == [4]
