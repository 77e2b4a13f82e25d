"""When two measurements are one and the same, so that a run that was cut off measures nothing twice.

Equal pictures come of equal weights, equal scenes with equal holes and noises, and equal settings. The code is not
part of it: rows tell their commit, and whoever changes what a method does measures it again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from hashlib import file_digest, sha256
from pathlib import Path

from benchmarks.row import Row
from benchmarks.tasks import Case
from sampler.sample import SamplerOptions

DIGITS = 16
NEWER_OPTIONS = ("rates",)


@dataclass(frozen=True)
class Identity:
    """What was measured; the fields are those of a `Row`.

    `settings` are all of a method's, `weights` a digest of the checkpoint, `pictures` one of what is restored.
    """

    task: str
    mask: str
    method: str
    settings: str
    guidance_scale: float
    scenes: int
    seed: int
    batch: int
    dtype: str
    weights: str | None
    pictures: str

    @classmethod
    def of(cls, row: Row) -> Identity:
        """The identity of a row."""
        return cls(**{field.name: getattr(row, field.name) for field in fields(cls)})

    @property
    def digest(self) -> str:
        """A short name that no other identity has."""
        return sha256(repr(self).encode()).hexdigest()[:DIGITS]


def told(options: SamplerOptions) -> str:
    """All options as a text, for the `settings` of a row.

    Options that are newer than rows are told only where they are not the default, so that earlier rows keep their text.
    """
    values = {field.name: getattr(options, field.name) for field in fields(options)}
    default = SamplerOptions()
    shown = [name for name in values if name not in NEWER_OPTIONS or values[name] != getattr(default, name)]
    return f"SamplerOptions({', '.join(f'{name}={values[name]!r}' for name in shown)})"


def weights_digest(checkpoint: Path | str) -> str | None:
    """The digest of the folders of a checkpoint in diffusers' layout; None for one from a hub, which may change.

    Cards and pictures beside those folders are no part of the model, nor are hidden folders, which downloads leave.
    """
    if isinstance(checkpoint, str):
        return None
    found = sha256()
    for path in sorted([checkpoint / "model_index.json", *checkpoint.glob("*/**/*")]):
        hidden = any(part.startswith(".") for part in path.relative_to(checkpoint).parts)
        if path.is_file() and not hidden:
            found.update(f"{path.relative_to(checkpoint)}\n".encode())
            with path.open("rb") as opened:
                found.update(file_digest(opened, "sha256").digest())
    return found.hexdigest()[:DIGITS]


def cases_digest(cases: Sequence[Case]) -> str:
    """The digest of what is restored: truths, holes, prompts, noises. What is measured of it is the task's name."""
    found = sha256()
    for case in cases:
        found.update(f"{case.sample.prompt}\n{case.seed} {case.task.factor}\n".encode())
        found.update(case.upload.picture.tobytes())
        found.update(case.upload.mask.tobytes())
    return found.hexdigest()[:DIGITS]


def texts_digest(texts: Sequence[str], seed: int) -> str:
    """The digest of what is made from text alone."""
    return sha256("\n".join([str(seed), *texts]).encode()).hexdigest()[:DIGITS]
