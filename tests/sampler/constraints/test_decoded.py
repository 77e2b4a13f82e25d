from __future__ import annotations

import pytest
import torch
from torch import Tensor

from sampler.constraints.colorize import Colorize
from sampler.constraints.decoded import DecodedConstraint
from sampler.constraints.encoder_probe import read_off_encoder
from sampler.constraints.super_resolution import SuperResolution
from sampler.engine import run
from tests.sampler.autoencoders import invertible, random_kl

# torch's own forward-mode decompositions are still scripted.
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")

OPERATOR = SuperResolution(4, "area")


def draw(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def test_a_small_probe_of_a_real_encoder_is_its_exact_jacobian_product() -> None:
    world = random_kl()
    picture, r = draw(2, 3, 16, 16, dtype=torch.float64)
    exact: Tensor = torch.func.jvp(world.encode_one, (picture,), (r,))[1]
    probed = run(read_off_encoder(picture, r, h=1e-5), world)
    assert torch.allclose(probed, exact, rtol=1e-4, atol=1e-4 * float(exact.abs().amax()))
    coarse = run(read_off_encoder(picture, r, h=0.5), world)
    assert not torch.allclose(coarse, exact, rtol=1e-2, atol=1e-2 * float(exact.abs().amax()))


def test_the_misfit_of_a_real_autoencoder_is_the_jacobian_of_its_pixel_error() -> None:
    world = random_kl()
    z, y = draw(4, 8, 8, dtype=torch.float64), draw(3, 4, 4, seed=1, dtype=torch.float64)
    picture = world.decode_one(z)
    r = OPERATOR.pseudo_inverse(y - OPERATOR.forward(picture))
    exact: Tensor = torch.func.jvp(world.encode_one, (picture,), (r,))[1]
    misfit = run(DecodedConstraint(OPERATOR, y, h=1e-5).misfit(z), world)
    assert torch.allclose(misfit.direction, exact, rtol=1e-4, atol=1e-4 * float(exact.abs().amax()))
    assert misfit.residual == pytest.approx(float((y - OPERATOR.forward(picture)).square().mean().sqrt()))


def test_the_secant_lands_where_the_encoder_puts_the_corrected_picture() -> None:
    world = invertible()
    z, y = 0.5 * draw(4, 8, 8), 0.3 * draw(3, 4, 4, seed=1)
    picture = world.decode_one(z)
    corrected = picture + OPERATOR.pseudo_inverse(y - OPERATOR.forward(picture))
    misfit = run(DecodedConstraint(OPERATOR, y).misfit(z), world)
    assert torch.allclose(z + misfit.direction, world.encode_one(corrected), atol=1e-5)


def test_a_misfit_costs_one_decode_and_two_encodes() -> None:
    world = invertible()
    run(DecodedConstraint(OPERATOR, torch.zeros(3, 4, 4)).misfit(draw(4, 8, 8)), world)
    assert sorted(world.asked) == ["decode", "encode", "encode"]


def test_repeated_moves_along_the_direction_meet_the_constraint() -> None:
    world = invertible()
    operator = Colorize()
    constraint = DecodedConstraint(operator, operator.forward(world.decode_one(0.5 * draw(4, 8, 8, seed=2))))
    z = 0.5 * draw(4, 8, 8)
    first = run(constraint.misfit(z), world)
    for _ in range(200):
        z = z + run(constraint.misfit(z), world).direction
    assert run(constraint.misfit(z), world).residual < 0.05 * first.residual


@pytest.mark.parametrize("h", [0.0, -0.1, float("nan")])
def test_a_probe_without_length_is_refused(h: float) -> None:
    with pytest.raises(ValueError, match="h must be positive"):
        DecodedConstraint(OPERATOR, torch.zeros(3, 4, 4), h)
