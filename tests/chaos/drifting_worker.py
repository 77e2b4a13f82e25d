"""A stub worker whose pictures are its own: what its seed gives on another worker looks otherwise."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence

from torch import Tensor

from deploy.loadtest.stub_model import StubModel
from deploy.loadtest.stub_worker import serve
from deploy.pace import Pace
from sampler.evaluation import Decode

LEVEL = 2 / 255


class DriftingModel(StubModel):
    """Every picture is a few levels brighter, as many as the process's id says."""

    def decode(self, requests: Sequence[Decode]) -> list[Tensor]:
        """As any other, but for the levels."""
        return [picture + LEVEL * (1 + os.getpid() % 16) for picture in super().decode(requests)]


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--pace", type=Pace.parse, required=True)
    raise SystemExit(serve(DriftingModel(parser.parse_args().pace)))
