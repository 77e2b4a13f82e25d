from __future__ import annotations

import pytest
from pydantic import ValidationError

from jobs.spec import JOB_SPEC, CompleteSpec, GenerateSpec, InpaintSpec


@pytest.mark.parametrize(
    ("task", "model"), [("complete", CompleteSpec), ("inpaint", InpaintSpec), ("generate", GenerateSpec)]
)
def test_task_decides_the_model(task: str, model: type) -> None:
    assert type(JOB_SPEC.validate_python({"task": task})) is model


def test_generate_is_guided_by_default_and_the_others_are_not() -> None:
    assert GenerateSpec().guidance_scale == 3.0
    assert CompleteSpec().guidance_scale == InpaintSpec().guidance_scale == 1.0


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
