"""Train the embedded `UNet2DConditionModel` and its text encoder together on scene latents (v-prediction).

    python -m training.train_unet --vae build/vae/vae --out build/unet --steps 3400
    python -m training.train_unet --init models/scenes-128 --steps 20000 --minutes 85

The second form goes on from published weights, and its learning rate has come down when the minutes are over, however
many steps the machine made of them. Latents are encoded once and kept. The result is a folder that
`StableDiffusionPipeline.from_pretrained` loads.
"""

from __future__ import annotations

import argparse
import shutil
import time
from pathlib import Path

import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from torch import Tensor, nn
from transformers import CLIPTextModel, CLIPTokenizer

from training.data import load_described
from training.loop import Clock, Ema, cosine_lr, load_state, save_state, use_all_cores
from training.muon import Muon
from training.text import WIDTH, make_text_encoder, make_tokenizer
from training.train_vae import to_float

CHANNELS = (128, 160)
CAPTION_DROP = 0.12
LOW_NOISE_VARIANCE = 0.05


class Denoiser(nn.Module):
    """UNet and text encoder as one module, so that one optimiser and one average serve both."""

    def __init__(self, unet: UNet2DConditionModel, text_encoder: CLIPTextModel) -> None:
        super().__init__()
        self.unet = unet
        self.text_encoder = text_encoder

    def forward(self, x_t: Tensor, timestep: Tensor, tokens: Tensor) -> Tensor:
        """Predicted v (n, 4, 16, 16) of `x_t` (n, c, 16, 16) for token ids (n, 32)."""
        states = self.text_encoder(tokens)[0]
        predicted: Tensor = self.unet(x_t, timestep, states, return_dict=False)[0]
        return predicted


def make_unet(in_channels: int = 4) -> UNet2DConditionModel:
    """An untrained UNet for 16×16 latents; nine input channels make it an inpainting UNet."""
    unet = UNet2DConditionModel(
        sample_size=16,
        in_channels=in_channels,
        out_channels=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        block_out_channels=CHANNELS,
        layers_per_block=1,
        cross_attention_dim=WIDTH,
        attention_head_dim=4,
        norm_num_groups=16,
    )
    unet.set_attn_processor(AttnProcessor())  # for 64 tokens on a CPU, plain products train faster than fused attention
    return unet


def make_scheduler() -> DDIMScheduler:
    """Stable Diffusion's noise schedule, predicting v as 2.x does."""
    return DDIMScheduler(
        num_train_timesteps=1000,
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        prediction_type="v_prediction",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
    )


@torch.no_grad()
def encode_scenes(vae: AutoencoderKL, images: Tensor) -> Tensor:
    """Posterior means (n, 4, 16, 16) of uint8 pictures (n, 128, 128, 3), not scaled."""
    parts = []
    for part in images.split(64):
        image = to_float(part).to(vae.device, memory_format=torch.channels_last)
        with torch.autocast(vae.device.type, torch.bfloat16):
            parts.append(vae.encode(image).latent_dist.mode().float().cpu())
    return torch.cat(parts)


def load_latents(vae: AutoencoderKL, images: Tensor, path: Path) -> Tensor:
    """Encoded scenes, from `path` when an earlier run kept them."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(encode_scenes(vae, images), path)
    latents: Tensor = torch.load(path, weights_only=True)
    return latents


def tokenize(tokenizer: CLIPTokenizer, captions: list[str]) -> Tensor:
    """Token ids (n, 32)."""
    ids: Tensor = tokenizer(captions, padding="max_length", truncation=True, return_tensors="pt").input_ids
    return ids


def velocity_losses(model: nn.Module, x0: Tensor, tokens: Tensor, t: Tensor, alphas: Tensor, extra: Tensor) -> Tensor:
    """Squared errors (n,) of v at timesteps `t`; `extra` (n, k, 16, 16) are further input channels, k may be 0."""
    eps = torch.randn_like(x0)
    alpha, sigma = alphas[t].sqrt().view(-1, 1, 1, 1), (1 - alphas[t]).sqrt().view(-1, 1, 1, 1)
    x_t = alpha * x0 + sigma * eps
    v = alpha * eps - sigma * x0
    with torch.autocast(x0.device.type, torch.bfloat16):
        predicted = model(torch.cat([x_t, extra], dim=1), t, tokens)
    losses: Tensor = (predicted.float() - v).square().mean(dim=(1, 2, 3))
    return losses


class EvenLoss:
    """Weighs timesteps so that each level of noise asks the same of the network.

    A running mean of the loss is kept for equal slices of the timesteps, and a sample weighs its inverse: adaptive, as
    EDM2's learned weighting is (Karras et al. 2024, arXiv 2312.02696, section 2.2). Where almost nothing is noise, v is
    the noise itself, which no network can tell from the picture's own grain: there it weighs less.
    """

    def __init__(self, alphas: Tensor, slices: int = 25, decay: float = 0.98) -> None:
        self._low_noise = ((1 - alphas) / LOW_NOISE_VARIANCE).clamp(max=1.0)
        self._slices, self._decay = slices, decay
        self._mean = torch.zeros(slices, device=alphas.device)

    def __call__(self, losses: Tensor, t: Tensor) -> Tensor:
        """The weighted mean of `losses` (n,) at timesteps `t` (n,)."""
        slices = t * self._slices // len(self._low_noise)
        for index, loss in zip(slices.tolist(), losses.detach(), strict=True):
            known = self._mean[index] > 0
            self._mean[index] = torch.where(known, torch.lerp(loss, self._mean[index], self._decay), loss)
        return (losses * self._low_noise[t] / self._mean[slices]).mean() * self._mean.mean()


def save_pipeline(out: Path, vae: AutoencoderKL, model: Denoiser, tokenizer: CLIPTokenizer) -> None:
    """Write the fp16 safetensors folder in diffusers' format."""
    pipeline = StableDiffusionPipeline(
        vae=vae,
        text_encoder=model.text_encoder,
        tokenizer=tokenizer,
        unet=model.unet,
        scheduler=make_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.to(torch.float16).save_pretrained(out, safe_serialization=True)
    pipeline.to(torch.float32)


def train(args: argparse.Namespace) -> None:
    """Train, resuming from `out/state.pt`; write the averaged model to `out/pipeline`."""
    use_all_cores()
    torch.manual_seed(args.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    vae = AutoencoderKL.from_pretrained(args.vae).to(device, memory_format=torch.channels_last)
    images, scenes = load_described(args.scenes)
    latents = load_latents(vae, images, args.out / "latents.pt")
    scaling_factor = vae.config.scaling_factor if args.init else 1.0 / latents.std().item()
    vae.register_to_config(scaling_factor=scaling_factor)
    latents = latents * scaling_factor
    captions = [scene.caption for scene in scenes]
    model, tokenizer = begin(args.init, captions, args.out / "tokenizer")
    tokens, empty = tokenize(tokenizer, captions), tokenize(tokenizer, [""])
    model.to(device)
    model.unet.to(memory_format=torch.channels_last)
    optimizer = Muon(model.named_parameters(), lr=args.lr, weight_decay=0.01)
    ema = Ema(model, decay=0.998)
    progress = load_state(args.out, model, optimizer, ema)
    alphas = make_scheduler().alphas_cumprod.to(device)
    even = EvenLoss(alphas)
    recent = torch.zeros(())
    clock, first = Clock(args.steps, args.minutes), progress.step
    while (share := clock.share(progress)) < 1:
        step = progress.step
        for group in optimizer.param_groups:
            group["lr"] = cosine_lr(step, share, args.lr)
        index = torch.randint(len(latents), (args.batch,))
        dropped = torch.rand(args.batch, 1) < CAPTION_DROP
        ids = torch.where(dropped, empty, tokens[index]).to(device)
        x0 = latents[index].to(device, memory_format=torch.channels_last)
        t = stratified_timesteps(args.batch).to(device)
        losses = velocity_losses(model, x0, ids, t, alphas, x0[:, :0])
        even(losses, t).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        ema.update(model)
        progress.step = step + 1
        recent += (losses.mean().detach().cpu() - recent) / min(step + 1 - first, 100)
        if (step + 1) % args.log_every == 0 or clock.share(progress) >= 1:
            print(f"{step + 1} steps, {share:.0%}, loss {recent.item():.4f} {progress}", flush=True)
            save_state(args.out, progress, model, optimizer, ema, len(latents))
            with ema.swapped_in(model):
                save_pipeline(args.out / "pipeline", vae, model, tokenizer)


def begin(init: Path | None, captions: list[str], folder: Path) -> tuple[Denoiser, CLIPTokenizer]:
    """The networks and the tokenizer to start with: those of the pipeline `init`, or new ones made for `captions`."""
    if init is None:
        tokenizer = make_tokenizer(captions, folder)
        return Denoiser(make_unet(), make_text_encoder(tokenizer)), tokenizer
    folder.mkdir(parents=True, exist_ok=True)
    for file in (init / "tokenizer").iterdir():
        shutil.copy(file, folder)
    unet = make_unet()
    unet.load_state_dict(UNet2DConditionModel.from_pretrained(init, subfolder="unet").state_dict())
    text_encoder = CLIPTextModel.from_pretrained(init, subfolder="text_encoder", dtype=torch.float32)
    return Denoiser(unet, text_encoder.train()), CLIPTokenizer.from_pretrained(init, subfolder="tokenizer")


def stratified_timesteps(batch: int) -> Tensor:
    """One uniform timestep from each of `batch` equal slices of [0, 1000): the same law, less noise."""
    return ((torch.arange(batch) + torch.rand(batch)) / batch * 1000).long().clamp(0, 999)


def main() -> None:
    """Command line of the UNet recipe."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vae", type=Path, default=Path("build/vae/vae"))
    parser.add_argument("--out", type=Path, default=Path("build/unet"))
    parser.add_argument("--init", type=Path, help="pipeline folder whose denoiser and text encoder are trained on")
    parser.add_argument("--steps", type=int, default=3400)
    parser.add_argument("--minutes", type=float, help="end after this time, whatever the steps")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--scenes", type=int, default=24_000)
    parser.add_argument("--log-every", type=int, default=250)
    parser.add_argument("--seed", type=int, default=1, help="one that no earlier run had, to go on with other noise")
    args = parser.parse_args()
    began = time.time()
    train(args)
    print(f"done in {time.time() - began:.0f} s")


if __name__ == "__main__":
    main()
