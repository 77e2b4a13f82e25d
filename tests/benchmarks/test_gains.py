"""Differences of our solver to others, picture by picture."""

from dataclasses import replace

from benchmarks.gains import gains
from tests.benchmarks.test_report import ROW

OURS = replace(ROW, mask="box", method="default", nfe=40, dtype="float32", scene_psnr_db=(21.0, 32.0, 43.0))
MORE = replace(OURS, nfe=60, scene_psnr_db=(22.0, 33.0, 44.0))
OTHER = replace(OURS, method="ding", nfe=59, scene_psnr_db=(20.0, 30.0, 40.0))


def test_each_budget_is_held_against_each_other_method_on_the_same_pictures() -> None:
    table = gains([MORE, OURS, OTHER]).splitlines()
    assert table[0] == "| mask | minus | NFE | `default` at 40 | `default` at 60 |"
    assert table[2] == "| box | `ding` | 59 | +2.00 ± 2.48 | +3.00 ± 2.48 |"
    assert len(table) == 3


def test_other_tasks_precisions_guidances_and_our_own_variants_are_not_compared() -> None:
    strangers = [
        replace(OTHER, mask="half_left"),
        replace(OTHER, dtype="bfloat16"),
        replace(OTHER, guidance_scale=3.0),
        replace(OTHER, method="default-refills-none"),
        replace(OTHER, scene_psnr_db=()),
    ]
    assert gains([OURS, *strangers]) == ""


def test_without_ours_there_is_nothing_to_tell() -> None:
    assert gains([OTHER]) == gains([]) == ""
