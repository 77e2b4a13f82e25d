"""What runs beside the engine has one thread each; the engine keeps its own."""

from __future__ import annotations

import threading

import torch

from worker.side_threads import side_pool


def test_side_threads_compute_alone_and_leave_the_caller_its_team() -> None:
    had = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        with side_pool(2) as pool:
            together = threading.Barrier(2)

            def counted() -> int:
                together.wait(timeout=10)  # so that both threads are asked
                return torch.get_num_threads()

            assert [one.result() for one in [pool.submit(counted), pool.submit(counted)]] == [1, 1]
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(had)
