"""What the mathematics of the methods that differentiate the network says about their parts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from sampler.constraints.inpaint import InpaintConstraint
from sampler.constraints.mask import Mask
from sampler.engine import Engine, Finished, Ticket, run
from sampler.errors import DivergedError, EvaluationError
from sampler.evaluation import Conditioning, Denoise, Denoised, Differentiate, Process
from sampler.peers import dps, freedom, psld
from sampler.peers.gradients import GradientRun, distance
from sampler.sample import SampleResult, SamplerOptions, sample
from tests.sampler.gaussian import NO_TEXT, SHAPE
from tests.sampler.peers.differentiable import KNOWN, MASK, DifferentiableWorld, picture, restoration

STEPS = 20


def test_published_settings_cost_what_they_say() -> None:
    assert dps.Settings().evaluations == psld.Settings().evaluations == 1000
    assert freedom.Settings().evaluations == 160
    assert freedom.Settings(STEPS).evaluations == 32


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
