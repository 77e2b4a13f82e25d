import pytest
import torch

from sampler.constraints.inpaint import InpaintConstraint

Y, X0_HAT = torch.randn(2, 4, 6, 8, generator=torch.Generator().manual_seed(0))


def test_error_direction_is_the_masked_error_and_grey_is_its_strength() -> None:
    mask = torch.zeros(6, 8)
    mask[:, :3], mask[:, 3] = 1, 0.25
    e = InpaintConstraint(Y, mask).error_direction(X0_HAT)
    assert torch.equal(e[..., :3], (Y - X0_HAT)[..., :3])
    torch.testing.assert_close(e[..., 3], 0.25 * (Y - X0_HAT)[..., 3])
    assert torch.equal(e[..., 4:], torch.zeros(4, 6, 4))


@pytest.mark.parametrize("shape", [(6, 8), (1, 6, 8), (4, 6, 8)])
def test_mask_may_leave_out_the_channels(shape: tuple[int, ...]) -> None:
    mask = torch.zeros(shape)
    mask[..., :4] = 1
    assert torch.equal(InpaintConstraint(Y, mask).error_direction(X0_HAT)[..., :4], (Y - X0_HAT)[..., :4])


def test_residual_is_the_root_mean_square_over_what_is_known() -> None:
    mask = torch.zeros(6, 8)
    mask[:, :3] = 1
    constraint = InpaintConstraint(Y, mask)
    expected = float((Y - X0_HAT)[..., :3].square().mean().sqrt())
    assert constraint.residual(X0_HAT) == pytest.approx(expected, rel=1e-6)
    assert constraint.residual(Y) == 0.0


@pytest.mark.parametrize("unknown", [0.0, 1e30, float("nan"), float("inf")])
def test_unknown_latents_never_enter(unknown: float) -> None:
    mask = torch.zeros(6, 8)
    mask[:, :3] = 1
    ours, reference = InpaintConstraint(torch.where(mask > 0, Y, unknown), mask), InpaintConstraint(Y, mask)
    assert torch.equal(ours.error_direction(X0_HAT), reference.error_direction(X0_HAT))
    assert ours.residual(X0_HAT) == reference.residual(X0_HAT)


def test_an_empty_mask_asks_for_nothing() -> None:
    constraint = InpaintConstraint(Y, torch.zeros(6, 8))
    assert constraint.residual(X0_HAT) == 0.0
    assert not constraint.error_direction(X0_HAT).any()


@pytest.mark.parametrize("mask", [torch.zeros(8, 6), torch.zeros(2, 6, 8), torch.zeros(8)])
def test_masks_of_other_shapes_are_refused(mask: torch.Tensor) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        InpaintConstraint(Y, mask)


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan")])
def test_mask_values_outside_the_unit_interval_are_refused(value: float) -> None:
    with pytest.raises(ValueError, match="mask values"):
        InpaintConstraint(Y, torch.full((6, 8), value))
