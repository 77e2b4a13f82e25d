"""Our solver: what one correction does, what it costs, and when it does nothing."""

import pytest
import torch
from torch import Tensor

from sampler.constraints.base import Constraint, Misfit
from sampler.constraints.inpaint import InpaintConstraint
from sampler.correction import Corrected
from sampler.evaluation import Denoised, Denoiser, Process
from sampler.least_squares import LeastSquares, correct, step_length
from sampler.sample import SamplerOptions, sample
from tests.sampler.gaussian import NO_TEXT, SHAPE, GaussianEvaluator, keep_left, left_half
from tests.sampler.stepping import answer_all

WORLD = GaussianEvaluator()
STEP = WORLD.schedule.steps(20)[8]
X_T = torch.randn(SHAPE, generator=torch.Generator().manual_seed(5))


def base() -> Denoised:
    return answer_all(Denoiser(NO_TEXT, 1e3)(X_T, STEP.timestep), WORLD)


def correction(constraint: Constraint, solver: LeastSquares | None = None) -> tuple[Corrected, int]:
    """`correct` from `X_T`, with the evaluations that it cost."""
    denoiser = Denoiser(NO_TEXT, 1e3)
    corrected = answer_all(correct(X_T, base(), STEP, constraint, solver or LeastSquares(), denoiser), WORLD)
    return corrected, denoiser.nfe


def test_the_correction_is_the_multiple_of_j_e_that_leaves_the_least_error() -> None:
    constraint = keep_left(WORLD.draw(0))
    corrected, nfe = correction(constraint)
    e = constraint.error_direction(base().x0_hat)
    Je = (WORLD.jacobian(STEP.timestep) @ e.double().flatten()).reshape(SHAPE).float()
    lengths = torch.linspace(0, 4, 401)
    errors = [constraint.residual(base().x0_hat + float(c) * Je) for c in lengths]
    best = float(lengths[int(torch.tensor(errors).argmin())])
    torch.testing.assert_close(corrected.denoised.x0_hat, base().x0_hat + best * Je, atol=0.02, rtol=0)
    assert nfe == 1


def test_the_noise_estimate_stays_and_the_state_agrees_with_both_estimates() -> None:
    corrected, _ = correction(keep_left(WORLD.draw(0)))
    assert torch.equal(corrected.denoised.eps, base().eps)
    rebuilt = STEP.alpha_t * corrected.denoised.x0_hat + STEP.sigma_t * corrected.denoised.eps
    torch.testing.assert_close(corrected.x_t, rebuilt, atol=1e-4, rtol=0)


def test_the_unknown_half_is_corrected_towards_its_conditional_mean() -> None:
    x0 = WORLD.draw(0)
    mean, _ = WORLD.completion(x0, left_half())
    hole = ~left_half()
    before = (base().x0_hat[hole] - mean).norm()
    after = (correction(keep_left(x0))[0].denoised.x0_hat[hole] - mean).norm()
    assert after < 0.8 * before


def test_a_met_constraint_costs_nothing_and_changes_nothing() -> None:
    estimate = base()
    met = InpaintConstraint(estimate.x0_hat, torch.ones(SHAPE))
    corrected, nfe = correction(met)
    assert nfe == 0
    assert torch.equal(corrected.x_t, X_T)
    assert torch.equal(corrected.denoised.x0_hat, estimate.x0_hat)
    assert corrected.residual == 0.0


def test_a_residual_within_the_tolerance_costs_nothing() -> None:
    constraint = keep_left(WORLD.draw(0))
    residual = constraint.residual(base().x0_hat)
    assert correction(constraint, LeastSquares(tolerance=1.01 * residual))[1] == 0
    assert correction(constraint, LeastSquares(tolerance=0.99 * residual))[1] == 1


class Unseen:
    """A constraint that asks for a displacement but sees nothing of it."""

    def misfit(self, x0_hat: Tensor) -> Process[Misfit]:
        yield from ()
        return Misfit(torch.ones(SHAPE), 1.0, torch.zeros(SHAPE))

    def renewed(self, x0_hat: Tensor, done: float) -> Process["Unseen"]:
        yield from ()
        return self


def test_what_the_constraint_cannot_see_is_left_alone() -> None:
    corrected, _ = correction(Unseen())
    assert torch.equal(corrected.x_t, X_T)
    assert corrected.x_t.isfinite().all()


def test_step_length_is_the_least_squares_coefficient_over_what_is_seen() -> None:
    w, e = torch.tensor([[[2.0, 5.0]]]), torch.tensor([[[3.0, 7.0]]])
    assert float(step_length(w, Misfit(e, 1.0))) == pytest.approx((2 * 3 + 5 * 7) / (4 + 25))
    assert float(step_length(w, Misfit(e, 1.0, torch.tensor([[[1.0, 0.0]]])))) == pytest.approx(1.5)


def test_a_grey_mask_is_the_share_of_the_way_that_a_correction_goes() -> None:
    x0, estimate = WORLD.draw(0), base().x0_hat
    full = correction(keep_left(x0))[0].denoised.x0_hat - estimate
    for strength in (0.05, 0.5):
        grey = InpaintConstraint(x0.float(), strength * left_half().float())
        part = correction(grey)[0].denoised.x0_hat - estimate
        torch.testing.assert_close(part, strength * full, atol=1e-3, rtol=1e-3)


def test_a_grey_mask_is_a_strength_between_known_and_unknown() -> None:
    x0, known = WORLD.draw(0).float(), left_half()
    missed = []
    for strength in (0.0, 0.02, 0.2, 1.0):
        constraint = InpaintConstraint(x0, strength * known.float())
        options = SamplerOptions(10, solver="default", eta=0.0)
        process = sample(SHAPE, constraint, NO_TEXT, WORLD.schedule, options, torch.Generator().manual_seed(0))
        missed.append(float((answer_all(process, WORLD).latents - x0)[known].square().mean().sqrt()))
    assert missed == sorted(missed, reverse=True)
    assert missed[0] > 1.1 * missed[1]
    assert missed[1] > 1.1 * missed[2]
    assert missed[2] > missed[3]


@pytest.mark.parametrize("steps", [5, 20])
def test_a_run_costs_two_evaluations_a_timestep(steps: int) -> None:
    options = SamplerOptions(steps, solver="default", eta=1.0)
    process = sample(SHAPE, keep_left(WORLD.draw(0)), NO_TEXT, WORLD.schedule, options, torch.Generator())
    result = answer_all(process, WORLD)
    assert result.nfe == 2 * steps
    assert result.residual is not None
    assert result.residual < 0.05


def test_no_inner_steps_means_no_correction() -> None:
    options = SamplerOptions(5, 0, solver="default")
    process = sample(SHAPE, keep_left(WORLD.draw(0)), NO_TEXT, WORLD.schedule, options, torch.Generator())
    assert answer_all(process, WORLD).nfe == 5
