"""`J e` from one probe, against forward-mode differentiation of real networks."""

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import DDIMScheduler, UNet2DConditionModel
from torch import Tensor
from torch.nn.functional import cosine_similarity
from transformers import CLIPTextModel, CLIPTokenizer

from sampler.constraints.inpaint import InpaintConstraint
from sampler.correction import PUBLISHED, probe, probing_for
from sampler.evaluation import Conditioning, Denoiser
from sampler.prediction import PredictionType
from sampler.sample import SamplerOptions, sample
from sampler.schedule import Schedule, Step
from tests.sampler.stepping import answer_all
from tests.sampler.unet import UnetEvaluator, differentiable, small_random_unet
from worker.assignment import SPACING

# torch's own forward-mode decompositions are still scripted.
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")

EMBEDDED = Path(__file__).parents[2] / "models" / "scenes-128"
TEXT = Conditioning(torch.randn(5, 16, generator=torch.Generator().manual_seed(2)))


def cosine_at(step: Step, x_t: Tensor, known: InpaintConstraint, text: Conditioning, evaluator: UnetEvaluator) -> float:
    """Cosine between the probed and the exact `J e` at one state, in the precision of the evaluator."""
    denoiser = Denoiser(text, 1e3)
    base = answer_all(denoiser(x_t, step.timestep), evaluator)
    e = known.error_direction(base.x0_hat)
    probed = answer_all(probe(x_t, base, step, e, probing_for(evaluator.dtype), denoiser), evaluator)
    exact = evaluator.exact_jacobian_vector(x_t, step.timestep, text, e)
    return float(cosine_similarity(probed.flatten(), exact.flatten(), dim=0))


def left_half_of(y: Tensor) -> InpaintConstraint:
    mask = torch.zeros(y.shape[1:])
    mask[:, : y.shape[2] // 2] = 1
    return InpaintConstraint(y, mask)


@pytest.mark.parametrize("prediction_type", ["epsilon", "v_prediction", "flow"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_probe_agrees_with_forward_mode_on_a_random_unet(prediction_type: PredictionType, dtype: torch.dtype) -> None:
    """An untrained `v_prediction` network has a tiny `J e` at high noise, in which half precision's rounding shows."""
    tiny = prediction_type == "v_prediction"
    least = {torch.float32: 0.999, torch.float16: 0.9 if tiny else 0.99, torch.bfloat16: 0.8 if tiny else 0.95}[dtype]
    evaluator = UnetEvaluator(small_random_unet(), prediction_type, dtype=dtype)
    known = left_half_of(torch.randn(4, 8, 8, generator=torch.Generator().manual_seed(0)))
    for step in evaluator.schedule.steps(4):
        noise = torch.randn(4, 8, 8, generator=torch.Generator().manual_seed(step.timestep))
        x_t = step.alpha_t * known.y + step.sigma_t * noise
        assert cosine_at(step, x_t, known, TEXT, evaluator) > least, step


def test_the_published_probe_fails_in_half_precision_where_ours_does_not() -> None:
    """Why `h` follows the precision: 0.005 drowns in bfloat16's rounding."""
    evaluator = UnetEvaluator(small_random_unet(), dtype=torch.bfloat16)
    y, noise = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    step = evaluator.schedule.steps(20)[0]
    x_t = step.alpha_t * y + step.sigma_t * noise
    denoiser = Denoiser(TEXT, 1e3)
    base = answer_all(denoiser(x_t, step.timestep), evaluator)
    e = left_half_of(y).error_direction(base.x0_hat)
    exact = evaluator.exact_jacobian_vector(x_t, step.timestep, TEXT, e)
    errors = [
        float((answer_all(probe(x_t, base, step, e, probing, denoiser), evaluator) - exact).norm() / exact.norm())
        for probing in (PUBLISHED, probing_for(torch.bfloat16))
    ]
    assert errors[1] < errors[0] / 4


@cache
def embedded() -> tuple[UnetEvaluator, Conditioning]:
    """The embedded model at the service's timesteps, with the empty prompt. Fails where the model is missing."""
    assert EMBEDDED.is_dir(), "models/scenes-128 is missing"
    make_unet: Any = UNet2DConditionModel
    unet = differentiable(make_unet.from_pretrained(EMBEDDED, subfolder="unet", torch_dtype=torch.float32))
    load_scheduler: Any = DDIMScheduler
    scheduler = load_scheduler.from_pretrained(EMBEDDED, subfolder="scheduler")
    tokens: Any = CLIPTokenizer.from_pretrained(EMBEDDED, subfolder="tokenizer")(
        "", padding="max_length", return_tensors="pt"
    )
    load_text_encoder: Any = CLIPTextModel
    text_encoder = load_text_encoder.from_pretrained(EMBEDDED, subfolder="text_encoder").float()
    with torch.no_grad():
        prompt = text_encoder(tokens.input_ids).last_hidden_state[0]
    config = scheduler.config
    schedule = Schedule.from_alphas_cumprod(scheduler.alphas_cumprod, SPACING, config.steps_offset)
    return UnetEvaluator(unet, config.prediction_type, schedule), Conditioning(prompt)


@cache
def embedded_run(seed: int) -> tuple[list[Tensor], Tensor]:
    """The `x_t` of each step of an unconstrained run of 20 steps of the embedded model, and its latents."""
    evaluator, text = embedded()
    size = evaluator.unet.config.sample_size
    generator = torch.Generator().manual_seed(seed)
    process = sample((4, size, size), None, text, evaluator.schedule, SamplerOptions(eta=1.0), generator)
    recorder = Recorder(evaluator)
    return recorder.states, answer_all(process, recorder).latents


class Recorder(UnetEvaluator):
    """The same evaluator, remembering the states that it was asked about."""

    def __init__(self, evaluator: UnetEvaluator) -> None:
        super().__init__(evaluator.unet, evaluator.prediction_type, evaluator.schedule)
        self.states: list[Tensor] = []

    def network(self, x_t: Tensor, timesteps: Tensor, prompts: Tensor) -> Tensor:
        self.states += list(x_t)
        return super().network(x_t, timesteps, prompts)


@pytest.mark.parametrize(
    ("dtype", "seed", "every"),
    [
        (torch.float32, 0, 1),
        (torch.bfloat16, 0, 1),
        pytest.param(torch.bfloat16, 2, 1, marks=pytest.mark.slow),
        (torch.float16, 0, 3),
        pytest.param(torch.float16, 0, 1, marks=pytest.mark.slow),
        pytest.param(torch.float16, 2, 1, marks=pytest.mark.slow),
    ],
)
def test_probe_agrees_with_forward_mode_on_the_embedded_model(dtype: torch.dtype, seed: int, every: int) -> None:
    """At the states of real runs, with another sample's left half as the constraint: cosine above 0.99 at all of them.

    In half precision one `h` for all timesteps will not do. Of the runs from seeds 0 and 2: at t = 849 the network
    curves so much that two-sided 0.3 is left with 0.94 and one-sided 0.1 with 0.97; at t = 349 rounding leaves
    bfloat16's two-sided 0.1 with 0.93. Float16 is slow on CPUs: every third timestep, 849 among them, by default.
    """
    exact, text = embedded()
    states, _ = embedded_run(seed)
    _, y = embedded_run(seed=1)
    evaluator = UnetEvaluator(exact.unet, exact.prediction_type, exact.schedule, dtype)
    for step, x_t in list(zip(exact.schedule.steps(20), states, strict=True))[::every]:
        assert cosine_at(step, x_t, left_half_of(y), text, evaluator) > 0.99, step
