"""The methods that differentiate the network, in a Gaussian world that answers gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from sampler.constraints.inpaint import InpaintConstraint
from sampler.constraints.mask import Mask
from sampler.constraints.super_resolution import SuperResolution
from sampler.engine import Engine, Finished, Ticket, run
from sampler.errors import DivergedError, EvaluationError
from sampler.evaluation import (
    Conditioning,
    Decode,
    Denoise,
    Denoised,
    Differentiate,
    Differentiated,
    Encode,
    Process,
    Report,
    gradient_of,
)
from sampler.peers import dps, freedom, psld
from sampler.peers.gradients import GradientRun, distance
from sampler.peers.problem import Problem
from sampler.sample import SampleResult, SamplerOptions, sample
from sampler.schedule import Schedule
from tests.sampler.gaussian import NO_TEXT, SHAPE, GaussianEvaluator, keep_left, left_half
from tests.sampler.peers.restorations import Unmasked, problem, run_together, watched

KNOWN = left_half()
MASK = Mask(KNOWN[0].float())
STEPS = 20


def picture(latents: Tensor) -> Tensor:
    """(2, 4, 4) to (3, 4, 4), invertibly: the third channel is the mean of the others."""
    return torch.cat([latents, latents.mean(0, keepdim=True)])


class DifferentiableWorld(GaussianEvaluator):
    """The Gaussian world with gradients, and with an autoencoder that loses nothing."""

    def encode(self, requests: Sequence[Encode]) -> list[Tensor]:
        return [request.image[:2] for request in requests]

    def decode(self, requests: Sequence[Decode]) -> list[Tensor]:
        return [picture(request.latents) for request in requests]

    def differentiate(self, request: Differentiate) -> Differentiated:
        return gradient_of(request, _Networks(self))


@dataclass
class _Networks:
    world: DifferentiableWorld

    def denoise(self, x_t: Tensor, timestep: int, conditioning: Conditioning) -> Denoised:
        return self.world.denoise([Denoise(x_t, timestep, conditioning)])[0]

    def encode(self, image: Tensor) -> Tensor:
        return self.world.encode([Encode(image)])[0]

    def decode(self, latents: Tensor) -> Tensor:
        return self.world.decode([Decode(latents)])[0]


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


def restoration(x0: Tensor, seed: int = 0, schedule: Schedule | None = None, **changes: Any) -> Problem:
    """The left half of the picture of `x0` is known, in latents and in pixels."""
    stated = problem(keep_left(x0), seed, schedule)
    return replace(stated, operator=MASK, measurement=MASK.forward(picture(x0.float())), **changes)


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


def test_published_settings_cost_what_they_say() -> None:
    assert dps.Settings().evaluations == psld.Settings().evaluations == 1000
    assert freedom.Settings().evaluations == 160
    assert freedom.Settings(STEPS).evaluations == 32


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


def test_the_gradient_is_that_of_the_formula() -> None:
    """`-J^T A^T (y - A x0_hat) / |y - A x0_hat|` for an autoencoder that adds a third channel, here of weight 1 / 2."""
    world = DifferentiableWorld()
    asked = restoration(world.draw(0))
    step = asked.schedule.steps(STEPS)[7]
    x_t = asked.noise()

    def process() -> Process[tuple[Denoised, Tensor]]:
        yield from ()
        return (yield from GradientRun(asked, STEPS).differentiate(x_t, step, distance(asked)))

    engine: Engine[tuple[Denoised, Tensor]] = Engine(world)
    engine.add(process())
    [end] = engine.step()
    denoised, gradient = end.unwrap()
    plain = world.denoise([Denoise(x_t, step.timestep, NO_TEXT)])[0]
    torch.testing.assert_close(denoised.x0_hat, plain.x0_hat)
    A = torch.func.jacrev(lambda z: MASK.forward(picture(z)).flatten())(plain.x0_hat).flatten(1)
    error = asked.measurement.flatten() - A @ plain.x0_hat.flatten()
    expected = -(world.jacobian(step.timestep).float().T @ (A.T @ error)) / error.norm()
    torch.testing.assert_close(gradient.flatten(), expected, atol=1e-5, rtol=1e-4)


def test_the_gradient_of_a_measurement_met_exactly_is_zero() -> None:
    world = DifferentiableWorld()
    asked = restoration(world.draw(0))
    x_t = asked.noise()
    met = replace(asked, measurement=torch.zeros(3, 4, 4), operator=Mask(torch.zeros(4, 4)))
    answer = world.differentiate(Differentiate(x_t, lambda x, nets: (distance(met)(x, nets), None)))
    assert not answer.gradient.any()


def test_gluing_pulls_the_known_part_only_where_the_autoencoder_loses_nothing() -> None:
    """`|x0_hat - E(glued)|` is then the distance of the known latents to theirs, beside that of their pixels."""
    world = DifferentiableWorld()
    x0 = world.draw(0).float()
    asked = restoration(world.draw(0))
    x = x0 + torch.linspace(-1, 1, 32).reshape(SHAPE)
    energy = psld.glued_distance(asked, psld.Settings(omega=1e-9, gamma=0.5))
    answer = world.differentiate(Differentiate(x, lambda z, nets: (energy(z, nets), None)))
    off = (x - x0) * KNOWN
    assert answer.value == pytest.approx(0.5 * float(off.norm()), rel=1e-4)
    torch.testing.assert_close(answer.gradient, 0.5 * off / off.norm(), atol=1e-5, rtol=1e-4)


def test_freedom_without_travel_is_dps_with_lengths_that_grow_as_the_noise_falls() -> None:
    world = DifferentiableWorld()
    x0 = world.draw(0)
    for steps in (1, 3):
        guided = run(freedom.sample(restoration(x0), freedom.Settings(steps, repeats=1)), world).latents
        alpha_t = world.schedule.steps(steps)[0].alpha_t
        posterior = run(dps.sample(restoration(x0), dps.Settings(steps, alpha_t)), world).latents
        assert torch.equal(guided, posterior) == (steps == 1)


def test_freedom_may_travel_at_the_last_step() -> None:
    """Two steps repeat the second, from its clean end."""
    world = DifferentiableWorld()
    settings = freedom.Settings(2, repeats=2)
    assert settings.order == [0, 1, 1]
    assert run(freedom.sample(restoration(world.draw(0)), settings), world).nfe == 3


def test_a_gradient_runs_alone_and_its_failure_fails_only_its_own_process() -> None:
    world = DifferentiableWorld()
    together: list[int] = []

    def failing() -> Process[SampleResult]:
        def objective(x: Tensor, networks: object) -> tuple[Tensor, None]:
            together.append(len(world.batches[-1]) if world.batches else 0)
            raise RuntimeError("out of memory")

        yield Differentiate(torch.zeros(SHAPE), objective)
        raise AssertionError("a failed request is not answered")

    engine: Engine[SampleResult] = Engine(world)
    x0 = world.draw(0)
    bad = engine.add(failing())
    good = [engine.add(dps.sample(restoration(x0, seed), dps.Settings(3))) for seed in range(2)]
    plain = engine.add(sample(SHAPE, None, NO_TEXT, world.schedule, SamplerOptions(3), torch.Generator()))
    ends: dict[Ticket, Finished[SampleResult]] = {}
    while engine.running:
        ends |= {end.ticket: end for end in engine.step()}
    assert isinstance(ends[bad].error, EvaluationError)
    assert "out of memory" in str(ends[bad].error)
    assert all(len(batch) == 1 for batch in world.batches)
    for seed, ticket in enumerate(good):
        alone = run(dps.sample(restoration(x0, seed), dps.Settings(3)), world)
        assert torch.equal(ends[ticket].unwrap().latents, alone.latents)
    assert ends[plain].error is None


def test_an_evaluation_that_is_not_finite_is_divergence() -> None:
    world = DifferentiableWorld()
    nowhere = Conditioning(torch.full((1, 1), 1e6))
    with pytest.raises(DivergedError, match="reached"):
        run(dps.sample(restoration(world.draw(0), conditioning=nowhere), dps.Settings(3)), world)
    hole = InpaintConstraint(torch.zeros(SHAPE), KNOWN.float())
    unknown = restoration(world.draw(0), constraint=hole)
    with pytest.raises(DivergedError, match="gradient"):
        run(dps.sample(replace(unknown, measurement=torch.full((3, 4, 4), torch.nan)), dps.Settings(3)), world)


@pytest.mark.parametrize(
    ("settings", "wrong"),
    [
        (dps.Settings, {"steps": 0}),
        (dps.Settings, {"step_length": 0.0}),
        (psld.Settings, {"steps": 0}),
        (psld.Settings, {"omega": 0.0}),
        (psld.Settings, {"gamma": -0.1}),
        (freedom.Settings, {"steps": 0}),
        (freedom.Settings, {"repeats": 0}),
        (freedom.Settings, {"rate": float("nan")}),
    ],
)
def test_settings_out_of_range_are_refused(settings: Any, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must"):
        settings(**wrong)
