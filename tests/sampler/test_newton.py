from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from sampler.constraints.base import Constraint
from sampler.constraints.inpaint import InpaintConstraint
from sampler.correction import PUBLISHED, Probing, probe, probing_for
from sampler.errors import DivergedError
from sampler.evaluation import Denoise, Denoised, Denoiser
from sampler.newton import Newton, correct
from sampler.sample import SamplerOptions, sample
from sampler.schedule import Schedule, Step
from tests.sampler.gaussian import NO_TEXT, SHAPE, GaussianEvaluator, keep_left, left_half
from tests.sampler.stepping import answer_all

WORLD = GaussianEvaluator()
STEP = WORLD.schedule.steps(20)[8]
X_T = torch.randn(SHAPE, generator=torch.Generator().manual_seed(5))


def correction(constraint: Constraint, solver: Newton, step: Step = STEP) -> tuple[Tensor, Denoised, int]:
    """`correct` from `X_T`, with the evaluations that it cost beyond the first."""
    denoiser = Denoiser(NO_TEXT, 1e3)
    base = answer_all(denoiser(X_T, step.timestep), WORLD)
    corrected = answer_all(correct(X_T, base, step, constraint, solver, denoiser), WORLD)
    return corrected.x_t, corrected.denoised, denoiser.nfe - 1


def published(y: Tensor, mask: Tensor, steps: int, inner_steps: int, seed: int) -> Tensor:
    """The paper's loop as its authors write it, in float64: differences of x0_hat, no generators."""
    noise = torch.Generator().manual_seed(seed)
    abar = WORLD.schedule.alphas_cumprod.double()
    betas = 1 - abar / torch.cat([abar.new_ones(1), abar[:-1]])
    timesteps = WORLD.schedule.timesteps(steps)

    def evaluate(x: Tensor, t: int) -> tuple[Tensor, Tensor]:
        x0 = WORLD.mean + (WORLD.jacobian(t) @ (x.flatten() - abar[t].sqrt() * WORLD.mean)).reshape(SHAPE)
        return x0, (x - abar[t].sqrt() * x0) / (1 - abar[t]).sqrt()

    x = torch.randn(SHAPE, generator=noise).double()
    for t, t_next in zip(timesteps, [*timesteps[1:], None], strict=True):
        x0, eps = evaluate(x, t)
        for rate in torch.linspace(0.5, 0.1, inner_steps).tolist():
            e = mask * (y - x0)
            h = 0.005 / e.abs().max()
            g = (evaluate(x + h * e, t)[0] - x0) / h
            x = x + rate * g / g.abs().max()
            x0, eps = evaluate(x, t)
        if t_next is None:
            return x0
        variance = betas[t] * (1 - abar[t_next]) / (1 - abar[t])
        x = abar[t_next].sqrt() * x0 + (1 - abar[t_next] - variance).sqrt() * eps
        x = x + variance.sqrt() * torch.randn(SHAPE, generator=noise).double()
    raise AssertionError("the last step returns")


@pytest.mark.parametrize(("steps", "inner_steps"), [(4, 5), (20, 1), (20, 2)])
def test_the_sampler_is_the_papers_loop(steps: int, inner_steps: int) -> None:
    """To 0.02, in latents of about unit size: float32 against float64, amplified by steps of fixed length."""
    x0 = WORLD.draw(1)
    options = SamplerOptions(steps=steps, inner_steps=inner_steps)
    process = sample(SHAPE, keep_left(x0), NO_TEXT, WORLD.schedule, options, torch.Generator().manual_seed(3))
    ours = answer_all(process, WORLD).latents.double()
    theirs = published(x0, left_half().double(), steps, inner_steps, seed=3)
    torch.testing.assert_close(ours, theirs, atol=0.02, rtol=0)


def test_rates_fall_linearly_from_first_to_last() -> None:
    assert Newton().rates() == pytest.approx([0.5, 0.4, 0.3, 0.2, 0.1])
    assert Newton(inner_steps=1).rates() == [0.5]
    assert Newton(inner_steps=0).rates() == []


def test_rates_are_an_option() -> None:
    assert SamplerOptions().newton.rates() == Newton().rates()
    assert SamplerOptions(inner_steps=3, rates=(0.1, 0.1)).newton.rates() == pytest.approx([0.1, 0.1, 0.1])
    for rates in ((0.0, 0.1), (0.5, -0.1), (float("nan"), 0.1), (float("inf"), 0.1)):
        with pytest.raises(ValueError, match="rates"):
            SamplerOptions(rates=rates)


def test_each_correction_moves_the_largest_entry_by_its_rate_and_costs_two_evaluations() -> None:
    x_t, _, nfe = correction(keep_left(WORLD.draw(0)), Newton(inner_steps=1))
    assert float((x_t - X_T).abs().max()) == pytest.approx(0.5, rel=1e-5)
    assert nfe == 2
    assert correction(keep_left(WORLD.draw(0)), Newton(inner_steps=4))[2] == 8


def test_corrections_reduce_the_residual_and_return_the_estimate_of_where_they_end() -> None:
    constraint = keep_left(WORLD.draw(0))
    x_t, denoised, _ = correction(constraint, Newton())
    before = answer_all(Denoiser(NO_TEXT, 1e3)(X_T, STEP.timestep), WORLD)
    after = answer_all(Denoiser(NO_TEXT, 1e3)(x_t, STEP.timestep), WORLD)
    assert constraint.residual(denoised.x0_hat) < 0.6 * constraint.residual(before.x0_hat)
    assert torch.equal(after.x0_hat, denoised.x0_hat)


def test_corrections_reach_the_unknown_half() -> None:
    """What the paper claims: `J e` carries the error of the known half to the unknown one."""
    x_t, _, _ = correction(keep_left(WORLD.draw(0)), Newton(inner_steps=1))
    assert float((x_t - X_T)[~left_half()].abs().mean()) > 0.02


@pytest.mark.parametrize("mask", [torch.zeros(4, 4), torch.ones(4, 4)])
def test_a_constraint_that_is_met_costs_nothing_and_divides_by_nothing(mask: Tensor) -> None:
    base = answer_all(Denoiser(NO_TEXT, 1e3)(X_T, STEP.timestep), WORLD)
    x_t, denoised, nfe = correction(InpaintConstraint(base.x0_hat, mask), Newton())
    assert torch.equal(x_t, X_T)
    assert torch.equal(denoised.x0_hat, base.x0_hat)
    assert nfe == 0


def test_a_zero_direction_is_not_probed() -> None:
    denoiser = Denoiser(NO_TEXT, 1e3)
    base = answer_all(denoiser(X_T, STEP.timestep), WORLD)
    assert not answer_all(probe(X_T, base, STEP, torch.zeros(SHAPE), PUBLISHED, denoiser), WORLD).any()
    assert denoiser.nfe == 1


def test_an_estimate_that_does_not_depend_on_the_state_is_left_alone() -> None:
    """Pure noise: `J` is zero, there is nowhere to go, and nothing is divided by zero."""
    schedule = replace(Schedule.from_betas(zero_snr=True), spacing="trailing")
    world, step = GaussianEvaluator(schedule=schedule), schedule.steps(20)[0]
    denoiser = Denoiser(NO_TEXT, 1e3)
    base = answer_all(denoiser(X_T, step.timestep), world)
    x_t = answer_all(correct(X_T, base, step, keep_left(world.draw(0)), Newton(), denoiser), world).x_t
    assert torch.equal(x_t, X_T)


def test_a_tolerance_ends_the_corrections_of_a_timestep() -> None:
    constraint = keep_left(WORLD.draw(0))
    _, denoised, nfe = correction(constraint, Newton(inner_steps=20, tolerance=0.3))
    assert 0 < nfe < 40
    assert constraint.residual(denoised.x0_hat) <= 0.3


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_measurement_that_is_not_finite_is_refused_as_divergence(value: float) -> None:
    with pytest.raises(DivergedError, match="not finite"):
        correction(InpaintConstraint(torch.full(SHAPE, value), torch.ones(4, 4)), Newton())


def test_probing_follows_the_networks_precision_and_the_noise() -> None:
    noisy, clean = WORLD.schedule.steps(20)[0], WORLD.schedule.steps(20)[-1]
    assert probing_for(torch.float32) == PUBLISHED == Probing(0.005)
    for dtype in (torch.float16, torch.bfloat16):
        probing = probing_for(dtype)
        assert PUBLISHED.at(noisy).h < probing.at(noisy).h <= probing.at(clean).h
        assert probing.at(noisy).two_sided
        assert SamplerOptions(network_dtype=dtype).newton.probing == probing_for(dtype)
        assert SamplerOptions(network_dtype=dtype, h=0.2).least_squares.probing == Probing(0.2)


def test_a_two_sided_probe_costs_one_evaluation_more_and_is_exact_where_the_network_bends() -> None:
    """The Gaussian world is linear, so its exactness is told from the cost and from the bent one below."""
    e = keep_left(WORLD.draw(0)).error_direction(X_T)
    bent = Bent()
    base = answer_all(Denoiser(NO_TEXT, 1e3)(X_T, STEP.timestep), bent)
    errors, costs = [], []
    for two_sided in (False, True):
        denoiser = Denoiser(NO_TEXT, 1e3)
        probed = answer_all(probe(X_T, base, STEP, e, Probing(0.5, two_sided), denoiser), bent)
        exact = (bent.jacobian(STEP.timestep) @ e.double().flatten()).reshape(SHAPE).float() + 0.2 * X_T * e
        errors.append(float((probed - exact).norm() / exact.norm()))
        costs.append(denoiser.nfe)
    assert costs == [1, 2]
    assert errors[1] < 1e-3 < 1e-2 < errors[0]


class Bent(GaussianEvaluator):
    """The Gaussian world's network with a square in it: `x0_hat` gains `0.1 x_t^2`."""

    def denoise(self, requests: Sequence[Denoise]) -> list[Denoised]:
        answers = []
        for request, straight in zip(requests, super().denoise(requests), strict=True):
            alpha_t, sigma_t = self.schedule.alpha_sigma(request.timestep)
            x0_hat = straight.x0_hat + 0.1 * request.x_t.square()
            answers.append(Denoised(x0_hat, (request.x_t - alpha_t * x0_hat) / sigma_t))
        return answers
