import pytest
import torch
from torch import Tensor

from sampler.evaluation import Conditioning, Denoise
from sampler.guidance import evaluate
from sampler.prediction import PredictionType
from sampler.schedule import Schedule

SCHEDULE = Schedule.from_betas()
POSITIVE, NEGATIVE = torch.full((3, 2), 1.0), torch.full((3, 2), -2.0)


def network(x_t: Tensor, timesteps: Tensor, prompts: Tensor) -> Tensor:
    return 0.1 * x_t + prompts.mean((1, 2))[:, None, None, None] + timesteps[:, None, None, None] / 1000


def request(conditioning: Conditioning, timestep: int = 500, seed: int = 0) -> Denoise:
    return Denoise(torch.randn(2, 4, 4, generator=torch.Generator().manual_seed(seed)), timestep, conditioning)


@pytest.mark.parametrize("prediction_type", ["epsilon", "v_prediction", "flow"])
def test_guidance_extrapolates_from_negative_to_prompt(prediction_type: PredictionType) -> None:
    guided = request(Conditioning(POSITIVE, NEGATIVE, 3.0))
    positive = evaluate([request(Conditioning(POSITIVE))], network, SCHEDULE, prediction_type)[0]
    negative = evaluate([request(Conditioning(NEGATIVE))], network, SCHEDULE, prediction_type)[0]
    ours = evaluate([guided], network, SCHEDULE, prediction_type)[0]
    torch.testing.assert_close(ours.x0_hat, negative.x0_hat + 3.0 * (positive.x0_hat - negative.x0_hat))
    torch.testing.assert_close(ours.eps, negative.eps + 3.0 * (positive.eps - negative.eps))


def test_one_call_answers_requests_with_and_without_guidance_at_different_timesteps() -> None:
    calls = []

    def counting(x_t: Tensor, timesteps: Tensor, prompts: Tensor) -> Tensor:
        calls.append(len(x_t))
        return network(x_t, timesteps, prompts)

    requests = [
        request(Conditioning(POSITIVE), 951, 0),
        request(Conditioning(POSITIVE, NEGATIVE, 2.0), 1, 1),
        request(Conditioning(NEGATIVE, POSITIVE), 301, 2),
        request(Conditioning(NEGATIVE, POSITIVE, 7.5), 501, 3),
    ]
    together = evaluate(requests, counting, SCHEDULE, "v_prediction")
    assert calls == [6]
    for alone, answer in zip(requests, together, strict=True):
        expected = evaluate([alone], network, SCHEDULE, "v_prediction")[0]
        torch.testing.assert_close((answer.x0_hat, answer.eps), (expected.x0_hat, expected.eps))


def test_a_half_precision_networks_answer_becomes_float32_before_guidance() -> None:
    answer = evaluate(
        [request(Conditioning(POSITIVE, NEGATIVE, 2.0))], lambda x, t, p: network(x, t, p).half(), SCHEDULE, "epsilon"
    )[0]
    assert answer.x0_hat.dtype == answer.eps.dtype == torch.float32


def test_estimates_satisfy_the_noising_equation() -> None:
    asked = request(Conditioning(POSITIVE), 700)
    answer = evaluate([asked], network, SCHEDULE, "v_prediction")[0]
    alpha, sigma = SCHEDULE.alpha_sigma(700)
    torch.testing.assert_close(alpha * answer.x0_hat + sigma * answer.eps, asked.x_t)


def test_scale_one_is_no_guidance_and_costs_one_evaluation() -> None:
    assert Conditioning(POSITIVE, NEGATIVE, 1.0).nfe == 1
    assert Conditioning(POSITIVE, NEGATIVE, 1.5).nfe == 2


def test_misuse_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        Conditioning(POSITIVE, None, 3.0)
    with pytest.raises(ValueError, match="one shape"):
        Conditioning(POSITIVE, torch.zeros(4, 2), 3.0)
    with pytest.raises(ValueError, match="tokens"):
        Conditioning(torch.zeros(1, 3, 2))
