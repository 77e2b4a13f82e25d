"""Which errors of a device mean that memory was short, and which that its context is broken.

torch has classes for both, but not everything that it calls raises them: its CPU allocator and the CUDA libraries tell
by the message of a plain `RuntimeError`, numpy and Pillow by a `MemoryError`.
"""

from __future__ import annotations

import torch

SHORT_OF_MEMORY = (
    "DefaultCPUAllocator: can't allocate memory",
    "DefaultCPUAllocator: not enough memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
)
BROKEN_CONTEXT = ("CUBLAS_STATUS_EXECUTION_FAILED", "CUDNN_STATUS_EXECUTION_FAILED")


def out_of_memory(error: BaseException) -> bool:
    """Whether the error, or one that it was raised from, says that memory was short: a smaller batch may fit."""
    return any(
        isinstance(cause, torch.OutOfMemoryError | MemoryError) or _says(cause, SHORT_OF_MEMORY)
        for cause in _causes(error)
    )


def device_lost(error: BaseException) -> bool:
    """Whether an evaluation failed because the accelerator's context is broken."""
    return not out_of_memory(error) and any(
        isinstance(cause, torch.AcceleratorError) or _says(cause, BROKEN_CONTEXT) for cause in _causes(error)
    )


def _causes(error: BaseException | None) -> list[BaseException]:
    """The error, what it was raised from, and so on."""
    causes: list[BaseException] = []
    while error is not None and error not in causes:
        causes.append(error)
        error = error.__cause__
    return causes


def _says(error: BaseException, messages: tuple[str, ...]) -> bool:
    return isinstance(error, RuntimeError) and any(message in str(error) for message in messages)
