"""Train the embedded `AutoencoderKL`: 128×128 pictures to 16×16×4 latents and back.

The loss is the mean squared error (the figure we are judged by is PSNR), a KL term whose weight is the
pixel error we accept for latents that tolerate noise, and two terms that make the latent space behave
under mirroring: the decoder must decode mirrored latents to the mirrored picture (as in EQ-VAE,
arXiv 2502.09509), and mirror-symmetric scenes must have mirror-symmetric latents.

    python -m training.train_vae --out build/vae --steps 1800
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import torch
from diffusers import AutoencoderKL
from torch import Tensor

from training.data import load_scenes
from training.loop import Ema, cosine_lr, load_state, save_state, use_all_cores
from training.muon import Muon

HELD_OUT = 64
KL_WEIGHT = 2e-4
SYMMETRY_WEIGHT = 2e-2
INITIAL_LOGVAR = -6.0  # with the usual 0 the untrained latents drown in noise and nothing is learned
CHANNELS = (32, 32, 64, 128)


def make_vae() -> AutoencoderKL:
    """An untrained VAE without global attention, so that a latent cell sees only its neighbourhood."""
    vae = AutoencoderKL(
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=CHANNELS,
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=8,
        sample_size=128,
        mid_block_add_attention=False,
    )
    with torch.no_grad():
        vae.quant_conv.bias[4:] = INITIAL_LOGVAR
    return vae


def vae_loss(vae: AutoencoderKL, image: Tensor, symmetric: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """(total loss, reconstruction mse) of `image` (n, 3, 128, 128) in [-1, 1].

    The second half of the batch is decoded from mirrored latents against its mirrored picture.
    """
    half = image.shape[0] // 2
    moments = vae.quant_conv(vae.encoder(image))
    mean, logvar = moments.float().chunk(2, dim=1)
    logvar = logvar.clamp(-20, 10)
    latents = mean + torch.exp(0.5 * logvar) * noise
    latents = torch.cat([latents[:half], latents[half:].flip(3)])
    target = torch.cat([image[:half], image[half:].flip(3)])
    decoded = vae.decoder(vae.post_quant_conv(latents)).float()
    mse = (decoded - target).square().mean()
    kl = 0.5 * (mean.square() + logvar.exp() - 1 - logvar).mean()
    asymmetry = ((mean - mean.flip(3)).square().mean(dim=(1, 2, 3)) * symmetric).mean()
    return mse + KL_WEIGHT * kl + SYMMETRY_WEIGHT * asymmetry, mse


@torch.no_grad()
def reconstruction_psnr(vae: AutoencoderKL, image: Tensor) -> float:
    """Mean PSNR in dB over pictures `image` (n, 3, h, w) in [-1, 1], decoded from the posterior mean."""
    psnrs = []
    for part in image.split(16):
        decoded = vae.decode(vae.encode(part).latent_dist.mode()).sample.clamp(-1, 1)
        psnrs.append(-10 * torch.log10(((decoded - part) / 2).square().mean(dim=(1, 2, 3))))
    return torch.cat(psnrs).mean().item()


def train(out: Path, steps: int, batch: int, lr: float, scenes: int, log_every: int) -> None:
    """Train from scratch, or from `out/state.pt` when an earlier run left one; write the EMA to `out`."""
    use_all_cores()
    torch.manual_seed(0)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    data, symmetric = load_scenes(scenes)
    held_out = torch.stack([to_float(x) for x in load_scenes(HELD_OUT, held_out=True)[0]])
    vae = make_vae().to(device, memory_format=torch.channels_last)
    optimizer = Muon(vae.named_parameters(), lr=lr)
    ema = Ema(vae, decay=0.995)
    progress = load_state(out, vae, optimizer, ema)
    for step in range(progress.step, steps):
        for group in optimizer.param_groups:
            group["lr"] = cosine_lr(step, step / steps, lr)
        index = torch.randint(len(data), (batch,))
        image = to_float(data[index]).to(device, memory_format=torch.channels_last)
        noise = torch.randn(batch, 4, 16, 16, device=device)
        with torch.autocast(device.type, torch.bfloat16):
            loss, mse = vae_loss(vae, image, symmetric[index].to(device), noise)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        ema.update(vae)
        progress.step = step + 1
        if (step + 1) % log_every == 0 or step + 1 == steps:
            with ema.swapped_in(vae):
                psnr = reconstruction_psnr(vae, held_out.to(device))
            print(f"{step + 1}/{steps} mse {mse.item():.5f} held-out {psnr:.2f} dB {progress}", flush=True)
            save_state(out, progress, vae, optimizer, ema, len(data))
    with ema.swapped_in(vae):
        vae.save_pretrained(out / "vae")
        psnr = reconstruction_psnr(vae, held_out.to(device))
    (out / "psnr.json").write_text(json.dumps({"held_out_psnr_db": psnr, "scenes": len(held_out)}) + "\n")


def to_float(image: Tensor) -> Tensor:
    """uint8 (…, h, w, 3) to float (…, 3, h, w) in [-1, 1]."""
    return image.movedim(-1, -3).float() / 127.5 - 1


def main() -> None:
    """Command line of the VAE recipe."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/vae"))
    parser.add_argument("--steps", type=int, default=1800)
    parser.add_argument("--batch", type=int, default=12)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--scenes", type=int, default=24_000)
    parser.add_argument("--log-every", type=int, default=100)
    args = parser.parse_args()
    began = time.time()
    train(args.out, args.steps, args.batch, args.lr, args.scenes, args.log_every)
    print(f"done in {time.time() - began:.0f} s")


if __name__ == "__main__":
    main()
