"""What a sampling process may ask for, what it is answered, and who answers.

A process is a plain generator: it yields requests and is sent the answers. Nothing here has a batch dimension; batching
is the engine's business.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias, TypeVar, runtime_checkable

import torch
from torch import Tensor

from sampler.errors import DivergedError, ProtocolError


@dataclass(frozen=True, eq=False)
class Conditioning:
    """The text of one sample, and how strongly it is followed.

    `prompt` and `negative` are text embeddings (tokens, dim) float32 of one shape. A `guidance_scale` of 1 means no
    guidance: one network evaluation. Any other scale `w` needs `negative` and costs two evaluations:
    `negative + w * (positive - negative)` (Ho & Salimans 2022, arXiv 2207.12598).
    """

    prompt: Tensor
    negative: Tensor | None = None
    guidance_scale: float = 1.0

    def __post_init__(self) -> None:
        if self.prompt.ndim != 2:
            raise ValueError(f"prompt must be (tokens, dim), not {tuple(self.prompt.shape)}")
        if self.is_guided and self.negative is None:
            raise ValueError("a guidance_scale other than 1 needs negative embeddings")
        if self.negative is not None and self.negative.shape != self.prompt.shape:
            raise ValueError("prompt and negative must have one shape")

    @property
    def is_guided(self) -> bool:
        """Whether the network is evaluated twice."""
        return self.guidance_scale != 1.0

    @property
    def embeddings(self) -> tuple[Tensor, ...]:
        """What the network is evaluated with: the prompt, and the negative when guided."""
        return (self.prompt, self.negative) if self.is_guided and self.negative is not None else (self.prompt,)

    @property
    def nfe(self) -> int:
        """Network evaluations of one `Denoise` with this conditioning."""
        return len(self.embeddings)


@dataclass(frozen=True, eq=False)
class Denoise:
    """Evaluate the network at `x_t` (c, h, w) float32 latents and a training timestep. Answered with `Denoised`.

    `extra` (k, h, w) float32 are further input channels, for a network that was trained with such: those of an
    inpainting checkpoint say what is known. Guided, both evaluations see them.
    """

    x_t: Tensor
    timestep: int
    conditioning: Conditioning
    extra: Tensor | None = None

    @property
    def extra_channels(self) -> int:
        """How many channels `extra` has; 0 without."""
        return 0 if self.extra is None else len(self.extra)

    @property
    def channels(self) -> Tensor:
        """What the network is given, (c + k, h, w): `x_t`, then `extra`."""
        return self.x_t if self.extra is None else torch.cat([self.x_t, self.extra])


@dataclass(frozen=True, eq=False)
class Denoised:
    """Estimates of the clean latents and of the noise, (c, h, w) float32: `x_t = alpha_t * x0_hat + sigma_t * eps`.

    `largest` is the largest magnitude in `x0_hat`, NaN if anything there is, from an evaluator that knows it: reading
    it back once for a whole batch spares a device one wait for each sample.
    """

    x0_hat: Tensor
    eps: Tensor
    largest: float | None = None


@dataclass(frozen=True, eq=False)
class Encode:
    """Encode an image (3, H, W) float32 in [-1, 1].

    Answered with latents (c, h, w): the posterior's mean times the scaling factor.
    """

    image: Tensor


@dataclass(frozen=True, eq=False)
class Decode:
    """Decode latents (c, h, w) float32. Answered with an image (3, H, W), about [-1, 1]."""

    latents: Tensor


class Networks(Protocol):
    """The networks of one sample as differentiable functions, for an `Objective`; all tensors float32, no batch."""

    def denoise(self, x_t: Tensor, timestep: int, conditioning: Conditioning) -> Denoised:
        """Clean estimate and noise estimate at `x_t` (c, h, w); guided as `Denoise` is."""
        ...

    def encode(self, image: Tensor) -> Tensor:
        """Latents of an image (3, H, W), as `Encode` answers them."""
        ...

    def decode(self, latents: Tensor) -> Tensor:
        """Image of latents (c, h, w), as `Decode` answers them."""
        ...


Objective: TypeAlias = Callable[[Tensor, Networks], tuple[Tensor, Denoised | None]]
"""(x, networks) to a scalar, and the evaluation of the denoiser at `x` if there was one, to be handed back."""


@dataclass(frozen=True, eq=False)
class Differentiate:
    """Differentiate `objective` with respect to `x` by backpropagation. Answered with `Differentiated`.

    What other methods need and ours avoids: it is never batched with anything, and holds the activations in memory.
    """

    x: Tensor
    objective: Objective


@dataclass(frozen=True, eq=False)
class Differentiated:
    """The objective's `value`, its `gradient` (of the shape of `x`), and what `denoised` it handed back, detached."""

    value: float
    gradient: Tensor
    denoised: Denoised | None


@dataclass(frozen=True, eq=False)
class Report:
    """Progress: `step` of `steps` is done, and the clean estimate so far. Costs nothing, answered with None at once."""

    step: int
    steps: int
    x0_hat: Tensor


Request: TypeAlias = Denoise | Encode | Decode | Differentiate | Report
Answer: TypeAlias = Denoised | Tensor | Differentiated | None
ResultT = TypeVar("ResultT")
Process: TypeAlias = Generator[Request, Answer, ResultT]


class Evaluator(Protocol):
    """Answers requests in batches, in order, one answer for each; all requests of one call have equal shapes.

    Conditionings with and without guidance may share a call, and so may different timesteps. Answers are float32 and
    on the device of the requests' tensors.
    """

    def denoise(self, requests: Sequence[Denoise]) -> list[Denoised]:
        """Evaluate the network."""
        ...

    def encode(self, requests: Sequence[Encode]) -> list[Tensor]:
        """Images to latents."""
        ...

    def decode(self, requests: Sequence[Decode]) -> list[Tensor]:
        """Latents to images."""
        ...


@runtime_checkable
class DifferentiableEvaluator(Evaluator, Protocol):
    """An evaluator that also answers `Differentiate`, one at a time."""

    def differentiate(self, request: Differentiate) -> Differentiated:
        """Value and gradient of the request's objective."""
        ...


def differentiate(x: Tensor, objective: Objective) -> Process[Differentiated]:
    """Ask for a gradient; to be used as `answer = yield from …`. Raises `DivergedError` unless it is finite."""
    answer = yield Differentiate(x, objective)
    if not isinstance(answer, Differentiated):
        raise ProtocolError(f"expected Differentiated, was sent {type(answer).__name__}")
    if not bool(answer.gradient.isfinite().all()):
        raise DivergedError("a gradient is not finite")
    return answer


def gradient_of(request: Differentiate, networks: Networks) -> Differentiated:
    """Answer a `Differentiate` with autograd: what an evaluator needs to do once its networks are differentiable."""
    with torch.enable_grad():
        x = request.x.detach().clone().requires_grad_(True)
        value, denoised = request.objective(x, networks)
        (gradient,) = torch.autograd.grad(value, x)
    if denoised is not None:
        denoised = Denoised(denoised.x0_hat.detach(), denoised.eps.detach())
    return Differentiated(float(value.detach()), gradient, denoised)


def encode(image: Tensor) -> Process[Tensor]:
    """Ask for the latents of an image; to be used as `latents = yield from …`."""
    return _tensor((yield Encode(image)))


def decode(latents: Tensor) -> Process[Tensor]:
    """Ask for the image of latents; to be used as `image = yield from …`."""
    return _tensor((yield Decode(latents)))


def _tensor(answer: Answer) -> Tensor:
    if not isinstance(answer, Tensor):
        raise ProtocolError(f"expected a tensor, was sent {type(answer).__name__}")
    return answer


class Denoiser:
    """Asks for network evaluations under one conditioning, counts them and refuses answers that are not finite."""

    def __init__(self, conditioning: Conditioning, largest_latent: float) -> None:
        self.conditioning = conditioning
        self.largest_latent = largest_latent
        self.nfe = 0

    def __call__(self, x_t: Tensor, timestep: int) -> Process[Denoised]:
        """`denoised = yield from denoiser(x_t, timestep)`; raises `DivergedError` on NaN or beyond `largest_latent`."""
        self.nfe += self.conditioning.nfe
        answer = yield Denoise(x_t, timestep, self.conditioning)
        if not isinstance(answer, Denoised):
            raise ProtocolError(f"expected Denoised, was sent {type(answer).__name__}")
        size = float(answer.x0_hat.abs().amax()) if answer.largest is None else answer.largest
        if not size <= self.largest_latent:
            raise DivergedError(f"the clean estimate at timestep {timestep} reached {size}")
        return answer
