"""What each method's own mathematics says about its parts."""

from functools import partial
from itertools import pairwise
from math import exp
from typing import Any

import pytest
import torch

from sampler.engine import run
from sampler.peers import blended, ding, lanpaint, mpgd, repaint
from sampler.peers.oscillator import Flow
from sampler.peers.problem import CLEAN, Level, paste
from sampler.peers.travel import Visit, visits
from sampler.schedule import Schedule
from tests.sampler.gaussian import SHAPE, GaussianEvaluator, keep_left, left_half
from tests.sampler.peers.restorations import problem, run_together

KNOWN = left_half()
STEPS = Schedule.from_betas().steps(20)


def test_diffusing_on_gives_the_same_law_as_diffusing_at_once() -> None:
    restoration = problem(keep_left(GaussianEvaluator().draw(0)))
    near, far = Level.before(STEPS[10]), Level.before(STEPS[3])
    x0 = torch.full(SHAPE, 2.0)
    draws = torch.stack([restoration.diffuse(restoration.diffuse(x0, CLEAN, near), near, far) for _ in range(500)])
    assert float(draws.mean()) == pytest.approx(far.alpha * 2.0, abs=0.05)
    assert float(draws.std()) == pytest.approx(far.sigma, rel=0.03)


def test_pasting_is_exact_on_both_sides() -> None:
    x, known = torch.randn(2, *SHAPE, generator=torch.Generator().manual_seed(0)) * torch.tensor(1e4)
    pasted = paste(x, known, KNOWN.float())
    assert torch.equal(pasted, torch.where(KNOWN, known, x))


def test_the_known_latents_of_a_pasting_method_come_back_to_the_bit() -> None:
    world = GaussianEvaluator()
    x0 = world.draw(0)
    for start in (
        partial(blended.sample, settings=blended.Settings(5)),
        partial(repaint.sample, settings=repaint.Settings(5, 1, 2)),
        partial(lanpaint.sample, settings=lanpaint.Settings(5)),
    ):
        latents = run(start(problem(keep_left(x0))), world).latents
        assert torch.equal(latents[KNOWN], x0.float()[KNOWN])


def test_repaint_with_the_papers_settings_takes_4570_transitions() -> None:
    """Counted in the paper as steps down and up, one training step each (appendix B)."""
    settings = repaint.Settings()
    returns = sum(later <= earlier for earlier, later in pairwise(settings.order))
    assert settings.evaluations == 2410
    assert settings.evaluations + settings.jump_length * returns == 4570


def test_repaint_repeats_the_stretch_before_each_jump_point() -> None:
    assert repaint.Settings(steps=4, jump_length=2, resamplings=2).order == [0, 1, 2, 1, 2, 3]
    assert repaint.Settings(steps=3, jump_length=1, resamplings=3).order == [0, 0, 0, 1, 1, 1, 2]
    assert repaint.Settings(steps=3, jump_length=5, resamplings=9).order == [0, 1, 2]


def test_visits_know_where_they_come_from_and_which_is_the_last() -> None:
    assert list(visits([0, 1, 0, 1])) == [Visit(0, 0, False), Visit(1, 1, False), Visit(0, 2, True), Visit(1, 1, True)]


def test_repaint_resamples_to_the_conditional_mean() -> None:
    """More rounds come nearer; with a single one the method is blending with DDPM noise."""
    world = GaussianEvaluator()
    x0 = world.draw(0)
    truth, _ = world.completion(x0, KNOWN)
    distances = []
    for rounds in (1, 3, 6):
        settings = repaint.Settings(20, 1, rounds)
        results = run_together([repaint.sample(problem(keep_left(x0), seed), settings) for seed in range(32)], world)
        mean = torch.stack([result.latents for result in results]).double().mean(0)
        distances.append(float((mean[~KNOWN] - truth).norm()))
    assert distances[0] > 2 * distances[1] > 2 * distances[2]


def test_mpgd_travels_in_the_middle_of_the_run_only() -> None:
    assert mpgd.Settings(steps=10, repeats=2).order == [0, 1, 2, 3, 3, 4, 4, 5, 5, 6, 7, 8, 9]
    assert mpgd.Settings(steps=10).order == list(range(10))


def test_mpgd_goes_its_share_of_the_way_to_the_constraint() -> None:
    world = GaussianEvaluator()
    constraint = keep_left(world.draw(0))
    whole = run(mpgd.sample(problem(constraint), mpgd.Settings(1)), world)
    part = run(mpgd.sample(problem(constraint), mpgd.Settings(1, step_length=0.25)), world)
    untouched = run(mpgd.sample(problem(constraint), mpgd.Settings(1, step_length=1e-9)), world)
    assert whole.residual == pytest.approx(0.0, abs=1e-6)
    assert untouched.residual is not None
    assert part.residual == pytest.approx(0.75 * untouched.residual, rel=1e-4)


@pytest.mark.parametrize("rule", ["paper", "flow", "ddpm"])
def test_ding_proposes_with_no_more_noise_than_the_state_has(rule: ding.NoiseRule) -> None:
    for schedule in (Schedule.from_betas(), Schedule.straight()):
        for step in schedule.steps(20)[:-1]:
            assert 0.0 < ding.noise_std(step, rule) <= step.sigma_next


def test_dings_two_rules_agree_where_they_were_found() -> None:
    for step in Schedule.straight().steps(20):
        assert ding.noise_std(step, "paper") == pytest.approx(ding.noise_std(step, "flow"))


def test_ding_keeps_closer_to_a_measurement_said_to_be_more_precise() -> None:
    world = GaussianEvaluator()
    constraint = keep_left(world.draw(0))
    residuals = [
        run(ding.sample(problem(constraint), ding.Settings(20, sigma_y)), world).residual for sigma_y in (0.01, 3.0)
    ]
    assert residuals[0] is not None
    assert residuals[1] is not None
    assert 2 * residuals[0] < residuals[1]


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
    """Its spread too, which pasting alone inflates and projection deflates."""
    world = GaussianEvaluator()
    x0 = world.draw(0)
    truth, covariance = world.completion(x0, KNOWN)
    settings = lanpaint.Settings(20, inner_steps=20)
    results = run_together([lanpaint.sample(problem(keep_left(x0), seed), settings) for seed in range(64)], world)
    samples = torch.stack([result.latents for result in results]).double()[:, ~KNOWN]
    assert float((samples.mean(0) - truth).norm() / (truth - world.mean).norm()) < 0.04
    assert float(samples.std(0).mean() / covariance.diagonal().sqrt().mean()) == pytest.approx(1.0, abs=0.15)


@pytest.mark.parametrize(
    ("settings", "wrong"),
    [
        (repaint.Settings, {"steps": 0}),
        (repaint.Settings, {"jump_length": 0}),
        (repaint.Settings, {"resamplings": 0}),
        (mpgd.Settings, {"repeats": 0}),
        (mpgd.Settings, {"step_length": 0.0}),
        (ding.Settings, {"steps": 0}),
        (ding.Settings, {"sigma_y": 0.0}),
        (lanpaint.Settings, {"inner_steps": -1}),
        (lanpaint.Settings, {"guidance": -1.0}),
        (lanpaint.Settings, {"step_size": 0.0}),
        (lanpaint.Settings, {"friction": float("nan")}),
    ],
)
def test_settings_out_of_range_are_refused(settings: Any, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must"):
        settings(**wrong)
