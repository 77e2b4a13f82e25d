"""The sampler proved against a world whose completion is known in closed form."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from sampler.batching import BatchSizes
from sampler.correction import PUBLISHED, probe
from sampler.engine import Engine, Ticket
from sampler.evaluation import Denoised, Denoiser
from sampler.prediction import PredictionType
from sampler.sample import SampleResult, SamplerOptions, sample
from sampler.schedule import Eta, Schedule
from tests.sampler.gaussian import NO_TEXT, SHAPE, SIZE, GaussianEvaluator, keep_left, left_half
from tests.sampler.stepping import answer_all

TYPES: tuple[PredictionType, ...] = ("epsilon", "v_prediction", "flow")
KNOWN = left_half()


def completions(world: GaussianEvaluator, x0: Tensor, options: SamplerOptions, count: int) -> Tensor:
    """Samples (count, 2, 4, 4) with the left half of `x0` given."""
    engine: Engine[SampleResult] = Engine(world, BatchSizes((count,)))
    for seed in range(count):
        generator = torch.Generator().manual_seed(seed)
        engine.add(sample(SHAPE, keep_left(x0), NO_TEXT, world.schedule, options, generator))
    latents: dict[Ticket, Tensor] = {}
    while engine.running:
        latents |= {end.ticket: end.unwrap().latents for end in engine.step()}
    return torch.stack([latents[ticket] for ticket in sorted(latents)]).double()


@pytest.mark.parametrize(
    ("prediction_type", "eta"),
    [("epsilon", "paper"), ("v_prediction", "paper"), ("flow", "paper"), ("v_prediction", 1.0)],
)
def test_mean_of_the_completions_approaches_the_true_conditional_mean(
    prediction_type: PredictionType, eta: Eta
) -> None:
    """Measured 0.015 … 0.03 of the distance that knowing the left half moves the mean; sampling error is about 0.01."""
    world = GaussianEvaluator(prediction_type)
    x0 = world.draw(0)
    truth, covariance = world.completion(x0, KNOWN)
    samples = completions(world, x0, SamplerOptions(eta=eta), 32)
    assert float((samples[:, ~KNOWN].mean(0) - truth).norm() / (truth - world.mean).norm()) < 0.05
    spread = samples[:, ~KNOWN].std(0).mean() / covariance.diagonal().sqrt().mean()
    assert 0.4 < float(spread) < 1.1
    assert float((samples - x0)[:, KNOWN].square().mean().sqrt()) < 0.03


SCHEDULES = {
    "scaled_linear": Schedule.from_betas(),
    "zero_snr": replace(Schedule.from_betas(zero_snr=True), spacing="trailing"),
    "straight": Schedule.straight(),
}


@pytest.mark.parametrize(
    ("prediction_type", "schedule"),
    [
        ("epsilon", "scaled_linear"),
        ("v_prediction", "scaled_linear"),
        ("v_prediction", "zero_snr"),
        ("flow", "straight"),
    ],
)
def test_two_evaluations_a_timestep_reach_the_true_conditional_mean_on_every_schedule(
    prediction_type: PredictionType, schedule: str
) -> None:
    """Our solver under Stable Diffusion 1.x's and 2.x's schedules, the zero-terminal-SNR variant and flow matching.

    Measured 0.015 … 0.03, as the paper's solver at 220 evaluations; both draw the completions a little too alike.
    """
    world = GaussianEvaluator(prediction_type, SCHEDULES[schedule])
    x0 = world.draw(0)
    truth, covariance = world.completion(x0, KNOWN)
    samples = completions(world, x0, SamplerOptions(solver="default", eta=1.0), 32)
    assert float((samples[:, ~KNOWN].mean(0) - truth).norm() / (truth - world.mean).norm()) < 0.05
    spread = samples[:, ~KNOWN].std(0).mean() / covariance.diagonal().sqrt().mean()
    assert 0.4 < float(spread) < 1.1
    assert float((samples - x0)[:, KNOWN].square().mean().sqrt()) < 0.1


def test_without_a_constraint_the_samples_have_the_worlds_mean_and_covariance() -> None:
    """With eta 0 the sampler is an affine map of its noise, so unit noises give its law: nothing is left to chance."""
    world = GaussianEvaluator(schedule=replace(Schedule.from_betas(zero_snr=True), spacing="trailing"))
    engine: Engine[SampleResult] = Engine(world, BatchSizes((SIZE + 1,)))
    options = SamplerOptions(steps=50, eta=0.0)
    noises = torch.cat([torch.zeros(1, SIZE), torch.eye(SIZE)]).reshape(-1, *SHAPE)
    for noise in noises:
        engine.add(sample(noise, None, NO_TEXT, world.schedule, options, torch.Generator()))
    latents: dict[Ticket, Tensor] = {}
    while engine.running:
        latents |= {end.ticket: end.unwrap().latents.double().flatten() for end in engine.step()}
    mean, *ends = (latents[ticket] for ticket in sorted(latents))
    factor = torch.stack(ends) - mean
    assert float((mean - world.mean).abs().max()) < 1e-3
    assert float((factor.T @ factor - world.C).norm() / world.C.norm()) < 0.1


@pytest.mark.parametrize("prediction_type", TYPES)
def test_every_prediction_type_draws_the_same_picture(prediction_type: PredictionType) -> None:
    """Equal to rounding without corrections; their steps of fixed length amplify float32's rounding at high noise."""
    reference, world = GaussianEvaluator(), GaussianEvaluator(prediction_type)
    x0 = world.draw(0)
    for inner_steps, tolerance in ((0, 1e-4), (1, 0.05)):
        options = SamplerOptions(inner_steps=inner_steps)
        ours, theirs = completions(world, x0, options, 4), completions(reference, x0, options, 4)
        torch.testing.assert_close(ours, theirs, atol=tolerance, rtol=0)


def test_the_straight_path_of_flow_matching_completes_as_well() -> None:
    world = GaussianEvaluator("flow", Schedule.straight())
    x0 = world.draw(0)
    truth, _ = world.completion(x0, KNOWN)
    samples = completions(world, x0, SamplerOptions(eta=1.0), 32)
    assert float((samples[:, ~KNOWN].mean(0) - truth).norm() / (truth - world.mean).norm()) < 0.05


@pytest.mark.parametrize(
    ("prediction_type", "zero_snr"),
    [("epsilon", False), ("v_prediction", False), ("flow", False), ("v_prediction", True), ("flow", True)],
)
def test_the_probe_is_the_known_jacobian_at_every_timestep(prediction_type: PredictionType, zero_snr: bool) -> None:
    schedule = replace(Schedule.from_betas(zero_snr=zero_snr), spacing="trailing")
    world = GaussianEvaluator(prediction_type, schedule)
    for step in schedule.steps(20):
        x_t, e = torch.randn(2, *SHAPE, generator=torch.Generator().manual_seed(step.timestep))
        denoiser = Denoiser(NO_TEXT, 1e3)
        base = answer_all(denoiser(x_t, step.timestep), world)
        assert isinstance(base, Denoised)
        measured = answer_all(probe(x_t, base, step, e, PUBLISHED, denoiser), world)
        exact = (world.jacobian(step.timestep) @ e.double().flatten()).reshape(SHAPE)
        assert float((measured - exact).norm()) < 0.01 * float(exact.norm()) + 1e-4
