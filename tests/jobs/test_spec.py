from __future__ import annotations

from typing import get_args

import pytest
from pydantic import ValidationError

from jobs.spec import (
    JOB_SPEC,
    TASKS,
    AnySpec,
    CompleteSpec,
    DeblurSpec,
    GenerateSpec,
    InpaintSpec,
    StyleSpec,
    UpscaleSpec,
)

NEEDED: dict[str, dict[str, object]] = {"outpaint": {"right_px": 8}, "deblur": {"sigma_px": 2}}
"""What some tasks cannot do without."""


@pytest.mark.parametrize("model", get_args(AnySpec))
def test_task_decides_the_model(model: type[AnySpec]) -> None:
    task = model.model_fields["task"].default
    assert type(JOB_SPEC.validate_python({"task": task, **NEEDED.get(task, {})})) is model
    assert task in TASKS


def test_every_task_has_a_model() -> None:
    assert {model.model_fields["task"].default for model in get_args(AnySpec)} == set(TASKS)


def test_generate_is_guided_by_default_and_the_others_are_not() -> None:
    assert GenerateSpec().guidance_scale == 3.0
    assert CompleteSpec().guidance_scale == InpaintSpec().guidance_scale == 1.0


def test_a_style_is_sought_by_the_papers_solver_by_default() -> None:
    assert StyleSpec().solver == "newton"
    assert CompleteSpec().solver == "default"


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_factor_is_a_number_or_the_text_of_one(factor: int) -> None:
    for given, strict in ((factor, True), (str(factor), False)):
        spec = JOB_SPEC.validate_python({"task": "upscale", "factor": given}, strict=strict)
        assert isinstance(spec, UpscaleSpec)
        assert spec.factor == factor


def test_kernels_have_sizes_of_their_own() -> None:
    gaussian = JOB_SPEC.validate_python({"task": "deblur", "sigma_px": 1.5})
    motion = JOB_SPEC.validate_python({"task": "deblur", "kernel": "motion", "length_px": 9, "angle_deg": -45})
    assert isinstance(gaussian, DeblurSpec)
    assert isinstance(motion, DeblurSpec)
    assert (gaussian.sigma_px, gaussian.length_px) == (1.5, None)
    assert (motion.sigma_px, motion.length_px, motion.angle_deg) == (None, 9, -45)


@pytest.mark.parametrize(
    ("given", "field", "kind"),
    [
        ({}, "sigma_px", "missing"),
        ({"kernel": "motion"}, "length_px", "missing"),
        ({"kernel": "motion", "length_px": 9, "sigma_px": 2}, "sigma_px", "extra_forbidden"),
        ({"sigma_px": 2, "length_px": 9}, "length_px", "extra_forbidden"),
        ({"sigma_px": 2, "angle_deg": 10}, "angle_deg", "extra_forbidden"),
    ],
)
def test_what_a_kernel_lacks_or_has_too_much_is_named(given: dict[str, object], field: str, kind: str) -> None:
    with pytest.raises(ValidationError) as caught:
        JOB_SPEC.validate_python({"task": "deblur", **given})
    (error,) = caught.value.errors()
    assert (error["loc"], error["type"]) == (("deblur", field), kind)


def test_form_fields_may_be_text() -> None:
    spec = JOB_SPEC.validate_python({"task": "complete", "steps": "7", "fraction": "0.25", "preserve_known": "false"})
    assert isinstance(spec, CompleteSpec)
    assert (spec.steps, spec.fraction, spec.preserve_known) == (7, 0.25, False)


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"task": "teleport"},
        {"task": "complete", "unknown": 1},
        {"task": "complete", "keep": "middle"},
        {"task": "complete", "fraction": 0.05},
        {"task": "complete", "fraction": "nan"},
        {"task": "generate", "keep": "left"},
        {"task": "generate", "width_px": 63},
        {"task": "inpaint", "mask_polarity": "black"},
        {"task": "inpaint", "mask_feather_px": 65},
        {"task": "outpaint"},
        {"task": "outpaint", "left_px": 0, "bottom_px": 0},
        {"task": "outpaint", "left_px": -1, "right_px": 5},
        {"task": "outpaint", "top_px": 2049},
        {"task": "outpaint", "top_px": 8, "width_px": 512},
        {"task": "upscale", "factor": 1},
        {"task": "upscale", "factor": 3},
        {"task": "upscale", "factor": 16},
        {"task": "upscale", "mask_feather_px": 4},
        {"task": "colorize", "factor": 2},
        {"task": "deblur", "sigma_px": 0.4},
        {"task": "deblur", "sigma_px": 21},
        {"task": "deblur", "kernel": "box", "sigma_px": 2},
        {"task": "deblur", "kernel": "motion", "length_px": 1},
        {"task": "deblur", "kernel": "motion", "length_px": 101},
        {"task": "deblur", "kernel": "motion", "length_px": 9, "angle_deg": 181},
        {"task": "style", "height_px": 2049},
        {"task": "style", "preserve_known": True},
        {"task": "inpaint", "steps": 0},
        {"task": "inpaint", "steps": 101},
        {"task": "inpaint", "inner_steps": 21},
        {"task": "inpaint", "n": 9},
        {"task": "inpaint", "seed": -1},
        {"task": "inpaint", "seed": 2**63},
        {"task": "inpaint", "guidance_scale": 0.5},
        {"task": "inpaint", "guidance_scale": "inf"},
        {"task": "inpaint", "deadline_s": 0},
        {"task": "inpaint", "prompt": "x" * 2001},
        {"task": "inpaint", "prompt": "null\x00byte"},
        {"task": "inpaint", "output": {"format": "gif"}},
        {"task": "inpaint", "output": {"quality": 0}},
        {"task": "inpaint", "metadata": {str(i): "" for i in range(17)}},
        {"task": "inpaint", "metadata": {"k": "v" * 513}},
        {"task": "inpaint", "metadata": {"": "v"}},
        {"task": "inpaint", "metadata": {"k": 1}},
    ],
)
def test_wrong_values_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        JOB_SPEC.validate_python(wrong)
