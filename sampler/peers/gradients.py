"""What the methods share that differentiate the network: evaluations with a gradient, counted as such."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

import torch
from torch import Tensor

from sampler.errors import DivergedError, ProtocolError
from sampler.evaluation import Denoised, Networks, Process, differentiate
from sampler.peers.problem import Problem
from sampler.peers.run import Run
from sampler.sample import SampleResult
from sampler.schedule import Step

Energy: TypeAlias = Callable[[Tensor, Networks], Tensor]
"""(x0_hat (c, h, w), networks) to a scalar, differentiable: how far the clean estimate is from what is wanted."""


class GradientRun(Run):
    """A `Run` whose evaluations may be differentiated: each then counts as an NFE and as a backward pass."""

    def __init__(self, problem: Problem, steps: int) -> None:
        super().__init__(problem, steps)
        self._backward_passes = 0

    def differentiate(self, x_t: Tensor, step: Step, energy: Energy) -> Process[tuple[Denoised, Tensor]]:
        """The evaluation where `step` starts, and the gradient (c, h, w) of `energy` at its `x0_hat` by `x_t`.

        One request, which runs alone: the denoiser and all that the energy asks for are differentiated through. Raises
        `DivergedError` for a gradient that is not finite, and for an evaluation that `denoise` would refuse.
        """
        conditioning, largest = self._denoiser.conditioning, self._denoiser.largest_latent

        def objective(x: Tensor, networks: Networks) -> tuple[Tensor, Denoised]:
            denoised = networks.denoise(x, step.timestep, conditioning)
            return energy(denoised.x0_hat, networks), denoised

        self._denoiser.nfe += conditioning.nfe
        self._backward_passes += conditioning.nfe
        answer = yield from differentiate(x_t, objective)
        if answer.denoised is None:
            raise ProtocolError("the evaluation that was differentiated did not come back")
        size = float(answer.denoised.x0_hat.abs().amax())
        if not size <= largest:
            raise DivergedError(f"the clean estimate at timestep {step.timestep} reached {size}")
        return answer.denoised, answer.gradient

    def result(self, latents: Tensor) -> Process[SampleResult]:
        """As `Run.result`, with the backward passes."""
        result = yield from super().result(latents)
        return replace(result, backward_passes=self._backward_passes)


def distance(problem: Problem) -> Energy:
    """`|y - A D(x0_hat)|`, the Euclidean norm over all measured pixels; its gradient at 0 is 0."""

    def energy(x0_hat: Tensor, networks: Networks) -> Tensor:
        norm: Tensor = torch.linalg.vector_norm(problem.measurement - problem.operator.forward(networks.decode(x0_hat)))
        return norm

    return energy
