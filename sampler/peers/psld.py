"""Posterior sampling with latent diffusion (Rout et al. 2023, arXiv 2307.00619, algorithm 1).

Many latents decode to pictures that meet the measurement. A second term, beside that of DPS, pulls the clean estimate
to those which the autoencoder returns unchanged once the measurement is glued into their picture:

    x_s = DDIM step from x_t - d (omega |y - A D(x0_hat)| + gamma |x0_hat - E(glued)|) / d x_t
    glued = A^+ y + (I - A^+ A) D(x0_hat)

The paper writes squared norms with steps that it leaves open; the released code takes the norms, and so does this. It
also writes `A^T`, for operators of which `A^T A` is a projection, as is a mask's; `A^+` is the same there, and glues
where `A^T` would not, as with averages of pixels. The encoder answers its mean, not a draw.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sampler.evaluation import Networks, Process
from sampler.peers.gradients import Energy, GradientRun
from sampler.peers.problem import Problem
from sampler.sample import SampleResult
from sampler.schedule import Eta


@dataclass(frozen=True)
class Settings:
    """The released code's: 1000 steps of deterministic DDIM, `omega` 1, `gamma` 0.1.

    Its script for large holes has both ten times smaller; the ratio is the same. As with DPS, fewer steps want larger
    weights. Raises `ValueError` out of range.
    """

    steps: int = 1000
    omega: float = 1.0
    gamma: float = 0.1
    eta: Eta = 0.0

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError("steps must be at least 1")
        if not (self.omega > 0 and self.gamma >= 0):
            raise ValueError("omega must be positive and gamma must not be negative")

    @property
    def evaluations(self) -> int:
        """Requests to the network in a run, each of them differentiated."""
        return self.steps


def sample(problem: Problem, settings: Settings) -> Process[SampleResult]:
    """Latents near the measurement; any operator will do. Raises `DivergedError` as `GradientRun` does."""
    run = GradientRun(problem, settings.steps)
    energy = glued_distance(problem, settings)
    x_t = problem.noise()
    for step in problem.schedule.steps(settings.steps):
        denoised, gradient = yield from run.differentiate(x_t, step, energy)
        yield from run.step_done(denoised.x0_hat)
        x_t = step.ddim(denoised.x0_hat, denoised.eps, settings.eta, problem.noise()) - gradient
    return (yield from run.result(x_t))


def glued_distance(problem: Problem, settings: Settings) -> Energy:
    """`omega |y - A D(x0_hat)| + gamma |x0_hat - E(A^+ y + (I - A^+ A) D(x0_hat))|`; the picture is decoded once."""
    operator, y = problem.operator, problem.measurement

    def energy(x0_hat: Tensor, networks: Networks) -> Tensor:
        image = networks.decode(x0_hat)
        error = y - operator.forward(image)
        glued = image + operator.pseudo_inverse(error)
        off = x0_hat - networks.encode(glued)
        norm: Tensor = settings.omega * torch.linalg.vector_norm(error) + settings.gamma * torch.linalg.vector_norm(off)
        return norm

    return energy
