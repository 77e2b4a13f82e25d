"""What every training loop here shares: schedule, moving average, resume."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import cos, pi
from pathlib import Path

import torch
from torch import nn

from training.muon import Muon


def use_all_cores() -> None:
    """One compute thread a core."""
    torch.set_num_threads(os.cpu_count() or 1)


def cosine_lr(step: int, share: float, peak: float, warmup: int = 50, floor: float = 0.01) -> float:
    """Linear warm-up over the first steps, and a cosine down to `floor * peak` where the `share` done is 1."""
    return peak * min(1.0, (step + 1) / warmup) * (floor + (1 - floor) * 0.5 * (1 + cos(pi * min(1.0, share))))


class Ema:
    """Exponential moving average of a module's parameters; early steps average less."""

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self.updates = 0
        self.shadow = {name: value.detach().clone() for name, value in module.named_parameters()}

    @torch.no_grad()
    def update(self, module: nn.Module) -> None:
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        for name, value in module.named_parameters():
            self.shadow[name].lerp_(value, 1 - decay)

    @contextmanager
    def swapped_in(self, module: nn.Module) -> Iterator[None]:
        """Within the context the module holds the averaged weights."""
        self._swap(module)
        try:
            yield
        finally:
            self._swap(module)

    @torch.no_grad()
    def _swap(self, module: nn.Module) -> None:
        for name, value in module.named_parameters():
            held = value.detach().clone()
            value.copy_(self.shadow[name])
            self.shadow[name] = held


@dataclass
class Progress:
    """How far a training has come, over all its runs: steps done and seconds spent."""

    step: int = 0
    seconds: float = 0.0
    began: float = field(default_factory=time.monotonic)

    @property
    def total_s(self) -> float:
        """Seconds of all runs up to now."""
        return self.seconds + time.monotonic() - self.began

    def __str__(self) -> str:
        return f"{self.total_s / 60:.1f} min"


@dataclass(frozen=True)
class Clock:
    """How long a training lasts: `steps`, or `minutes` of all its runs if they are over first."""

    steps: int
    minutes: float | None = None

    def share(self, progress: Progress) -> float:
        """The share of the training that is done; 1 or more at its end."""
        by_steps = progress.step / self.steps
        return by_steps if self.minutes is None else max(by_steps, progress.total_s / 60 / self.minutes)


def save_state(out: Path, progress: Progress, module: nn.Module, optimizer: Muon, ema: Ema, scenes: int = 0) -> None:
    """Write everything that a later run needs to go on, and the count of `scenes`, atomically, to `out/state.pt`."""
    out.mkdir(parents=True, exist_ok=True)
    state = {
        "step": progress.step,
        "seconds": progress.total_s,
        "scenes": scenes,
        "module": module.state_dict(),
        "optimizer": optimizer.state_dict(),
        "optimizer_steps": optimizer.steps,
        "ema": ema.shadow,
        "ema_updates": ema.updates,
    }
    torch.save(state, out / "state.tmp")
    (out / "state.tmp").replace(out / "state.pt")


def load_state(out: Path, module: nn.Module, optimizer: Muon, ema: Ema) -> Progress:
    """Restore `out/state.pt` if there is one; return how far it had come."""
    path = out / "state.pt"
    if not path.exists():
        return Progress()
    state = torch.load(path, weights_only=True)
    module.load_state_dict(state["module"])
    optimizer.load_state_dict(state["optimizer"])
    optimizer.steps = state["optimizer_steps"]
    ema.shadow, ema.updates = state["ema"], state["ema_updates"]
    return Progress(state["step"], state.get("seconds", 0.0))
