"""A stub worker that dies of one prompt, as a worker does of a job that a driver or a library cannot bear."""

from __future__ import annotations

import argparse
import os
import signal

from deploy.loadtest.stub_model import StubModel
from deploy.loadtest.stub_worker import serve
from deploy.pace import Pace
from sampler.evaluation import Conditioning

POISON = "poison"


class PoisonedModel(StubModel):
    """Kills its process when it is to read the prompt."""

    def conditioning(self, prompt: str, negative_prompt: str, guidance_scale: float) -> Conditioning:
        """As any other, but for one prompt."""
        if prompt == POISON:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().conditioning(prompt, negative_prompt, guidance_scale)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--pace", type=Pace.parse, required=True)
    raise SystemExit(serve(PoisonedModel(parser.parse_args().pace)))
