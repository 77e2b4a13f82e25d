import pytest
import torch

from sampler.engine import run
from sampler.peers import ding
from sampler.schedule import Schedule
from tests.sampler.gaussian import GaussianEvaluator, keep_left, left_half
from tests.sampler.peers.restorations import problem

KNOWN = left_half()
STEPS = Schedule.from_betas().steps(20)


@pytest.mark.parametrize("rule", ["paper", "flow", "ddpm"])
def test_ding_proposes_with_no_more_noise_than_the_state_has(rule: ding.NoiseRule) -> None:
    for schedule in (Schedule.from_betas(), Schedule.straight()):
        for step in schedule.steps(20)[:-1]:
            assert 0.0 < ding.noise_std(step, rule) <= step.sigma_next


def test_dings_two_rules_agree_where_they_were_found() -> None:
    for step in Schedule.straight().steps(20):
        assert ding.noise_std(step, "paper") == pytest.approx(ding.noise_std(step, "flow"))


def test_dings_posterior_is_the_precision_weighted_one() -> None:
    """Proposal N(1, 0.5^2), observation 3 with deviation 0.25: precisions 4 and 16."""
    gain = torch.full((20_000,), ding.posterior_gain(0.5, 0.25))
    noise = torch.randn(20_000, generator=torch.Generator().manual_seed(0))
    draws = ding.posterior_draw(torch.ones(20_000), 0.5, torch.full((20_000,), 3.0), gain, noise)
    assert float(draws.mean()) == pytest.approx((4 * 1 + 16 * 3) / 20, abs=0.01)
    assert float(draws.std()) == pytest.approx(20**-0.5, rel=0.02)


def test_ding_observes_the_known_part_with_the_noise_found_at_the_independent_draw() -> None:
    world = GaussianEvaluator()
    x0 = world.draw(0)
    run(ding.sample(problem(keep_left(x0)), ding.Settings(20, sigma_y=1e-6)), world)
    requests = [request for batch in world.batches for request in batch]
    timesteps = world.schedule.timesteps(20)
    assert [request.timestep for request in requests] == [timesteps[0], *(t for t in timesteps[1:] for _ in range(2))]
    for step, independent, state in zip(STEPS[:-1], requests[1::2], requests[2::2], strict=True):
        eps = world.denoise([independent])[0].eps
        expected = step.alpha_next * x0.float() + step.sigma_next * eps
        torch.testing.assert_close(state.x_t[KNOWN], expected[KNOWN], atol=1e-4, rtol=0)


def test_ding_keeps_closer_to_a_measurement_said_to_be_more_precise() -> None:
    world = GaussianEvaluator()
    constraint = keep_left(world.draw(0))
    residuals = [
        run(ding.sample(problem(constraint), ding.Settings(20, sigma_y)), world).residual for sigma_y in (0.01, 3.0)
    ]
    assert residuals[0] is not None
    assert residuals[1] is not None
    assert 2 * residuals[0] < residuals[1]
