"""What each method's own mathematics says about its parts."""

from functools import partial
from itertools import pairwise
from typing import Any

import pytest
import torch

from sampler.engine import run
from sampler.peers import blended, ding, lanpaint, mpgd, repaint
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


def test_repaint_with_the_published_settings_has_216_returns_of_10_steps() -> None:
    """The released schedule has 4,571 levels: 2,410 steps down and 2,160 up lie between them."""
    settings = repaint.Settings()
    returns = sum(later <= earlier for earlier, later in pairwise(settings.order))
    assert settings.evaluations == 2410
    assert settings.jump_length * returns == 2160


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


@pytest.mark.parametrize("steps", [1, 2, 3, 7])
def test_time_travel_works_however_few_the_steps(steps: int) -> None:
    settings = mpgd.Settings(steps=steps, repeats=3)
    world = GaussianEvaluator()
    result = run(mpgd.sample(problem(keep_left(world.draw(0))), settings), world)
    assert result.nfe == settings.evaluations
    assert result.latents.isfinite().all()
