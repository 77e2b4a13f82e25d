"""The iteration behind pseudo-inverses without a closed form."""

import pytest
import torch
from torch import Tensor

from sampler.constraints.conjugate_gradient import conjugate_gradient
from sampler.errors import DivergedError

WEIGHTS = torch.linspace(0.01, 1, 12, dtype=torch.float64).reshape(3, 2, 2)
B = torch.randn(4, 3, 2, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def weighted(x: Tensor) -> Tensor:
    return WEIGHTS * x


def test_solves_in_as_many_iterations_as_there_are_eigenvalues() -> None:
    solution = conjugate_gradient(weighted, B, 100)
    torch.testing.assert_close(solution.x, B / WEIGHTS)
    assert solution.iterations <= 14
    assert float(solution.residual.max()) <= 1e-12


def test_a_singular_system_gets_its_solution_of_least_norm() -> None:
    projector = torch.ones(3, 2, 2, dtype=torch.float64)
    projector[0] = 0
    solution = conjugate_gradient(lambda x: projector * x, projector * B, 10)
    assert torch.equal(solution.x, projector * B)
    assert solution.iterations == 1


def test_stopping_at_the_limit_says_how_far_it_came() -> None:
    solution = conjugate_gradient(weighted, B, 3)
    assert solution.iterations == 3
    expected = (B - weighted(solution.x)).flatten(1).norm(dim=1) / B.flatten(1).norm(dim=1)
    torch.testing.assert_close(solution.residual, expected)
    assert float(solution.residual.max()) > 1e-12


def test_nothing_asked_costs_nothing() -> None:
    solution = conjugate_gradient(weighted, torch.zeros_like(B), 10)
    assert solution.iterations == 0
    assert not solution.x.any()
    assert not solution.residual.any()


def test_an_easy_entry_is_left_alone_while_a_hard_one_goes_on() -> None:
    easy = torch.zeros(3, 2, 2, dtype=torch.float64)
    easy[0, 0, 0] = 1.0  # an eigenvector: one iteration
    together = conjugate_gradient(weighted, torch.stack([easy, B[0], torch.zeros_like(easy)]), 100)
    assert torch.equal(together.x[0], conjugate_gradient(weighted, easy, 100).x)
    assert torch.equal(together.x[1], conjugate_gradient(weighted, B[0], 100).x)
    assert not together.x[2].any()


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_values_that_are_not_finite_raise(bad: float) -> None:
    b = B.clone()
    b[1, 0, 0, 0] = bad
    with pytest.raises(DivergedError, match="not finite"):
        conjugate_gradient(weighted, b, 10)
