"""What every constraint promises, whatever its operator."""

from collections.abc import Callable

import pytest
import torch

from sampler.constraints.base import Constraint
from sampler.constraints.inpaint import InpaintConstraint

SHAPE = (4, 8, 8)
X0, Y = torch.randn(2, *SHAPE, generator=torch.Generator().manual_seed(0))


def half_known() -> Constraint:
    mask = torch.zeros(8, 8)
    mask[:, :4] = 1
    return InpaintConstraint(Y, mask)


def softly_known() -> Constraint:
    return InpaintConstraint(Y, torch.linspace(0, 1, 8).expand(8, 8))


CONSTRAINTS = (half_known, softly_known)


@pytest.mark.parametrize("make", CONSTRAINTS)
def test_direction_is_of_the_estimates_shape_and_finite(make: Callable[[], Constraint]) -> None:
    e = make().error_direction(X0)
    assert e.shape == X0.shape
    assert e.dtype == torch.float32
    assert e.isfinite().all()


@pytest.mark.parametrize("make", CONSTRAINTS)
@pytest.mark.parametrize("length", [0.05, 0.5, 1.0])
def test_moving_along_the_direction_lowers_the_residual(make: Callable[[], Constraint], length: float) -> None:
    constraint = make()
    assert constraint.residual(X0 + length * constraint.error_direction(X0)) < constraint.residual(X0)


@pytest.mark.parametrize("make", CONSTRAINTS)
def test_where_the_constraint_is_met_there_is_nothing_to_do(make: Callable[[], Constraint]) -> None:
    constraint = make()
    assert constraint.residual(Y) == 0.0
    assert not constraint.error_direction(Y).any()


@pytest.mark.parametrize("make", CONSTRAINTS)
def test_the_estimate_is_left_as_it_is(make: Callable[[], Constraint]) -> None:
    constraint, x0 = make(), X0.clone()
    constraint.error_direction(x0)
    constraint.residual(x0)
    assert torch.equal(x0, X0)


@pytest.mark.parametrize("make", CONSTRAINTS)
def test_renewal_without_evaluations_keeps_the_constraint(make: Callable[[], Constraint]) -> None:
    constraint = make()
    with pytest.raises(StopIteration) as stop:
        next(constraint.renewed(X0, 1.0))
    assert stop.value.value is constraint
