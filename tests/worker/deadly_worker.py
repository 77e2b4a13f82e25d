"""A worker that dies of one prompt in the middle of its sampling, with all jobs that it runs.

It has loaded everything when it begins to wait for the end of its standard input, and works from then on.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence

import torch

from deploy.loadtest.stub_model import StubModel
from deploy.loadtest.stub_worker import serve
from deploy.pace import Pace
from sampler.evaluation import Conditioning, Denoise, Denoised

POISON = "poison"
DEADLY_EVALUATION = 60
"""Late enough for jobs that wait beside it to be taken, too."""
CALL_S = 0.01


class DeadlyModel(StubModel):
    """Kills its process at a late evaluation for the prompt, whoever shares the call."""

    def __init__(self) -> None:
        super().__init__(Pace({1: CALL_S, 64: CALL_S}))
        self._poison = torch.ones_like(self._text)
        self._swallowed = 0

    def conditioning(self, prompt: str, negative_prompt: str, guidance_scale: float) -> Conditioning:
        """One of its own for the prompt."""
        return Conditioning(self._poison if prompt == POISON else self._text)

    def denoise(self, requests: Sequence[Denoise]) -> list[Denoised]:
        """As any other, but for the prompt."""
        self._swallowed += any(request.conditioning.prompt is self._poison for request in requests)
        if self._swallowed == DEADLY_EVALUATION:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().denoise(requests)


if __name__ == "__main__":
    model = DeadlyModel()
    sys.stdin.read()
    raise SystemExit(serve(model))
