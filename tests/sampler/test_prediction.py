import pytest
import torch

from sampler.prediction import PredictionType, from_x0_and_eps, jacobian_vector, to_x0_and_eps

TYPES: tuple[PredictionType, ...] = ("epsilon", "v_prediction", "flow")


@pytest.mark.parametrize("prediction_type", TYPES)
@pytest.mark.parametrize(("alpha", "sigma"), [(0.9, 0.19**0.5), (0.068, (1 - 0.068**2) ** 0.5), (0.3, 0.7)])
def test_every_type_gives_back_x0_and_eps(prediction_type: PredictionType, alpha: float, sigma: float) -> None:
    x0, eps = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    output = from_x0_and_eps(prediction_type, x0, eps, alpha, sigma)
    x0_hat, eps_hat = to_x0_and_eps(prediction_type, output, alpha * x0 + sigma * eps, alpha, sigma)
    torch.testing.assert_close(x0_hat, x0, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(eps_hat, eps, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("prediction_type", ["v_prediction", "flow"])
def test_pure_noise_still_has_an_estimate(prediction_type: PredictionType) -> None:
    x0, eps = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    output = from_x0_and_eps(prediction_type, x0, eps, 0.0, 1.0)
    torch.testing.assert_close(to_x0_and_eps(prediction_type, output, eps, 0.0, 1.0), (x0, eps))


def test_coefficients_may_differ_between_samples() -> None:
    x_t, output = torch.randn(2, 3, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    alpha, sigma = torch.tensor([[0.9, 0.5, 0.1], [0.43, 0.86, 0.99]]).reshape(2, 3, 1, 1, 1)
    x0_hat, _ = to_x0_and_eps("v_prediction", output, x_t, alpha, sigma)
    alone, _ = to_x0_and_eps("v_prediction", output[1], x_t[1], alpha[1], sigma[1])
    assert torch.equal(x0_hat[1], alone)


def test_jacobian_vector_is_the_papers_difference_with_an_exact_identity_part() -> None:
    alpha, sigma = 0.6, 0.8
    e, delta_eps = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    expected = (e - sigma * delta_eps) / alpha
    torch.testing.assert_close(jacobian_vector(e, expected, delta_eps, alpha, sigma), expected)
    assert torch.equal(jacobian_vector(e, torch.zeros_like(e), torch.zeros_like(e), 1.0, 0.0), e)


def test_jacobian_vector_at_pure_noise_is_the_change_of_the_clean_estimate() -> None:
    e, delta_x0_hat = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    assert torch.equal(jacobian_vector(e, delta_x0_hat, e, 0.0, 1.0), delta_x0_hat)
