"""Restorations of the Gaussian world for the methods that we compare with, and constraints that watch what is used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from sampler.batching import BatchSizes
from sampler.constraints.base import Constraint, MaskedConstraint, Misfit
from sampler.constraints.inpaint import InpaintConstraint
from sampler.engine import Engine, Ticket
from sampler.evaluation import Conditioning, Evaluator, Process
from sampler.peers.problem import Problem
from sampler.sample import SampleResult
from sampler.schedule import Schedule
from tests.sampler.gaussian import NO_TEXT, SHAPE, left_half


@dataclass(frozen=True, eq=False)
class KeepLeft:
    """The left half of a picture (..., 3, 8, 8) is known."""

    def forward(self, image: Tensor) -> Tensor:
        known = torch.zeros(8, 8).to(image)
        known[:, :4] = 1
        return known * image

    def adjoint(self, measurement: Tensor) -> Tensor:
        return self.forward(measurement)

    def pseudo_inverse(self, measurement: Tensor) -> Tensor:
        return self.forward(measurement)


@dataclass(frozen=True, eq=False)
class Unmasked:
    """A constraint without a mask: the mean of the latents is 0."""

    def misfit(self, x0_hat: Tensor) -> Process[Misfit]:
        yield from ()
        return Misfit(-x0_hat.mean().expand_as(x0_hat), abs(float(x0_hat.mean())))

    def renewed(self, x0_hat: Tensor, done: float) -> Process[Constraint]:
        yield from ()
        return self


@dataclass(frozen=True, eq=False)
class Watched:
    """Keeps the left half, and may hold anything finite in the hole; notes the shares at which it was renewed.

    From the share `from_share` on it holds `later` instead of `y`.
    """

    y: Tensor
    mask: Tensor
    later: Tensor | None = None
    from_share: float = 0.5
    renewals: list[float] = field(default_factory=list)

    def misfit(self, x0_hat: Tensor) -> Process[Misfit]:
        return InpaintConstraint(self.y, self.mask).misfit(x0_hat)

    def renewed(self, x0_hat: Tensor, done: float) -> Process[MaskedConstraint]:
        yield from ()
        self.renewals.append(done)
        return replace(self, y=self.later) if self.later is not None and done >= self.from_share else self


def watched(x0: Tensor, hole: float = 0.0, later: Tensor | None = None) -> Watched:
    """The left half of `x0` is known, and the right half filled with a number."""
    return Watched(x0.float().masked_fill(~left_half(), hole), left_half().float(), later)


def problem(
    constraint: Constraint, seed: int = 0, schedule: Schedule | None = None, conditioning: Conditioning = NO_TEXT
) -> Problem:
    """One restoration in the Gaussian world."""
    return Problem(
        latents_shape=SHAPE,
        constraint=constraint,
        operator=KeepLeft(),
        measurement=torch.zeros(3, 8, 8),
        conditioning=conditioning,
        schedule=schedule or Schedule.from_betas(),
        generator=torch.Generator().manual_seed(seed),
    )


def run_together(processes: Sequence[Process[SampleResult]], evaluator: Evaluator) -> list[SampleResult]:
    """Their results, in order, from one engine that batches all of them."""
    engine: Engine[SampleResult] = Engine(evaluator, BatchSizes((len(processes),)))
    tickets = [engine.add(process) for process in processes]
    results: dict[Ticket, SampleResult] = {}
    while engine.running:
        results |= {end.ticket: end.unwrap() for end in engine.step()}
    return [results[ticket] for ticket in tickets]
