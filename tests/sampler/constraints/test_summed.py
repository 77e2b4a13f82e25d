"""Several constraints of any kind at once."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from sampler.constraints.base import Misfit
from sampler.constraints.inpaint import InpaintConstraint
from sampler.constraints.known_pixels import KnownPixels, encode_known
from sampler.constraints.style import StyleConstraint, grams
from sampler.constraints.summed import Summed, Weighted
from sampler.engine import run
from sampler.sample import SamplerOptions, SolverName, sample
from tests.sampler.autoencoders import invertible
from tests.sampler.gaussian import NO_TEXT, SHAPE, GaussianEvaluator, keep_left, left_half

WORLD = GaussianEvaluator()
X0 = WORLD.draw(0)
X_T = torch.randn(SHAPE, generator=torch.Generator().manual_seed(5))


def keep(known: Tensor) -> InpaintConstraint:
    return InpaintConstraint(X0.float(), known.float())


def top_half() -> Tensor:
    known = torch.zeros(SHAPE, dtype=torch.bool)
    known[:, : SHAPE[1] // 2] = True
    return known


def misfit_of(*parts: Weighted) -> Misfit:
    return run(Summed(parts).misfit(X_T), WORLD)


def test_a_constraint_summed_with_itself_is_itself() -> None:
    alone = run(keep_left(X0).misfit(X_T), WORLD)
    twice = misfit_of(Weighted(keep_left(X0)), Weighted(keep_left(X0), 3.0))
    torch.testing.assert_close(twice.direction, alone.direction)
    assert twice.residual == pytest.approx(alone.residual)
    assert alone.seen is not None
    assert twice.seen is not None
    assert torch.equal(twice.seen, alone.seen)


@pytest.mark.parametrize("solver", ["newton", "default"])
def test_two_known_parts_are_one_known_part(solver: SolverName) -> None:
    summed = Summed((Weighted(keep(left_half())), Weighted(keep(top_half()))))
    union = keep(left_half() | top_half())
    latents = []
    for constraint in (summed, union):
        generator = torch.Generator().manual_seed(1)
        options = SamplerOptions(6, 2, solver, eta=0.0)
        latents.append(run(sample(SHAPE, constraint, NO_TEXT, WORLD.schedule, options, generator), WORLD).latents)
    torch.testing.assert_close(latents[0], latents[1], atol=1e-4, rtol=1e-4)


def test_where_two_ask_for_different_things_their_weights_decide() -> None:
    other = InpaintConstraint(X0.float() + 1.0, torch.ones(SHAPE))
    whole = InpaintConstraint(X0.float(), torch.ones(SHAPE))
    met = misfit_of(Weighted(whole, 3.0), Weighted(other, 1.0)).direction + X_T
    torch.testing.assert_close(met, X0.float() + 0.25)


def test_a_style_with_a_part_that_is_kept_asks_for_the_part_in_it_and_for_style_beside_it() -> None:
    world = invertible()
    truth, elsewhere = 0.8 * torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    picture, cells = world.decode_one(truth), torch.zeros(8, 8)
    cells[:, :4] = 1
    known = cells.repeat_interleave(2, 0).repeat_interleave(2, 1)
    kept = run(encode_known(picture, known, cells, refills=(0.5,)), world)
    edges = torch.randn(6, 3, 3, 3, generator=torch.Generator().manual_seed(7)) / 5

    def features(image: Tensor) -> tuple[Tensor, ...]:
        return image, functional.conv2d(image[None], edges).tanh()[0]

    style = StyleConstraint(features, grams(features, picture))
    both = Summed((Weighted(kept, 1e6), Weighted(style)))
    misfit = run(both.misfit(elsewhere), world)
    alone, styled = run(kept.misfit(elsewhere), world), run(style.misfit(elsewhere), world)
    torch.testing.assert_close(misfit.direction[..., :4], alone.direction[..., :4], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(misfit.direction[..., 4:], styled.direction[..., 4:])
    assert styled.direction[..., 4:].any()
    renewed = run(both.renewed(elsewhere, 0.5), world).parts[0].constraint
    assert isinstance(renewed, KnownPixels)
    assert (kept.refills, renewed.refills) == ((0.5,), ())


def test_sums_without_parts_or_with_weights_that_are_not_positive_are_refused() -> None:
    with pytest.raises(ValueError, match="positive weight"):
        Summed(())
    with pytest.raises(ValueError, match="positive weight"):
        Summed((Weighted(keep_left(X0), 0.0),))
