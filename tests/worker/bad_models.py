"""Models of which one thing is wrong, as their device or their network might be; all else is real."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

import torch

from sampler.evaluation import Conditioning, Decode, Denoise, Denoised, Encode
from tests.worker.conftest import PATIENCE_S, wait_for
from worker.diffusers_model import DiffusersModel


class Evil(DiffusersModel):
    """A model whose network fails in a chosen way for samples of one prompt; all else is real."""

    def __init__(self, model: DiffusersModel, error: Exception | None) -> None:
        self.__dict__.update(model.__dict__)
        self.error = error
        self.victim = model.conditioning("break", "", 1.0).prompt

    def denoise(self, requests: Sequence[Denoise]) -> list[Denoised]:
        answers = super().denoise(requests)
        for number, request in enumerate(requests):
            if request.conditioning.prompt is self.victim:
                if self.error is not None:
                    raise self.error
                answers[number] = Denoised(torch.full_like(request.x_t, torch.nan), request.x_t)
        return answers


class Cropped(DiffusersModel):
    """A model whose decoder answers with pictures that are too small to be composited."""

    def __init__(self, model: DiffusersModel) -> None:
        self.__dict__.update(model.__dict__)

    def decode(self, requests: Sequence[Decode]) -> list[torch.Tensor]:
        return [image[:, :8, :8] for image in super().decode(requests)]


class Unprepared(DiffusersModel):
    """A model whose device is lost while a prompt is embedded."""

    def __init__(self, model: DiffusersModel) -> None:
        self.__dict__.update(model.__dict__)

    def conditioning(self, prompt: str, negative_prompt: str, guidance_scale: float) -> Conditioning:
        if prompt == "break":
            raise torch.AcceleratorError("CUDA error: illegal access")
        return super().conditioning(prompt, negative_prompt, guidance_scale)


class Hung(DiffusersModel):
    """A model whose encoder does not answer as long as it `hangs`."""

    def __init__(self, model: DiffusersModel) -> None:
        self.__dict__.update(model.__dict__)
        self.hangs = False

    def encode(self, requests: Sequence[Encode]) -> list[torch.Tensor]:
        wait_for(lambda: not self.hangs)
        return super().encode(requests)


class HungBeside(DiffusersModel):
    """A model whose text encoder does not answer as long as it `hangs`."""

    def __init__(self, model: DiffusersModel) -> None:
        self.__dict__.update(model.__dict__)
        self.hangs = False

    def conditioning(self, prompt: str, negative_prompt: str, guidance_scale: float) -> Conditioning:
        wait_for(lambda: not self.hangs)
        return super().conditioning(prompt, negative_prompt, guidance_scale)


class Gated(DiffusersModel):
    """A model whose network answers while its `gate` is open. `begun` counts its calls; `held` is set in one."""

    def __init__(self, model: DiffusersModel) -> None:
        self.__dict__.update(model.__dict__)
        self.gate, self.held = threading.Event(), threading.Event()
        self.gate.set()
        self.begun = 0

    def denoise(self, requests: Sequence[Denoise]) -> list[Denoised]:
        self.begun += 1
        if not self.gate.is_set():
            self.held.set()
            assert self.gate.wait(PATIENCE_S)
        return super().denoise(requests)


class Level(DiffusersModel):
    """A model whose calls take the same time whatever their size, so that the largest ones are the best."""

    def __init__(self, model: DiffusersModel) -> None:
        self.__dict__.update(model.__dict__)

    def denoise(self, requests: Sequence[Denoise]) -> list[Denoised]:
        time.sleep(0.15)
        return super().denoise(requests)
