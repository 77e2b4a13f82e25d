"""The tuned rival: a network trained to inpaint, driven by plain DDIM (Rombach et al. 2022, arXiv 2112.10752).

Its UNet takes nine channels: the noisy latents, a mask with 1 where the picture is to be made, and the masked latents.
Neither guidance by the constraint nor pasting is needed; what it costs is a training of its own. It needs an evaluator
whose network takes these channels (`worker.model.load_inpainting`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypeVar

import torch
from torch import Tensor

from sampler.constraints.base import MaskedConstraint
from sampler.evaluation import Answer, Denoise, Process, encode
from sampler.peers.problem import Problem
from sampler.peers.run import Run
from sampler.sample import SampleResult
from sampler.schedule import Eta

MaskedLatents = Literal["known_cells", "grey_hole"]
ValueT = TypeVar("ValueT")


@dataclass(frozen=True)
class Settings:
    """50 steps of deterministic DDIM, diffusers' number for inpainting checkpoints.

    `masked_latents`, as the network was trained: "known_cells" are the constraint's known latents, 0 elsewhere (the
    scenes' rival, `training/train_rival.py`); "grey_hole" are the latents of the picture with a grey hole, everywhere
    (Stable Diffusion's inpainting checkpoints). Raises `ValueError` below one step.
    """

    steps: int = 50
    eta: Eta = 0.0
    masked_latents: MaskedLatents = "known_cells"

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError("steps must be at least 1")

    @property
    def evaluations(self) -> int:
        """Requests to the network in a run."""
        return self.steps


def sample(problem: Problem, settings: Settings) -> Process[SampleResult]:
    """Latents near `y` where known. Raises `ValueError` without a mask, `DivergedError` as `Denoiser` does.

    The constraint is renewed as for every method, so "known_cells" sharpen while the run goes on.
    """
    run = Run(problem, settings.steps)
    seen = (yield from encode(problem.measurement)) if settings.masked_latents == "grey_hole" else None
    x_t = problem.noise()
    for step in problem.schedule.steps(settings.steps):
        extra = mask_and_latents(run.masked, seen)
        denoised = yield from with_extra(run.denoise(x_t, step), extra)
        yield from run.step_done(denoised.x0_hat)
        x_t = step.ddim(denoised.x0_hat, denoised.eps, settings.eta, problem.noise())
    return (yield from run.result(x_t))


def mask_and_latents(constraint: MaskedConstraint, seen: Tensor | None) -> Tensor:
    """(1 + c, h, w): 1 where a cell is not wholly known, then `seen`, or else the latents of the cells that are."""
    known = (constraint.mask == 1).to(constraint.y)
    return torch.cat([1 - known[:1], known * constraint.y if seen is None else seen])


def with_extra(process: Process[ValueT], extra: Tensor) -> Process[ValueT]:
    """The process, with further channels given to each of its evaluations."""
    answer: Answer = None
    while True:
        try:
            request = process.send(answer)
        except StopIteration as stop:
            value: ValueT = stop.value
            return value
        answer = yield replace(request, extra=extra) if isinstance(request, Denoise) else request
