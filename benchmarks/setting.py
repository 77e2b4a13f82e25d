"""What the rows of a run share: the model and its judge, and a task laid out on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from PIL import Image

from benchmarks.identity import Identity, cases_digest
from benchmarks.measures.judged import Jury
from benchmarks.methods import Method
from benchmarks.pictures import Sample
from benchmarks.stating import agreeing, placed
from benchmarks.tasks import Case, Task, make_cases
from sampler.evaluation import Decode, Encode
from worker.canvas import from_canvas, to_canvas
from worker.diffusers_model import DiffusersModel


@dataclass(frozen=True)
class Weights:
    """Digests of the checkpoints, None for those that have none (`benchmarks.identity.weights_digest`)."""

    model: str | None
    tuned: str | None

    @property
    def all(self) -> set[str | None]:
        """What rows may have been sampled with."""
        return {self.model, self._both}

    def of(self, method: Method) -> str | None:
        """What the method samples with; a tuned network still has the autoencoder of the model."""
        return self._both if method.is_tuned else self.model

    @property
    def _both(self) -> str:
        return f"{self.model}+{self.tuned}"


@dataclass(frozen=True, eq=False)
class Setting:
    """What all rows of a run share. `jury` is None for pictures that the bundled judge does not know.

    `load_tuned` gives the checkpoint tuned for inpainting, the same one every time; it raises `Unavailable`. `origin`
    are those fields of a `Row` that tell by what it was measured.
    """

    model: DiffusersModel
    jury: Jury | None
    batch: int
    seed: int
    guidance_scale: float
    weights: Weights
    origin: dict[str, Any]
    load_tuned: Callable[[], DiffusersModel]

    def model_of(self, method: Method) -> DiffusersModel:
        """The model that the method runs on."""
        return self.load_tuned() if method.is_tuned else self.model

    @property
    def dtype(self) -> str:
        """The precision that the networks compute in."""
        return str(self.model.dtype).removeprefix("torch.")


@dataclass(frozen=True, eq=False)
class Prepared:
    """A task with its cases on a model."""

    task: Task
    cases: list[Case]
    model: DiffusersModel

    @cached_property
    def rebuilt(self) -> list[Image.Image]:
        """What the autoencoder alone makes of the true pictures.

        Measured ones are made to agree with their measurement, as all results are, so that this is no bound for them.
        """
        return [reconstruct(self.model, case) for case in self.cases]

    @cached_property
    def digest(self) -> str:
        """That of what is restored."""
        return cases_digest(self.cases)


def prepare(setting: Setting, task: Task, samples: Sequence[Sample]) -> Prepared:
    """Lay out a task on `samples`."""
    return Prepared(task, make_cases(task, samples, setting.seed, setting.guidance_scale), setting.model)


def identify(setting: Setting, prepared: Prepared, method: Method) -> Identity:
    """What would be measured."""
    return Identity(
        task=prepared.task.kind,
        mask=prepared.task.name,
        method=method.name,
        settings=method.settings,
        guidance_scale=setting.guidance_scale,
        scenes=len(prepared.cases),
        seed=setting.seed,
        batch=setting.batch,
        dtype=setting.dtype,
        weights=setting.weights.of(method),
        pictures=prepared.digest,
    )


def reconstruct(model: DiffusersModel, case: Case) -> Image.Image:
    """The true picture through the autoencoder and back, finished as a result is."""
    placement = placed(model, case.upload.picture)
    canvas = to_canvas(case.upload.picture, Image.new("L", case.upload.picture.size, 0), placement)
    latents = model.encode([Encode(canvas.image.to(model.device))])[0]
    image = model.decode([Decode(latents)])[0]
    return from_canvas(agreeing(model, case, image), placement)
