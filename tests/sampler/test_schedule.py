from dataclasses import replace
from math import sqrt
from typing import Any

import pytest
import torch
from diffusers import DDIMScheduler

from sampler.schedule import BetaSchedule, Eta, Schedule, Step

SD = {"beta_start": 0.00085, "beta_end": 0.012, "steps_offset": 1, "clip_sample": False, "set_alpha_to_one": True}


def diffusers_ddim(**changes: object) -> Any:
    scheduler: Any = DDIMScheduler  # its constructor is not annotated
    return scheduler(**{**SD, "beta_schedule": "scaled_linear", **changes})


@pytest.mark.parametrize("beta_schedule", ["scaled_linear", "linear"])
def test_noise_levels_equal_diffusers_to_the_last_bit(beta_schedule: BetaSchedule) -> None:
    theirs = diffusers_ddim(beta_schedule=beta_schedule).alphas_cumprod
    ours = Schedule.from_betas(beta_schedule=beta_schedule)
    assert torch.equal(ours.alphas_cumprod, theirs)
    alpha, sigma = ours.alpha_sigma(500)
    assert alpha == sqrt(float(theirs[500]))
    assert alpha**2 + sigma**2 == pytest.approx(1.0, abs=1e-15)


def test_zero_snr_rescale_equals_diffusers_and_ends_in_pure_noise() -> None:
    ours = Schedule.from_betas(zero_snr=True)
    theirs = diffusers_ddim(rescale_betas_zero_snr=True).alphas_cumprod
    torch.testing.assert_close(ours.alphas_cumprod, theirs, atol=1e-6, rtol=1e-4)
    assert ours.alpha_sigma(999) == (0.0, 1.0)


@pytest.mark.parametrize("steps", [1, 7, 20, 30, 50, 100, 500])
def test_leading_timesteps_equal_diffusers(steps: int) -> None:
    scheduler = diffusers_ddim(timestep_spacing="leading")
    scheduler.set_timesteps(steps)
    assert Schedule.from_betas().timesteps(steps) == scheduler.timesteps.tolist()


@pytest.mark.parametrize("steps", [1, 7, 16, 20, 30, 48, 50, 1000])
def test_trailing_timesteps_equal_diffusers(steps: int) -> None:
    scheduler = diffusers_ddim(timestep_spacing="trailing")
    scheduler.set_timesteps(steps)
    assert replace(Schedule.from_betas(), spacing="trailing").timesteps(steps) == scheduler.timesteps.tolist()


@pytest.mark.parametrize("eta", [0.0, 0.4, 1.0])
def test_ddim_steps_equal_diffusers(eta: float) -> None:
    scheduler = diffusers_ddim()
    scheduler.set_timesteps(20)
    x_t, eps, noise = torch.randn(3, 4, 16, 16, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for step in Schedule.from_betas().steps(20):
        x0_hat = (x_t - step.sigma_t * eps) / step.alpha_t
        theirs = scheduler.step(eps, step.timestep, x_t, eta=eta, variance_noise=noise).prev_sample
        torch.testing.assert_close(step.ddim(x0_hat, eps, eta, noise), theirs, atol=1e-5, rtol=1e-5)
        x_t = theirs


def test_the_papers_noise_uses_the_single_step_beta() -> None:
    schedule = Schedule.from_betas()
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2
    abar = schedule.alphas_cumprod.double()
    for step in schedule.steps(20)[:-1]:
        expected = float(betas[step.timestep] * (1 - abar[step.timestep - 50]) / (1 - abar[step.timestep]))
        assert step.noise_std("paper") ** 2 == pytest.approx(expected, rel=1e-3)
    first = schedule.steps(20)[0]
    assert first.noise_std("paper") / first.noise_std(1.0) == pytest.approx(0.16, abs=0.02)


@pytest.mark.parametrize("eta", ["paper", 0.0, 1.0])
def test_last_step_ends_at_the_clean_estimate(eta: Eta) -> None:
    x0_hat, eps = torch.randn(2, 4, 8, 8)
    assert torch.equal(Schedule.from_betas().steps(20)[-1].ddim(x0_hat, eps, eta), x0_hat)


def test_first_timestep_adds_its_own_variance() -> None:
    schedule = replace(Schedule.from_betas(), steps_offset=0)
    assert schedule.steps(20)[-1] == Step(0, *schedule.alpha_sigma(0), 1.0, 0.0, schedule.sigmas[0] ** 2)


def test_noise_is_required_where_the_step_adds_some() -> None:
    x0_hat, eps = torch.randn(2, 4, 8, 8)
    step = Schedule.from_betas().steps(20)[0]
    with pytest.raises(ValueError, match="needs noise"):
        step.ddim(x0_hat, eps, "paper")


def test_a_step_of_the_straight_path_without_noise_is_eulers() -> None:
    schedule = Schedule.straight()
    x0, eps = torch.randn(2, 4, 8, 8, dtype=torch.float64)
    step = schedule.steps(20)[3]
    x_t = step.alpha_t * x0 + step.sigma_t * eps
    torch.testing.assert_close(step.ddim(x0, eps), x_t + (step.sigma_next - step.sigma_t) * (eps - x0))
    assert schedule.timesteps(20)[0] == 1000
    assert schedule.alpha_sigma(1000) == (0.0, 1.0)


@pytest.mark.parametrize("eta", ["paper", 1.0])
def test_every_step_keeps_the_noise_level(eta: Eta) -> None:
    for schedule in (Schedule.from_betas(), Schedule.from_betas(zero_snr=True), Schedule.straight()):
        for step in replace(schedule, spacing="trailing").steps(20):
            assert 0.0 <= step.noise_std(eta) <= step.sigma_next


def test_misuse_is_refused() -> None:
    schedule = Schedule.from_betas()
    for steps in (0, -1, 1000, 2000):
        with pytest.raises(ValueError, match="do not fit"):
            schedule.timesteps(steps)
    for timestep in (-1, 1000):
        with pytest.raises(ValueError, match="outside"):
            schedule.alpha_sigma(timestep)
    with pytest.raises(ValueError, match="equal length"):
        Schedule((1.0,), ())
    with pytest.raises(ValueError, match="lie in"):
        Schedule.from_alphas_cumprod(torch.tensor([0.5, 1.5]))
