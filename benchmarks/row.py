"""A row of results: one method on one task, with all that was measured of it."""

from __future__ import annotations

from dataclasses import dataclass

from sampler.schedule import Eta


@dataclass(frozen=True)
class Row:
    """One method on one task with one setting. What does not apply, or could not be measured, is None.

    `nfe` and `backward_passes` are the most of any picture; a `-gradient` method's passes are through the decoder.
    `published`: these are the settings that the method was published with. `ci95_db` and the like are half widths of
    95 % intervals over the scenes. `against` names the reference (method and its NFE) of `difference_db`, the mean of
    the paired differences; `float32_difference_db` is paired with the same method in float32. `seconds` is a picture's
    share of its batch, median over batches: one picture alone if `batch` is 1. `peak_mb` is memory beyond the loaded
    model, of the whole batch (`benchmarks.memory`), `peak_ratio` its multiple of plain text to image's, on a GPU only.
    `written_residual_255` is the root mean square of what the written picture measures too much or too little, in
    levels of 8 bits. `scene_psnr_db` are the single values behind `hole_psnr_db`.

    `settings`, `weights` and `pictures` say what was measured (`benchmarks.identity`); `commit`, `hardware`, `device`
    (torch's kind, "" of rows that do not tell it), `threads` and `torch` by what, as rows of one table may come from
    several runs.
    """

    task: str
    mask: str
    method: str
    steps: int
    inner_steps: int | None
    eta: Eta | None
    guidance_scale: float
    nfe: int
    backward_passes: int
    scenes: int
    seed: int
    batch: int
    dtype: str
    seconds: float
    peak_mb: float
    budget_nfe: int | None = None
    published: bool = False
    hole_psnr_db: float | None = None
    ci95_db: float | None = None
    difference_db: float | None = None
    difference_ci95_db: float | None = None
    against: str | None = None
    float32_difference_db: float | None = None
    float32_difference_ci95_db: float | None = None
    vae_bound_db: float | None = None
    ssim: float | None = None
    ssim_ci95: float | None = None
    frechet: float | None = None
    seam: float | None = None
    vae_seam: float | None = None
    residual: float | None = None
    written_residual_255: float | None = None
    known_max_abs_diff: int | None = None
    kind_and_color_accuracy: float | None = None
    whole_psnr_db: float | None = None
    lpips: float | None = None
    fid: float | None = None
    peak_ratio: float | None = None
    settings: str = ""
    weights: str | None = None
    pictures: str = ""
    commit: str = ""
    hardware: str = ""
    device: str = ""
    threads: int = 0
    torch: str = ""
    scene_psnr_db: tuple[float, ...] = ()


@dataclass(frozen=True)
class Origin:
    """The model and the commands behind rows, the last one last, and what was skipped or could not be measured."""

    model: str
    commands: tuple[str, ...]
    notes: tuple[str, ...] = ()
