from __future__ import annotations

from jobs.timeline import MOST_STEPS, timeline


def test_stages_are_told_in_the_order_in_which_they_began() -> None:
    told = timeline([("decode", 3.0, 4.5), ("queued", 0.0, 1.0), ("denoise", 1.0, 3.5)], [])
    assert [(one.stage, one.start_s, one.seconds) for one in told.stages] == [
        ("queued", 0.0, 1.0),
        ("denoise", 1.0, 2.5),
        ("decode", 3.0, 1.5),
    ]
    assert (told.steps, told.step_summary) == ([], None)


def test_steps_are_all_told_up_to_a_number_and_then_in_summary_only() -> None:
    spans = [(float(number), number + 0.5) for number in range(MOST_STEPS)]
    told = timeline([], spans)
    assert len(told.steps) == MOST_STEPS
    longer = timeline([], [(-2.0, -0.75), *spans, (100.0, 100.25)])
    assert longer.steps == []
    assert longer.step_summary is not None
    assert longer.step_summary.model_dump() == {
        "count": MOST_STEPS + 2,
        "first_s": 1.25,
        "last_s": 0.25,
        "median_s": 0.5,
        "max_s": 1.25,
    }
