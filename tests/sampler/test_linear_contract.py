"""What every linear operator promises, against the matrix that it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import pytest
import torch
from torch import Tensor

from sampler.constraints.blur import Blur, gaussian_kernel, motion_kernel
from sampler.constraints.colorize import Colorize
from sampler.constraints.linear import LinearOperator
from sampler.constraints.mask import Mask
from sampler.constraints.regions import complete
from sampler.constraints.stacked import Stacked
from sampler.constraints.super_resolution import SuperResolution

HEIGHT, WIDTH = 16, 8
SHAPE = (3, HEIGHT, WIDTH)
HALF = complete(HEIGHT, WIDTH, "left", 0.5)
GREY = torch.linspace(0, 1, WIDTH).expand(HEIGHT, WIDTH)
ROUNDING = {torch.float64: 1e-10, torch.float32: 1e-4, torch.bfloat16: 0.05, torch.float16: 0.01}


@dataclass(frozen=True)
class Case:
    """An operator, and the `regularisation` that its pseudo-inverse has in the sense of Tikhonov; 0 is exact."""

    name: str
    operator: LinearOperator
    regularisation: float = 0.0


CASES = (
    Case("half known", Mask(HALF)),
    Case("softly known", Mask(GREY)),
    Case("nothing known", Mask(torch.zeros(HEIGHT, WIDTH))),
    *(Case(f"area {factor}", SuperResolution(factor, "area")) for factor in (2, 4, 8)),
    *(Case(f"bicubic {factor}", SuperResolution(factor, "bicubic")) for factor in (2, 4, 8)),
    Case("gaussian blur", Blur(gaussian_kernel(0.8)), 1e-3),
    Case("motion blur", Blur(motion_kernel(5, 30), regularisation=1e-2), 1e-2),
    Case("grey", Colorize()),
    Case("small and half known", Stacked((SuperResolution(4, "bicubic"), Mask(HALF)), SHAPE)),
    Case("small and softly known and grey", Stacked((SuperResolution(2, "area"), Mask(GREY), Colorize()), SHAPE)),
    Case("blurred and half known", Stacked((Blur(gaussian_kernel(0.8)), Mask(HALF)), SHAPE, 1e-2), 1e-2),
    Case("stacked twice", Stacked((Stacked((Colorize(), Mask(HALF)), SHAPE), SuperResolution(8, "area")), SHAPE)),
)
each_operator = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
Method: TypeAlias = Callable[[LinearOperator], Callable[[Tensor], Tensor]]
METHODS: tuple[Method, ...] = (
    lambda operator: operator.forward,
    lambda operator: operator.adjoint,
    lambda operator: operator.pseudo_inverse,
)
each_method = pytest.mark.parametrize("method", METHODS, ids=["forward", "adjoint", "pseudo_inverse"])


def drawn(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def measured(operator: LinearOperator, *leading: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    """Something of a measurement's shape that no picture need have."""
    shape = operator.forward(torch.zeros(SHAPE)).shape
    return drawn(*leading, *shape, seed=seed, dtype=dtype)


def argument(operator: LinearOperator, method: Method, *leading: int, dtype: torch.dtype = torch.float64) -> Tensor:
    if method is METHODS[0]:
        return drawn(*leading, *SHAPE, dtype=dtype)
    return measured(operator, *leading, dtype=dtype)


def matrix(operator: LinearOperator) -> Tensor:
    """`A` (measurements, pixels), column by column."""
    size = torch.Size(SHAPE).numel()
    basis = torch.eye(size, dtype=torch.float64).reshape(size, *SHAPE)
    return operator.forward(basis).flatten(1).T


@each_operator
def test_adjoint_is_the_transpose(case: Case) -> None:
    x, y = drawn(*SHAPE), measured(case.operator, seed=1)
    left, right = (case.operator.forward(x) * y).sum(), (x * case.operator.adjoint(y)).sum()
    assert abs(float(left - right)) <= 1e-10 * float(x.norm() * y.norm())


@each_operator
@each_method
def test_methods_are_linear(case: Case, method: Method) -> None:
    call = method(case.operator)
    a, b = argument(case.operator, method, 2)
    torch.testing.assert_close(call(2.5 * a - b), 2.5 * call(a) - call(b), rtol=1e-8, atol=1e-8)


@each_operator
def test_pseudo_inverse_is_the_matrixs_own(case: Case) -> None:
    A = matrix(case.operator)
    if case.regularisation:
        expected = torch.linalg.solve(A.T @ A + case.regularisation * torch.eye(A.shape[1], dtype=A.dtype), A.T)
    else:
        expected = torch.linalg.pinv(A, rtol=1e-9)
    y = measured(case.operator, 4)
    torch.testing.assert_close(
        case.operator.pseudo_inverse(y).flatten(1), y.flatten(1) @ expected.T, rtol=1e-7, atol=1e-7
    )


@each_operator
def test_measuring_the_pseudo_inverse_gives_the_measurement_back(case: Case) -> None:
    x = drawn(*SHAPE)
    y = case.operator.forward(x)
    error = float((case.operator.forward(case.operator.pseudo_inverse(y)) - y).norm() / x.norm())
    assert error <= max(1e-9, 0.5 * case.regularisation**0.5)


@each_operator
def test_pseudo_inverse_has_the_least_norm_of_all_images_with_that_measurement(case: Case) -> None:
    x = drawn(*SHAPE)
    least = case.operator.pseudo_inverse(case.operator.forward(x))
    assert float(least.norm()) <= float(x.norm()) * (1 + 1e-12)
    nothing_seen = x - case.operator.pseudo_inverse(case.operator.forward(x))
    if not case.regularisation:
        assert abs(float((least * nothing_seen).sum())) <= 1e-8 * float(x.norm()) ** 2


@each_operator
@each_method
@pytest.mark.parametrize("dtype", ROUNDING, ids=str)
def test_dtype_is_kept_and_half_precision_loses_only_its_rounding(
    case: Case, method: Method, dtype: torch.dtype
) -> None:
    given = argument(case.operator, method, dtype=dtype)
    result = method(case.operator)(given)
    exact = method(case.operator)(given.double())
    assert result.dtype == dtype
    assert float((result - exact).abs().max()) <= ROUNDING[dtype] * max(1.0, float(exact.abs().max()))


@each_operator
@pytest.mark.parametrize("method", METHODS[:2], ids=["forward", "adjoint"])
def test_results_are_on_the_device_of_the_argument(case: Case, method: Method) -> None:
    given = argument(case.operator, method).to("meta")  # the one other device that every machine has
    assert method(case.operator)(given).device.type == "meta"


@each_operator
@each_method
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_entries_of_a_batch_do_not_depend_on_their_company_by_a_bit(
    case: Case, method: Method, dtype: torch.dtype
) -> None:
    batch = argument(case.operator, method, 2, 3, dtype=dtype)
    batch[1, 2] = 0
    batch[0, 0] *= 100
    together = method(case.operator)(batch)
    for i in range(2):
        for j in range(3):
            assert torch.equal(together[i, j], method(case.operator)(batch[i, j]))


@each_operator
@each_method
def test_the_argument_is_left_as_it_is(case: Case, method: Method) -> None:
    given = argument(case.operator, method)
    before = given.clone()
    method(case.operator)(given)
    assert torch.equal(given, before)


@each_operator
@each_method
def test_methods_are_differentiable_also_after_use_in_inference_mode(case: Case, method: Method) -> None:
    with torch.inference_mode():
        method(case.operator)(argument(case.operator, method))
    given = argument(case.operator, method).requires_grad_(True)
    weights = torch.randn_like(method(case.operator)(given))
    (gradient,) = torch.autograd.grad((method(case.operator)(given) * weights).sum(), given)
    ahead = drawn(*given.shape, seed=2)
    slope = (method(case.operator)(ahead) * weights).sum()
    torch.testing.assert_close((gradient * ahead).sum(), slope, rtol=1e-6, atol=1e-6)


@each_operator
@each_method
def test_shapes_and_types_that_do_not_fit_are_refused(case: Case, method: Method) -> None:
    given = argument(case.operator, method)
    with pytest.raises(ValueError, match="floats"):
        method(case.operator)(given.to(torch.int64))
    with pytest.raises(ValueError, match="expected"):
        method(case.operator)(torch.zeros(()))
