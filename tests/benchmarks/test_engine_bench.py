"""The engine's benchmark from its command line to its JSON, with a random model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import engine
from benchmarks.throughput.workload import mixed

WANTED = {
    *("device", "dtype", "model", "batch", "evaluations_per_s", "bare_evaluations_per_s", "jobs_per_s"),
    *("serial_jobs_per_s", "seconds_per_job", "peak_mb", "share_of_ceiling"),
}


@pytest.mark.slow
def test_every_measure_has_a_row_with_its_figures(
    tiny_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "engine.json"
    options = ["--count", "3", "--steps", "2", "--batches", "1", "2", "--most", "2", "--threads", "1"]
    assert engine.main([*options, "--model", str(tiny_folder), "--json", str(path)]) == 0
    report = json.loads(path.read_text())
    rows = {(row["measure"], row["batch"]): row for row in report["rows"]}
    assert set(rows) == {
        *(("network", 1), ("network", 2), ("jobs", 1), ("jobs", 2), ("serial", 1)),
        *(("arrivals", 2), ("arrivals", 3), ("served", 2), ("diffusers", 1)),
    }
    assert all(set(row) >= WANTED for row in rows.values())
    network = rows["network", 2]
    assert network["overhead"] == pytest.approx(network["bare_evaluations_per_s"] / network["evaluations_per_s"] - 1)
    assert 0 < network["share_of_ceiling"] < 1
    assert rows["jobs", 2]["jobs_per_s"] == pytest.approx(2 / rows["jobs", 2]["seconds_per_job"])
    assert rows["serial", 1]["longest_wait_calls"] == 1
    assert [row["density"] for row in report["rows"] if row["measure"] == "serial"] == [0.5, 0.7]
    for most in (2, 3):
        assert rows["arrivals", most]["jobs"] == 3
        assert rows["arrivals", most]["longest_wait_calls"] <= 4
    assert rows["served", 2]["jobs_per_s"] > 0
    assert report["provenance"]["commit"]
    assert len(capsys.readouterr().out.splitlines()) == len(report["rows"])


def test_the_mix_holds_every_kind_and_is_the_same_for_a_seed() -> None:
    jobs = mixed(64, 3)
    assert jobs == mixed(64, 3) != mixed(64, 4)
    assert {job.mask for job in jobs} == {"half_left", "half_top", "box", "quarter_left", None}
    assert {job.solver for job in jobs} == {"default", "newton"}
    assert {job.guidance_scale for job in jobs} == {1.0, 3.0}
    assert len({job.steps for job in jobs}) == 3
