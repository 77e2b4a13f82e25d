"""Fine-tune the embedded UNet for inpainting: the tuned rival.

Nine input channels (noisy latents, mask, masked latents) as in Stable Diffusion's inpainting
checkpoints (Rombach et al., arXiv 2112.10752, section 4.5): the mask is 1 where the picture is to be
made, and the masked latents are those of the picture with its hole filled as the service fills it.

    python -m training.train_rival --base build/unet --out build/rival --steps 700
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import Tensor, nn
from transformers import CLIPTextModel, CLIPTokenizer

from sampler.fill import extend_border, known_cells
from training.data import load_described
from training.loop import Clock, Ema, cosine_lr, load_state, save_state, use_all_cores
from training.masks import random_known
from training.muon import Muon
from training.train_unet import (
    CAPTION_DROP,
    EvenLoss,
    encode_scenes,
    make_scheduler,
    make_unet,
    stratified_timesteps,
    tokenize,
    velocity_losses,
)
from training.train_vae import to_float


class Rival(nn.Module):
    """The inpainting UNet over a frozen text encoder."""

    def __init__(self, unet: UNet2DConditionModel, text_encoder: CLIPTextModel) -> None:
        super().__init__()
        self.unet = unet
        self.states_of = text_encoder.requires_grad_(False)

    def forward(self, channels: Tensor, timestep: Tensor, tokens: Tensor) -> Tensor:
        """Predicted v (n, 4, 16, 16) of nine-channel input (n, 9, 16, 16)."""
        predicted: Tensor = self.unet(channels, timestep, self.states_of(tokens)[0], return_dict=False)[0]
        return predicted


def widen(base: UNet2DConditionModel) -> UNet2DConditionModel:
    """The nine-channel UNet that computes what `base` computes until it is tuned: new inputs weigh nothing."""
    wide = make_unet(in_channels=9)
    state = base.state_dict()
    kernel = torch.zeros_like(wide.state_dict()["conv_in.weight"])
    kernel[:, :4] = state["conv_in.weight"]
    wide.load_state_dict({**state, "conv_in.weight": kernel})
    return wide


def masked_pool(vae: AutoencoderKL, images: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    """(hole (n, 1, 16, 16) with 1 to be made, latents of the filled pictures times the known cells (n, 4, 16, 16))."""
    holes, filled = [], []
    for image in images:
        known = random_known(image.shape[0])
        filled.append(extend_border(to_float(image), known))
        holes.append(1 - known_cells(known, 8).unsqueeze(0))
    hole = torch.stack(holes)
    pictures = ((torch.stack(filled) + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).movedim(1, -1)
    return hole, encode_scenes(vae, pictures) * scale * (1 - hole)


def train(args: argparse.Namespace) -> None:
    """Tune, resuming from `out/state.pt`; write the averaged UNet to `out/unet` in fp16."""
    use_all_cores()
    torch.manual_seed(3)
    pipeline = args.base / "pipeline"
    vae = AutoencoderKL.from_pretrained(pipeline, subfolder="vae", torch_dtype=torch.float32)
    base = UNet2DConditionModel.from_pretrained(pipeline, subfolder="unet", torch_dtype=torch.float32)
    text_encoder = CLIPTextModel.from_pretrained(pipeline, subfolder="text_encoder", dtype=torch.float32)
    tokenizer = CLIPTokenizer.from_pretrained(pipeline, subfolder="tokenizer")
    latents = torch.load(args.base / "latents.pt", weights_only=True)
    images, scenes = load_described(len(latents))  # those that the base was trained on
    images, scenes = images[: args.scenes], scenes[: args.scenes]
    scale = vae.config.scaling_factor
    latents = latents[: args.scenes] * scale
    hole, masked = masked_pool(vae.to(memory_format=torch.channels_last), images, scale)
    tokens, empty = tokenize(tokenizer, [scene.caption for scene in scenes]), tokenize(tokenizer, [""])
    model = Rival(widen(base).to(memory_format=torch.channels_last), text_encoder)
    optimizer = Muon(((n, p) for n, p in model.named_parameters() if p.requires_grad), lr=args.lr)
    ema = Ema(model, decay=0.995)
    progress = load_state(args.out, model, optimizer, ema)
    alphas = make_scheduler().alphas_cumprod
    even = EvenLoss(alphas)
    clock = Clock(args.steps, args.minutes)
    while (share := clock.share(progress)) < 1:
        for group in optimizer.param_groups:
            group["lr"] = cosine_lr(progress.step, share, args.lr)
        index = torch.randint(len(latents), (args.batch,))
        ids = torch.where(torch.rand(args.batch, 1) < CAPTION_DROP, empty, tokens[index])
        extra = torch.cat([hole[index], masked[index]], dim=1)
        t = stratified_timesteps(args.batch)
        losses = velocity_losses(model, latents[index], ids, t, alphas, extra)
        even(losses, t).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        ema.update(model)
        progress.step += 1
        if progress.step % args.log_every == 0 or clock.share(progress) >= 1:
            print(f"{progress.step} steps, {share:.0%}, loss {losses.mean().item():.4f} {progress}", flush=True)
            save_state(args.out, progress, model, optimizer, ema, len(latents))
    with ema.swapped_in(model):
        model.unet.to(torch.float16).save_pretrained(args.out / "unet", safe_serialization=True)


def main() -> None:
    """Command line of the rival's recipe."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", type=Path, default=Path("build/unet"))
    parser.add_argument("--out", type=Path, default=Path("build/rival"))
    parser.add_argument("--steps", type=int, default=700)
    parser.add_argument("--minutes", type=float, help="end after this time, whatever the steps")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--scenes", type=int, default=8000)
    parser.add_argument("--log-every", type=int, default=50)
    args = parser.parse_args()
    began = time.time()
    train(args)
    print(f"done in {time.time() - began:.0f} s")


if __name__ == "__main__":
    main()
