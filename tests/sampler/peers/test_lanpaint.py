from math import exp

import pytest
import torch

from sampler.peers import lanpaint
from sampler.peers.oscillator import Flow
from sampler.schedule import Schedule
from tests.sampler.gaussian import GaussianEvaluator, keep_left, left_half
from tests.sampler.peers.restorations import problem, run_together

KNOWN = left_half()
STEPS = Schedule.from_betas().steps(20)


@pytest.mark.parametrize("friction", [1.5, 2.0, 15.0])
def test_the_oscillator_keeps_its_equilibrium(friction: float) -> None:
    """Unit normal in position and velocity stays so, for any stretch: `E E^T + L L^T = I`."""
    flow = Flow.over(torch.tensor([0.01, 0.15, 1.35]), friction)
    E, L = (table.double().movedim((0, 1), (-2, -1)) for table in (flow.E, flow.L))
    torch.testing.assert_close(E @ E.mT + L @ L.mT, torch.eye(2).double().expand(3, 2, 2), atol=1e-6, rtol=0)


def test_two_half_stretches_of_the_oscillator_are_one_whole() -> None:
    whole, half = (Flow.over(torch.tensor([stretch]), 3.0) for stretch in (0.4, 0.2))
    u, v, rest = torch.tensor([1.0]), torch.tensor([-0.5]), (torch.zeros(1), torch.zeros(1))
    once, twice = whole.advance(u, v, rest), half.advance(*half.advance(u, v, rest), rest)
    torch.testing.assert_close(torch.cat(once), torch.cat(twice))


def test_a_heavily_damped_oscillator_relaxes_as_overdamped_langevin_dynamics_does() -> None:
    flow = Flow.over(torch.tensor([0.15]), 200.0)
    assert float(flow.E[0, 0]) == pytest.approx(exp(-0.15), abs=1e-4)
    assert float(flow.L[0, 0]) == pytest.approx((1 - exp(-0.3)) ** 0.5, abs=1e-3)


def test_lanpaints_noise_of_the_known_part_is_one_path_with_the_deviation_of_each_level() -> None:
    restoration = problem(keep_left(GaussianEvaluator().draw(0)))
    paths = torch.stack([torch.stack(lanpaint.forward_noise(restoration, STEPS)) for _ in range(200)])
    deviations = paths.transpose(0, 1).flatten(1).std(1)
    torch.testing.assert_close(deviations, torch.tensor([step.sigma_t for step in STEPS]), atol=0.0, rtol=0.05)
    first, second = paths[:, 0].flatten(), paths[:, 1].flatten()
    assert float(torch.corrcoef(torch.stack([first, second]))[0, 1]) > 0.5


def test_lanpaint_with_more_iterations_draws_from_the_conditional_law() -> None:
    """Its spread too, to the error of the published step size; pasting alone draws 2.3 times too wide."""
    world = GaussianEvaluator()
    x0 = world.draw(0)
    truth, covariance = world.completion(x0, KNOWN)
    settings = lanpaint.Settings(10, inner_steps=10)
    results = run_together([lanpaint.sample(problem(keep_left(x0), seed), settings) for seed in range(32)], world)
    samples = torch.stack([result.latents for result in results]).double()[:, ~KNOWN]
    assert float((samples.mean(0) - truth).norm() / (truth - world.mean).norm()) < 0.04
    assert float(samples.std(0).mean() / covariance.diagonal().sqrt().mean()) == pytest.approx(1.0, abs=0.2)
