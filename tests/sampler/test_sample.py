from typing import Any

import pytest
import torch
from diffusers import DDIMScheduler
from torch import Tensor

from sampler.engine import run
from sampler.errors import DivergedError, ProtocolError
from sampler.evaluation import Conditioning, Denoise, Report
from sampler.sample import SampleResult, SamplerOptions, StopReason, sample
from sampler.schedule import Eta
from tests.sampler.gaussian import NO_TEXT, SHAPE, GaussianEvaluator, keep_left
from tests.sampler.unet import UnetEvaluator, small_random_unet

WORLD = GaussianEvaluator()
QUICK = SamplerOptions(steps=5, inner_steps=2)


def draw(seed: int, options: SamplerOptions = QUICK, constrained: bool = True) -> SampleResult:
    constraint = keep_left(WORLD.draw(0)) if constrained else None
    generator = torch.Generator().manual_seed(seed)
    return run(sample(SHAPE, constraint, NO_TEXT, WORLD.schedule, options, generator), WORLD)


@pytest.mark.parametrize("eta", ["paper", 0.0, 1.0])
@pytest.mark.parametrize("constrained", [True, False])
def test_same_seed_gives_the_same_bits_and_another_seed_does_not(eta: Eta, constrained: bool) -> None:
    options = SamplerOptions(steps=5, inner_steps=2, eta=eta)
    first, again, other = draw(1, options, constrained), draw(1, options, constrained), draw(2, options, constrained)
    assert torch.equal(first.latents, again.latents)
    assert float((first.latents - other.latents).abs().max()) > 0.01


def test_nothing_is_drawn_from_the_global_generator() -> None:
    before = torch.get_rng_state()
    draw(1)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(("steps", "inner_steps"), [(20, 5), (4, 1), (3, 0)])
def test_every_step_costs_one_evaluation_and_two_a_correction(steps: int, inner_steps: int) -> None:
    result = draw(0, SamplerOptions(steps=steps, inner_steps=inner_steps))
    assert result.nfe == steps * (1 + 2 * inner_steps)
    assert result.steps == len(result.residuals) - 1 == steps


def test_guided_evaluations_count_twice() -> None:
    text = Conditioning(torch.zeros(1, 1), torch.ones(1, 1), 2.0)
    process = sample(SHAPE, None, text, WORLD.schedule, SamplerOptions(), torch.Generator().manual_seed(0))
    assert run(process, WORLD).nfe == 40


def test_noise_may_be_given_and_is_what_would_have_been_drawn() -> None:
    options = SamplerOptions(steps=5, eta=0.0)
    noise = torch.randn(SHAPE, generator=torch.Generator().manual_seed(7))
    given = run(sample(noise, None, NO_TEXT, WORLD.schedule, options, torch.Generator()), WORLD)
    assert torch.equal(given.latents, draw(7, options, constrained=False).latents)


def test_progress_is_reported_after_every_step() -> None:
    reports: list[Report] = []
    process = sample(SHAPE, None, NO_TEXT, WORLD.schedule, QUICK, torch.Generator().manual_seed(0))
    result = run(process, WORLD, reports.append)
    assert [(report.step, report.steps) for report in reports] == [(n, 5) for n in range(1, 6)]
    assert torch.equal(reports[-1].x0_hat, result.latents)


def test_a_run_says_why_it_ended() -> None:
    assert draw(0, constrained=False).stop_reason == StopReason.UNCONSTRAINED
    assert draw(0, constrained=False).residual is None
    assert draw(0).stop_reason == StopReason.STEPS_DONE
    met = draw(0, SamplerOptions(tolerance=0.5))
    assert met.stop_reason == StopReason.CONSTRAINT_MET
    assert met.residual is not None
    assert met.residual <= 0.5
    assert met.nfe < 220


@pytest.mark.parametrize("guidance_scale", [1.0, 3.0])
def test_without_a_constraint_this_is_diffusers_ddim(guidance_scale: float) -> None:
    """The loop of diffusers' pipeline by hand, eta 0, on a random UNet; to float32's rounding."""
    text, negative = torch.randn(2, 5, 16, generator=torch.Generator().manual_seed(2))
    evaluator = UnetEvaluator(small_random_unet())
    noise = torch.randn(4, 8, 8, generator=torch.Generator().manual_seed(0))
    conditioning = Conditioning(text, negative, guidance_scale)
    process = sample(noise, None, conditioning, evaluator.schedule, SamplerOptions(eta=0.0), torch.Generator())
    scheduler_class: Any = DDIMScheduler
    scheduler = scheduler_class(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        steps_offset=1,
        clip_sample=False,
        prediction_type="v_prediction",
    )
    scheduler.set_timesteps(20)
    latents = noise[None]
    for timestep in scheduler.timesteps:
        positive = evaluator.network(latents, timestep[None], text[None])
        without = evaluator.network(latents, timestep[None], negative[None])
        output = without + guidance_scale * (positive - without)
        latents = scheduler.step(output, timestep, latents).prev_sample
    torch.testing.assert_close(run(process, evaluator).latents, latents[0], atol=1e-4, rtol=1e-4)


class Broken(GaussianEvaluator):
    """A network that answers with one constant."""

    value = float("nan")

    def network(self, x_t: Tensor, timesteps: Tensor, prompts: Tensor) -> Tensor:
        return torch.full_like(x_t, self.value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e6])
def test_an_answer_that_no_latents_can_be_is_an_error_and_never_a_picture(value: float) -> None:
    evaluator = Broken()
    evaluator.value = value
    process = sample(SHAPE, None, NO_TEXT, WORLD.schedule, QUICK, torch.Generator().manual_seed(0))
    with pytest.raises(DivergedError, match="clean estimate"):
        run(process, evaluator)


def test_an_answer_of_the_wrong_kind_is_an_error() -> None:
    process = sample(SHAPE, None, NO_TEXT, WORLD.schedule, QUICK, torch.Generator().manual_seed(0))
    assert isinstance(next(process), Denoise)
    with pytest.raises(ProtocolError, match="expected Denoised"):
        process.send(torch.zeros(SHAPE))


@pytest.mark.parametrize(
    "wrong",
    [
        {"steps": 0},
        {"inner_steps": -1},
        {"eta": 1.5},
        {"eta": -0.1},
        {"h": 0.0},
        {"tolerance": -1.0},
        {"largest_latent": 0.0},
        {"tolerance": float("nan")},
    ],
)
def test_options_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must"):
        SamplerOptions(**wrong)
