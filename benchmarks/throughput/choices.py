"""What each choice for the network is worth: one thing changed at a time, its speed and pictures beside the reference.

The reference is the model as the command line asks for it; weights and samples lie channels last, as in the service.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import log10
from statistics import median

import torch
from torch import Tensor

from benchmarks.measures.pixels import LARGEST_PSNR_DB
from benchmarks.running import run, warm_up
from benchmarks.throughput.row import Row
from benchmarks.throughput.together import ROUNDS, bare_seconds
from benchmarks.throughput.workload import Job, start
from jobs.settings import Settings
from worker.diffusers_model import DiffusersModel
from worker.model import load

KINDS = ("dtype", "layout", "threads", "compile")


@dataclass(frozen=True)
class Choice:
    """Settings and threads; `contiguous`: the network's tensors in the default layout."""

    name: str
    settings: Settings
    threads: int
    contiguous: bool = False


class Contiguous(DiffusersModel):
    """A model whose network's weights and samples lie in the default layout; its autoencoder is as it was."""

    def __init__(self, model: DiffusersModel) -> None:
        self.__dict__.update(model.__dict__)
        self._unet = self._unet.to(memory_format=torch.contiguous_format)

    def network(self, channels: Tensor, timesteps: Tensor, prompts: Tensor) -> Tensor:
        """As `DiffusersModel.network`."""
        sample = channels.to(self.device, self.dtype, memory_format=torch.contiguous_format)
        context = prompts.to(self.device, self.dtype)
        output: Tensor = self._unet(sample, timesteps.to(self.device), context, return_dict=False)[0]
        return output


def alternatives(model: DiffusersModel, settings: Settings, threads: int, kinds: Sequence[str]) -> list[Choice]:
    """What may be chosen instead, one thing at a time. Threads: half as many, one, and twice as many as there are."""
    other = "float32" if model.dtype is torch.bfloat16 else "bfloat16"
    counts = sorted({1, max(1, threads // 2), 2 * threads} - {threads}) if model.device.type == "cpu" else []
    word = "eager" if settings.compile else "compiled"
    choices = {
        "dtype": [Choice(other, settings.model_copy(update={"dtype": other}), threads)],
        "layout": [Choice("contiguous", settings, threads, contiguous=True)],
        "threads": [Choice(f"threads {count}", settings, count) for count in counts],
        "compile": [Choice(word, settings.model_copy(update={"compile": not settings.compile}), threads)],
    }
    return [choice for kind in KINDS if kind in kinds for choice in choices[kind]]


def measured(
    model: DiffusersModel, reference: Choice, choices: Sequence[Choice], batch: int, steps: int, blank: Row
) -> Iterator[Row]:
    """The reference's row, and one for each choice: calls of `batch` rows, and as many half pictures of `steps` steps.

    Speeds are medians of calls of the network alone; choice and reference take turns, so that both see the same
    machine. A choice that compiles does so before.
    """
    pictures = _pictures(model, batch, steps)
    seconds = median([bare_seconds(model, batch, steps) for _ in range(ROUNDS + 1)][1:]) / steps
    yield _row(replace(blank, measure="choice", batch=batch), reference, batch / seconds)
    for choice in choices:
        other = load(choice.settings)
        other = Contiguous(other) if choice.contiguous else other
        torch.set_num_threads(choice.threads)
        warm_up(other, other.native_size_px)
        worst, psnr_db = difference(_pictures(other, batch, steps), pictures)
        own_s, reference_s = _in_turn(other, choice.threads, model, reference.threads, batch, steps)
        row = replace(blank, measure="choice", batch=batch, dtype=str(other.dtype).removeprefix("torch."))
        row = replace(row, compiled=choice.settings.compile, max_abs_diff=worst, psnr_db=psnr_db)
        yield replace(_row(row, choice, batch / own_s), reference_evaluations_per_s=batch / reference_s)


def difference(pictures: Sequence[Tensor], references: Sequence[Tensor]) -> tuple[int, float]:
    """Largest difference of an 8-bit value, and PSNR in dB over all pictures (3, H, W), about [-1, 1]; 99 if equal."""
    error = torch.stack([_levels(one) - _levels(other) for one, other in zip(pictures, references, strict=True)])
    mse = float(error.square().mean())
    psnr_db = min(LARGEST_PSNR_DB, 10 * log10(255**2 / mse)) if mse > 0 else LARGEST_PSNR_DB
    return int(error.abs().max()), psnr_db


def _levels(image: Tensor) -> Tensor:
    return ((image.float() + 1) * 127.5).round().clamp(0, 255)


def _pictures(model: DiffusersModel, batch: int, steps: int) -> list[Tensor]:
    """Half pictures of the first seeds, made together."""
    jobs = [Job(seed=seed, steps=steps) for seed in range(batch)]
    return [painted.image for painted in run(model, [start(model, job) for job in jobs], batch).results]


def _in_turn(
    model: DiffusersModel, threads: int, reference: DiffusersModel, reference_threads: int, batch: int, calls: int
) -> tuple[float, float]:
    """Median seconds of a call, (of the model, of the reference), each with its threads; the latter's are left set."""

    def timed(one: DiffusersModel, count: int) -> float:
        torch.set_num_threads(count)
        return bare_seconds(one, batch, calls) / calls

    turns = (partial(timed, model, threads), partial(timed, reference, reference_threads))
    rounds = [[turn() for turn in turns] for _ in range(ROUNDS + 1)][1:]
    return median(first for first, _ in rounds), median(second for _, second in rounds)


def _row(row: Row, choice: Choice, evaluations_per_s: float) -> Row:
    return replace(row, choice=choice.name, threads=choice.threads, evaluations_per_s=evaluations_per_s)
