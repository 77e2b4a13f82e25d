"""What every method that we compare with promises, whoever published it.

A method joins with a line in `PEERS`; one that needs gradients names an evaluator that answers them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import pytest
import torch

from sampler.constraints.inpaint import InpaintConstraint
from sampler.engine import run
from sampler.evaluation import Conditioning, Process, Report
from sampler.peers import blended, ding, lanpaint, mpgd, repaint
from sampler.peers.problem import Problem
from sampler.sample import SampleResult, SamplerOptions, sample
from sampler.schedule import Schedule
from tests.sampler.gaussian import NO_TEXT, SHAPE, GaussianEvaluator, keep_left, left_half
from tests.sampler.peers.restorations import Unmasked, problem, run_together, watched

KNOWN = left_half()
STEPS = 20


@dataclass(frozen=True)
class Peer:
    """A method at few steps: its documented evaluations, and how near its completions come.

    `largest_residual` of a result; `distance` of the completions' mean to the true conditional mean, in units of what
    knowing the left half moves that mean: 1 without a constraint. Both are bounds, a little above what was measured.
    """

    name: str
    start: Callable[[Problem], Process[SampleResult]]
    evaluations: int
    largest_residual: float
    distance: float
    needs_mask: bool = True
    make_evaluator: Callable[..., GaussianEvaluator] = GaussianEvaluator


PEERS = (
    Peer("blended", partial(blended.sample, settings=blended.Settings(STEPS)), 20, 0.0, 0.5),
    Peer("repaint", partial(repaint.sample, settings=repaint.Settings(STEPS, 1, 3)), 58, 0.0, 0.1),
    Peer("mpgd", partial(mpgd.sample, settings=mpgd.Settings(STEPS)), 20, 1e-6, 0.08, needs_mask=False),
    Peer("mpgd, traveling", partial(mpgd.sample, settings=mpgd.Settings(STEPS, repeats=4)), 38, 1e-6, 0.06, False),
    Peer("ding", partial(ding.sample, settings=ding.Settings(STEPS)), 39, 0.1, 0.11),
    Peer("lanpaint", partial(lanpaint.sample, settings=lanpaint.Settings(STEPS)), 120, 0.0, 0.06),
)

each_peer = pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)


def mean_distance(peer: Peer, world: GaussianEvaluator, count: int = 32) -> float:
    x0 = world.draw(0)
    truth, _ = world.completion(x0, KNOWN)
    constraint = keep_left(x0)
    processes = [peer.start(problem(constraint, seed, world.schedule)) for seed in range(count)]
    mean = torch.stack([result.latents for result in run_together(processes, world)]).double().mean(0)
    return float((mean[~KNOWN] - truth).norm() / (truth - world.mean).norm())


@each_peer
def test_the_completions_mean_is_near_the_true_conditional_mean(peer: Peer) -> None:
    assert mean_distance(peer, peer.make_evaluator()) < peer.distance


@each_peer
def test_a_completion_is_nearer_to_the_conditional_mean_than_a_sample_without_constraint(peer: Peer) -> None:
    world = peer.make_evaluator()
    for seed in range(4):
        x0 = world.draw(seed)
        truth, _ = world.completion(x0, KNOWN)
        constrained = run(peer.start(problem(keep_left(x0), seed)), world).latents
        generator = torch.Generator().manual_seed(seed)
        free = run(sample(SHAPE, None, NO_TEXT, world.schedule, SamplerOptions(STEPS), generator), world).latents
        distances = [float((latents.double()[~KNOWN] - truth).norm()) for latents in (constrained, free)]
        assert distances[0] < distances[1]


@each_peer
def test_the_straight_path_of_flow_matching_serves_as_well(peer: Peer) -> None:
    assert mean_distance(peer, peer.make_evaluator("flow", Schedule.straight())) < peer.distance


@each_peer
def test_the_result_meets_the_constraint(peer: Peer) -> None:
    world = peer.make_evaluator()
    x0 = world.draw(0)
    result = run(peer.start(problem(keep_left(x0))), world)
    assert result.residual is not None
    assert result.residual <= peer.largest_residual
    missed = (result.latents - x0)[KNOWN].square().mean().sqrt()
    assert float(missed) == pytest.approx(result.residual, abs=1e-6)


@each_peer
@pytest.mark.parametrize("conditioning", [NO_TEXT, Conditioning(torch.zeros(1, 1), torch.ones(1, 1), 2.0)])
def test_evaluations_are_as_documented_and_as_counted(peer: Peer, conditioning: Conditioning) -> None:
    world = peer.make_evaluator()
    result = run(peer.start(problem(keep_left(world.draw(0)), conditioning=conditioning)), world)
    assert sum(len(batch) for batch in world.batches) == peer.evaluations
    assert result.nfe == peer.evaluations * conditioning.nfe
    assert result.backward_passes == 0


@each_peer
def test_one_seed_is_one_answer_and_another_seed_another(peer: Peer) -> None:
    world = peer.make_evaluator()
    constraint = keep_left(world.draw(0))
    first, again, other = (run(peer.start(problem(constraint, seed)), world).latents for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert float((first - other)[~KNOWN].abs().max()) > 0.01


@each_peer
def test_nothing_is_drawn_from_the_global_generator(peer: Peer) -> None:
    world = peer.make_evaluator()
    before = torch.get_rng_state()
    run(peer.start(problem(keep_left(world.draw(0)))), world)
    assert torch.equal(torch.get_rng_state(), before)


@each_peer
def test_several_together_equal_each_alone(peer: Peer) -> None:
    world = peer.make_evaluator()

    def process(seed: int) -> Process[SampleResult]:
        return peer.start(problem(keep_left(world.draw(seed)), seed))

    together = run_together([process(seed) for seed in range(4)], world)
    assert max(len(batch) for batch in world.batches) == 4
    for seed, result in enumerate(together):
        torch.testing.assert_close(result.latents, run(process(seed), world).latents, atol=1e-4, rtol=0)


@each_peer
def test_what_the_constraint_holds_in_the_hole_changes_nothing(peer: Peer) -> None:
    """Not a number in the picture, and through a constraint that does not blank it, any number."""
    world = peer.make_evaluator()
    x0 = world.draw(0)
    constraints = (keep_left(x0), watched(x0), watched(x0, hole=7.0))
    blank, zero, seven = (run(peer.start(problem(constraint)), world).latents for constraint in constraints)
    assert torch.equal(blank, zero)
    assert torch.equal(blank, seven)


@each_peer
def test_a_grey_mask_is_a_strength_between_known_and_unknown(peer: Peer) -> None:
    world = peer.make_evaluator()
    x0 = world.draw(0).float()
    missed = []
    for strength in (0.0, 0.5, 1.0):
        constraint = InpaintConstraint(x0, strength * KNOWN.float())
        latents = run(peer.start(problem(constraint)), world).latents
        missed.append(float((latents - x0)[KNOWN].square().mean().sqrt()))
    assert missed[0] > missed[1] > missed[2]


@each_peer
def test_the_constraint_is_renewed_once_a_step_and_the_new_one_is_used(peer: Peer) -> None:
    world = peer.make_evaluator()
    x0, later = world.draw(0), world.draw(1).float()
    constraint = watched(x0, later=later)
    result = run(peer.start(problem(constraint)), world)
    assert constraint.renewals == pytest.approx([number / STEPS for number in range(1, STEPS + 1)])
    missed = (result.latents - later)[KNOWN].square().mean().sqrt()
    assert float(missed) <= max(peer.largest_residual, 1e-6)


@each_peer
def test_each_step_is_reported_once_and_has_its_residual(peer: Peer) -> None:
    world = peer.make_evaluator()
    reports: list[Report] = []
    result = run(peer.start(problem(keep_left(world.draw(0)))), world, reports.append)
    assert [(report.step, report.steps) for report in reports] == [(n, STEPS) for n in range(1, STEPS + 1)]
    assert len(result.residuals) == result.steps == STEPS


@each_peer
def test_a_method_that_needs_a_mask_says_so(peer: Peer) -> None:
    world = peer.make_evaluator()
    process = peer.start(problem(Unmasked()))
    if peer.needs_mask:
        with pytest.raises(ValueError, match="mask"):
            run(process, world)
    else:
        assert run(process, world).residual == pytest.approx(0.0, abs=1e-6)
