from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch

from jobs.settings import Settings
from sampler.batching import BatchSizes
from sampler.evaluation import Decode, Denoise, Encode
from tests.worker.tiny_model import make_tiny_model
from worker.diffusers_model import DiffusersModel
from worker.errors import ModelUnusable
from worker.metering import MeteredEvaluator
from worker.model import find, load, pick_device, pick_dtype, read_scheduler, set_threads
from worker.warm_up import batch_sizes, warm_up


def requests(model: DiffusersModel, count: int) -> list[Denoise]:
    generator = torch.Generator().manual_seed(3)
    guided = model.conditioning("a red butterfly", "blue", 3.0)
    plain = model.conditioning("", "", 1.0)
    return [
        Denoise(torch.randn(4, 16, 16, generator=generator), 50 + 100 * i, guided if i % 2 else plain)
        for i in range(count)
    ]


def test_facts_are_read_from_the_folder(tiny_model: DiffusersModel) -> None:
    assert (tiny_model.name, tiny_model.native_size_px, tiny_model.cell_px) == ("tiny-128", 128, 8)
    assert tiny_model.latents_shape(192, 128) == (4, 16, 24)
    assert tiny_model.prediction_type == "v_prediction"
    assert tiny_model.schedule.alphas[-1] == 0.0
    assert tiny_model.dtype is torch.float32


@pytest.mark.parametrize("prediction_type", ["v_prediction", "epsilon"])
def test_clean_estimate_is_that_of_diffusers(tmp_path: Path, prediction_type: str) -> None:
    folder = make_tiny_model(tmp_path, prediction_type=prediction_type)
    model = load(Settings(model=str(folder), device="cpu"))
    scheduler = diffusers.DDIMScheduler.from_pretrained(folder, subfolder="scheduler")
    scheduler.set_timesteps(20)
    assert model.schedule.timesteps(20) == scheduler.timesteps.tolist()
    unet: Any = diffusers.UNet2DConditionModel.from_pretrained(folder, subfolder="unet")
    request = requests(model, 1)[0]
    with torch.inference_mode():
        output = unet(request.x_t[None], 50, request.conditioning.prompt[None]).sample[0]
    expected = scheduler.step(output, 50, request.x_t).pred_original_sample
    [denoised] = model.denoise([request])
    assert torch.allclose(denoised.x0_hat, expected, rtol=1e-4, atol=1e-4)


def test_autoencoder_is_that_of_diffusers(tiny_model: DiffusersModel, tiny_folder: Path) -> None:
    vae: Any = diffusers.AutoencoderKL.from_pretrained(tiny_folder, subfolder="vae")
    image = torch.rand(3, 128, 128) * 2 - 1
    with torch.inference_mode():
        mean = vae.encode(image[None]).latent_dist.mean[0]
        decoded = vae.decode(mean[None]).sample[0]
    [latents] = tiny_model.encode([Encode(image)])
    assert torch.allclose(latents, mean * 0.9, atol=1e-5)
    assert torch.allclose(tiny_model.decode([Decode(latents)])[0], decoded, atol=1e-4)


def test_answers_are_the_same_alone_and_in_company(tiny_model: DiffusersModel) -> None:
    asked = requests(tiny_model, 5)
    together = tiny_model.denoise(asked)
    for request, answer in zip(asked, together, strict=True):
        [alone] = tiny_model.denoise([request])
        assert torch.allclose(alone.x0_hat, answer.x0_hat, atol=1e-5)
        assert torch.allclose(alone.eps, answer.eps, atol=1e-5)


def test_prompts_are_told_apart_and_remembered(tiny_model: DiffusersModel) -> None:
    red, blue = (tiny_model.conditioning(text, "", 1.0).prompt for text in ("red", "blue"))
    assert red.shape == blue.shape
    assert not torch.equal(red, blue)
    assert tiny_model.conditioning("red", "", 1.0).prompt is red
    for number in range(260):
        tiny_model.conditioning(str(number), "", 1.0)
    assert tiny_model.conditioning("red", "", 1.0).prompt is not red
    assert len(tiny_model.conditioning("word " * 2000, "", 1.0).prompt) == len(red)


def test_meter_counts_rows_and_warm_up_uses_each_size(tiny_model: DiffusersModel) -> None:
    meter = MeteredEvaluator(tiny_model)
    warm_up(tiny_model, meter, BatchSizes((1, 2, 3, 4)))
    assert (meter.calls, meter.evaluations, meter.largest_batch) == (12, 4 * (1 + 2 + 4), 4)
    meter.denoise(requests(tiny_model, 2))
    assert (meter.calls, meter.evaluations) == (13, 31)
    assert meter.idle_for_s() < 60


def test_batch_sizes_are_few_where_graphs_are_fixed() -> None:
    assert batch_sizes(2, fixed=False).network == (1, 2, 3, 4)
    assert batch_sizes(8, fixed=True).network == (1, 2, 4, 8, 16)
    assert batch_sizes(3, fixed=True).network == (1, 2, 4, 8)
    assert batch_sizes(1, fixed=True).network == (1, 2)


def test_model_is_a_folder_or_a_hub_id(tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tiny_folder.parent)
    assert find("tiny-128") == tiny_folder.resolve() == find(str(tiny_folder))
    assert find("worker") == Path(__file__).parents[2] / "worker"
    assert find("stabilityai/stable-diffusion-2-base") == "stabilityai/stable-diffusion-2-base"
    for missing in ("nowhere", "models/nowhere", "/no/where", "./a/b"):
        with pytest.raises(ModelUnusable):
            find(missing)


def broken(folder: Path, tmp_path: Path, name: str, **changes: object) -> Path:
    copy = tmp_path / "broken"
    shutil.copytree(folder, copy)
    path = copy / name
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    return copy


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("scheduler/scheduler_config.json", {"prediction_type": "sample"}),
        ("scheduler/scheduler_config.json", {"_class_name": "FlowMatchEulerDiscreteScheduler"}),
        ("scheduler/scheduler_config.json", {"_class_name": "NoSuchScheduler"}),
        ("unet/config.json", {"cross_attention_dim": 64}),
    ],
)
def test_model_that_cannot_be_sampled_from_is_refused(
    tiny_folder: Path, tmp_path: Path, name: str, changes: dict[str, object]
) -> None:
    with pytest.raises(ModelUnusable):
        load(Settings(model=str(broken(tiny_folder, tmp_path, name, **changes)), device="cpu"))


def test_network_of_epsilon_that_would_start_from_pure_noise_is_refused(tiny_folder: Path, tmp_path: Path) -> None:
    copy = broken(tiny_folder, tmp_path, "scheduler/scheduler_config.json", prediction_type="epsilon")
    with pytest.raises(ModelUnusable, match="zero terminal SNR"):
        load(Settings(model=str(copy), device="cpu"))


@pytest.mark.parametrize("kind", [diffusers.DDIMScheduler, diffusers.DDPMScheduler, diffusers.EulerDiscreteScheduler])
def test_zero_terminal_snr_is_for_v_prediction_alone_in_every_scheduler(kind: Any) -> None:
    noisiest: dict[str, Any] = {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}
    assert read_scheduler(kind(prediction_type="v_prediction", **noisiest))[0].alphas[-1] < 1e-3
    assert read_scheduler(kind(prediction_type="epsilon"))[1] == "epsilon"
    with pytest.raises(ModelUnusable, match="zero terminal SNR"):
        read_scheduler(kind(prediction_type="epsilon", **noisiest))


def test_pickled_weights_are_refused(tiny_folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "pickled"
    shutil.copytree(tiny_folder, copy)
    (copy / "unet" / "diffusion_pytorch_model.safetensors").rename(copy / "unet" / "diffusion_pytorch_model.bin")
    with pytest.raises(ModelUnusable):
        load(Settings(model=str(copy), device="cpu"))


def test_scheduler_without_alphas_is_refused() -> None:
    with pytest.raises(ModelUnusable):
        read_scheduler(object())


def test_device_and_precision_follow_the_settings() -> None:
    cpu, cuda = torch.device("cpu"), torch.device("cuda")
    assert pick_device("cpu") == cpu
    assert pick_device("auto").type in {"cpu", "cuda"}
    for wrong in ("cuda:99", "toaster"):
        with pytest.raises(ModelUnusable):
            pick_device(wrong)
    assert pick_dtype("auto", cpu) is torch.float32
    assert pick_dtype("auto", cuda) is torch.float16
    assert pick_dtype("bfloat16", cpu) is torch.bfloat16


def test_half_precision_stays_near(tiny_model: DiffusersModel, tiny_folder: Path) -> None:
    half = load(Settings(model=str(tiny_folder), device="cpu", dtype="bfloat16"))
    [request] = requests(tiny_model, 1)
    exact, near = tiny_model.denoise([request])[0], half.denoise([request])[0]
    assert near.x0_hat.dtype is torch.float32
    assert torch.allclose(exact.x0_hat, near.x0_hat, atol=0.2)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")
def test_compiled_model_answers_alike(tiny_model: DiffusersModel, tiny_folder: Path) -> None:
    compiled = load(Settings(model=str(tiny_folder), device="cpu", compile=True))
    asked = requests(tiny_model, 2)
    for one, other in zip(tiny_model.denoise(asked), compiled.denoise(asked), strict=True):
        assert torch.allclose(one.x0_hat, other.x0_hat, atol=1e-4)


def test_threads_follow_the_settings() -> None:
    before = torch.get_num_threads()
    assert set_threads(Settings(threads=1)) == torch.get_num_threads() == 1
    assert set_threads(Settings()) >= 1
    torch.set_num_threads(before)
