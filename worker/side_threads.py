"""Threads beside the engine's: they must not take the cores from the network.

Each thread that calls torch gets a team of threads of its own, as large as the engine's. As soon as there are more in
all than cores, OpenMP's runtime lets idle ones sleep at once instead of waiting a moment for work, in the engine's team
too, and every one of the network's many small operations pays for waking them: a sixth of a worker's throughput on two
cores (`docs/results/engine-cpu`). What is done beside the engine is small, so one thread each is enough.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import torch


def compute_alone() -> None:
    """Let the calling thread do its tensor operations by itself, and those that are started later.

    A thread that is to have a team must ask for it (`torch.set_num_threads`), even if it had one.
    """
    torch.set_num_threads(1)


def side_pool(threads: int) -> ThreadPoolExecutor:
    """Threads that read uploads and write results."""
    return ThreadPoolExecutor(threads, thread_name_prefix="finishing", initializer=compute_alone)
