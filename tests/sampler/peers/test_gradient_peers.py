"""What every method that differentiates the network promises, in a Gaussian world that answers gradients."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import pytest
import torch

from sampler.constraints.super_resolution import SuperResolution
from sampler.engine import run
from sampler.errors import EvaluationError
from sampler.evaluation import Conditioning, Process, Report
from sampler.peers import dps, freedom, psld
from sampler.peers.problem import Problem
from sampler.sample import SampleResult, SamplerOptions, sample
from sampler.schedule import Schedule
from tests.sampler.gaussian import NO_TEXT, SHAPE, GaussianEvaluator
from tests.sampler.peers.differentiable import KNOWN, DifferentiableWorld, picture, restoration
from tests.sampler.peers.restorations import Unmasked, run_together, watched

STEPS = 20


@dataclass(frozen=True)
class Peer:
    """A method at few steps, its documented evaluations, and a bound on its distance as in the other peers' contract.

    `largest_residual` is in units of the known latents' deviation from the mean: 1 where the constraint does nothing.
    """

    name: str
    start: Callable[[Problem], Process[SampleResult]]
    evaluations: int
    distance: float
    largest_residual: float


PEERS = (
    Peer("dps", partial(dps.sample, settings=dps.Settings(STEPS, 1.0)), STEPS, 0.1, 0.25),
    Peer("psld", partial(psld.sample, settings=psld.Settings(STEPS, 0.5, 0.05)), STEPS, 0.1, 0.15),
    Peer("freedom", partial(freedom.sample, settings=freedom.Settings(STEPS)), 32, 0.1, 0.25),
)
each_peer = pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)


def mean_distance(peer: Peer, world: DifferentiableWorld, count: int = 12) -> float:
    x0 = world.draw(0)
    truth, _ = world.completion(x0, KNOWN)
    processes = [peer.start(restoration(x0, seed, world.schedule)) for seed in range(count)]
    mean = torch.stack([result.latents for result in run_together(processes, world)]).double().mean(0)
    return float((mean[~KNOWN] - truth).norm() / (truth - world.mean).norm())


@each_peer
def test_the_completions_mean_is_near_the_true_conditional_mean(peer: Peer) -> None:
    assert mean_distance(peer, DifferentiableWorld()) < peer.distance


@each_peer
def test_the_straight_path_of_flow_matching_serves_as_well(peer: Peer) -> None:
    """It starts where `x_t` is noise alone, `alpha_t = 0`."""
    assert mean_distance(peer, DifferentiableWorld("flow", Schedule.straight())) < peer.distance


@each_peer
def test_a_completion_is_nearer_to_the_conditional_mean_than_a_sample_without_constraint(peer: Peer) -> None:
    world = DifferentiableWorld()
    for seed in range(4):
        x0 = world.draw(seed)
        truth, _ = world.completion(x0, KNOWN)
        constrained = run(peer.start(restoration(x0, seed)), world).latents
        generator = torch.Generator().manual_seed(seed)
        free = run(sample(SHAPE, None, NO_TEXT, world.schedule, SamplerOptions(STEPS), generator), world).latents
        distances = [float((latents.double()[~KNOWN] - truth).norm()) for latents in (constrained, free)]
        assert distances[0] < distances[1]


@each_peer
def test_the_result_is_near_the_measurement(peer: Peer) -> None:
    world = DifferentiableWorld()
    x0 = world.draw(0)
    result = run(peer.start(restoration(x0)), world)
    assert result.residual is not None
    assert result.residual < peer.largest_residual * float((x0[KNOWN] - world.mean).square().mean().sqrt())
    missed = (result.latents - x0)[KNOWN].square().mean().sqrt()
    assert float(missed) == pytest.approx(result.residual, abs=1e-6)


@each_peer
@pytest.mark.parametrize("conditioning", [NO_TEXT, Conditioning(torch.zeros(1, 1), torch.ones(1, 1), 2.0)])
def test_every_evaluation_is_counted_and_every_one_is_differentiated(peer: Peer, conditioning: Conditioning) -> None:
    world = DifferentiableWorld()
    result = run(peer.start(restoration(world.draw(0), conditioning=conditioning)), world)
    assert sum(len(batch) for batch in world.batches) == peer.evaluations
    assert result.nfe == result.backward_passes == peer.evaluations * conditioning.nfe


@each_peer
def test_one_seed_is_one_answer_and_another_seed_another(peer: Peer) -> None:
    world = DifferentiableWorld()
    x0 = world.draw(0)
    before = torch.get_rng_state()
    first, again, other = (run(peer.start(restoration(x0, seed)), world).latents for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first, again)
    assert float((first - other)[~KNOWN].abs().max()) > 0.01


@each_peer
def test_each_step_is_reported_and_renewed_once_and_has_its_residual(peer: Peer) -> None:
    world = DifferentiableWorld()
    x0, reports = world.draw(0), list[Report]()
    constraint = watched(x0)
    result = run(peer.start(restoration(x0, constraint=constraint)), world, reports.append)
    assert [(report.step, report.steps) for report in reports] == [(n, STEPS) for n in range(1, STEPS + 1)]
    assert constraint.renewals == pytest.approx([number / STEPS for number in range(1, STEPS + 1)])
    assert len(result.residuals) == result.steps == STEPS


@each_peer
def test_a_measurement_that_is_no_mask_serves_as_well(peer: Peer) -> None:
    """Means of 2×2 pixels; the constraint in latents is only reported."""
    world = DifferentiableWorld()
    operator = SuperResolution(2)
    y = operator.forward(picture(world.draw(0).float()))
    asked = replace(restoration(world.draw(0)), constraint=Unmasked(), operator=operator, measurement=y)
    result = run(peer.start(asked), world)
    missed = (operator.forward(picture(result.latents)) - y).norm() / (y - world.mean).norm()
    assert float(missed) < 0.5


@each_peer
def test_an_evaluator_without_gradients_is_refused_by_an_evaluation_error(peer: Peer) -> None:
    world = GaussianEvaluator()
    with pytest.raises(EvaluationError, match="does not differentiate"):
        run(peer.start(restoration(world.draw(0))), world)
