"""LanPaint (Zheng, Lan & Wang 2025, arXiv 2502.03491): Langevin dynamics between the steps of an ODE sampler.

At each noise level a few iterations of Langevin dynamics let hole and known part come to equilibrium. Two ideas make
few iterations do:

- the bidirectional guided score: the hole follows the network's score; the known part is drawn to the noised `y` with
  weight `1 + guidance` and pushed off the network's own score with weight `guidance`, so that it too gives way:
      s_hole = -eps / sigma_t,    s_known = -(1 + guidance) (x_t - alpha_t y) / sigma_t^2 + guidance * eps / sigma_t
- fast Langevin dynamics: underdamped, each stretch solved exactly as a damped oscillator around the point `rest` where
  the force would vanish if its part that comes from the network stood still (`sampler/peers/oscillator.py`).

`inner_steps + 1` evaluations a step. As in the authors' benchmark code: the time step is `step_size * sigma_t^2`,
friction scales with the stiffness `A = (1 + guidance * mask) / sigma_t^2`, the known part enters each level as one path
of the forward process, and Euler's step on the probability flow ODE, which is DDIM without noise, leads to the next.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sampler.constraints.base import MaskedConstraint
from sampler.evaluation import Denoised, Process
from sampler.peers.oscillator import Flow
from sampler.peers.problem import CLEAN, Level, Problem, paste
from sampler.peers.run import Run
from sampler.sample import SampleResult
from sampler.schedule import Step


@dataclass(frozen=True)
class Settings:
    """LanPaint-5 as in the authors' benchmark: 20 steps of 5 iterations, 120 evaluations.

    `guidance` is the paper's lambda, `step_size` the time step in units of `sigma_t^2`, and `friction^2` the damping in
    units of the stiffness. Raises `ValueError` out of range.
    """

    steps: int = 20
    inner_steps: int = 5
    guidance: float = 8.0
    step_size: float = 0.15
    friction: float = 15.0

    def __post_init__(self) -> None:
        if self.steps < 1 or self.inner_steps < 0:
            raise ValueError("steps must be at least 1 and inner_steps at least 0")
        if not (self.guidance >= 0 and self.step_size > 0 and self.friction > 0):
            raise ValueError("guidance must not be negative, step_size and friction must be positive")

    @property
    def evaluations(self) -> int:
        """Requests to the network in a run."""
        return self.steps * (self.inner_steps + 1)


def sample(problem: Problem, settings: Settings) -> Process[SampleResult]:
    """Latents whose known part is exactly `y`. Raises `ValueError` without a mask, `DivergedError` as `Denoiser`."""
    run = Run(problem, settings.steps)
    steps = problem.schedule.steps(settings.steps)
    x_t = problem.noise()
    for step, noise in zip(steps, forward_noise(problem, steps), strict=True):
        x_t = paste(x_t, step.alpha_t * run.masked.y + noise, run.masked.mask)
        x_t = yield from equilibrate(x_t, step, run, problem, settings)
        denoised = yield from run.denoise(x_t, step)
        yield from run.step_done(denoised.x0_hat)
        x_t = step.ddim(denoised.x0_hat, denoised.eps)
    return (yield from run.result(paste(x_t, run.masked.y, run.masked.mask)))


def equilibrate(x_t: Tensor, step: Step, run: Run, problem: Problem, settings: Settings) -> Process[Tensor]:
    """`inner_steps` iterations of Langevin dynamics at one noise level, an evaluation each; returns `x_t` (c, h, w).

    The first takes a whole stretch. Each further one takes half of it around the old `rest`, evaluates, kicks `v` by
    what the force has changed over the whole stretch, and takes the other half.
    """

    def rest_at(x: Tensor) -> Process[Tensor]:
        denoised = yield from run.denoise(x, step)
        return rest_point(x, step, denoised, run.masked, settings.guidance)

    if settings.inner_steps == 0:
        return x_t
    stiffness = 1.0 + settings.guidance * run.masked.mask
    stretch = settings.step_size * stiffness
    root = stiffness.sqrt() / step.sigma_t
    whole, half = Flow.over(stretch, settings.friction), Flow.over(stretch / 2, settings.friction)
    rest = yield from rest_at(x_t)
    x_t, v = move(x_t, problem.noise(), rest, root, whole, problem)
    for _ in range(settings.inner_steps - 1):
        x_t, v = move(x_t, v, rest, root, half, problem)
        moved = yield from rest_at(x_t)
        v = v + settings.friction * stretch * root * (moved - rest)
        x_t, v = move(x_t, v, rest, root, half, problem)
        rest = moved
    return x_t


def move(x_t: Tensor, v: Tensor, rest: Tensor, root: Tensor, flow: Flow, problem: Problem) -> tuple[Tensor, Tensor]:
    """Position and velocity after a stretch around `rest`; `root` is the square root of the stiffness `A`."""
    u, v = flow.advance(root * (x_t - rest), v, (problem.noise(), problem.noise()))
    return rest + u / root, v


def rest_point(x_t: Tensor, step: Step, denoised: Denoised, constraint: MaskedConstraint, guidance: float) -> Tensor:
    """Where the force of the bidirectional score vanishes if its part from the network is held fixed, (c, h, w).

    `alpha_t x0_hat` in the hole, `alpha_t y + guidance / (1 + guidance) * sigma_t eps` where known.
    """
    mask = constraint.mask
    known = (1.0 + guidance) * step.alpha_t * constraint.y + guidance * step.sigma_t * denoised.eps
    return ((1.0 - mask) * step.alpha_t * denoised.x0_hat + mask * known) / (1.0 + guidance * mask)


def forward_noise(problem: Problem, steps: list[Step]) -> list[Tensor]:
    """One path of the forward process from 0: for each step the noise, of deviation `sigma_t`, where it starts."""
    path = []
    noise, level = torch.zeros_like(problem.masked.y), CLEAN
    for step in reversed(steps):
        noise = problem.diffuse(noise, level, Level.before(step))
        level = Level.before(step)
        path.append(noise)
    return path[::-1]
