"""When submissions are due, what they came to, and what is refused; the generator itself is tried in the slow test."""

from __future__ import annotations

import importlib.util
import json
import math
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import NoReturn

import pytest

from deploy.loadtest.__main__ import main
from deploy.loadtest.arguments import parse
from deploy.loadtest.figures import exceeded, figures, quantile
from deploy.loadtest.orders import TASKS, body
from deploy.loadtest.plan import Plan, Sample, Unsafe, read_samples, write_samples
from deploy.loadtest.profiles import ALL_TASKS, PROFILES, arrivals
from deploy.pace import Pace
from jobs.spec import JOB_SPEC

GOOD = Sample(0, 0.0, "complete", "alone", "succeeded", 0.001, 0.02, 202, 0.1, 1.0, 1.2)


def test_arrivals_come_at_the_rate_of_their_profile_and_again_from_the_same_seed() -> None:
    steady = arrivals(PROFILES["steady"], 20.0, 200.0, 10**6, seed=1)
    assert len(steady) == pytest.approx(4000, rel=0.06)
    assert steady == arrivals(PROFILES["steady"], 20.0, 200.0, 10**6, seed=1)
    gaps = [after.at_s - before.at_s for before, after in pairwise(steady)]
    assert sum(gap > 1 / 20 for gap in gaps) / len(gaps) == pytest.approx(math.exp(-1), abs=0.03)


def test_a_spike_is_ten_times_what_is_around_it() -> None:
    fifths = Counter(int(one.at_s // 40) for one in arrivals(PROFILES["spike"], 20.0, 200.0, 10**6, seed=1))
    assert fifths[2] / fifths[0] == pytest.approx(10, rel=0.2)


def test_callers_and_tasks_have_their_shares_and_a_run_its_bound() -> None:
    drawn = arrivals(PROFILES["soak"], 50.0, 100.0, 3000, seed=2)
    assert len(drawn) == 3000
    assert Counter(one.caller for one in drawn)["crowd"] / 3000 == pytest.approx(0.7, abs=0.04)
    assert {one.task for one in drawn} == set(ALL_TASKS) == set(TASKS)


@pytest.mark.parametrize("task", TASKS)
def test_what_is_submitted_is_what_the_service_takes(task: str) -> None:
    assert b"form-data" in body(task, 3).data
    JOB_SPEC.validate_python({"task": task, "steps": 3, **TASKS[task][0]})


def test_figures_count_what_was_refused_lost_or_answered_twice() -> None:
    refused = replace(GOOD, number=1, outcome="refused", status=429, wait_s=None, run_s=None, end_to_end_s=None)
    lost = replace(refused, number=2, outcome="lost", status=202)
    told = figures([GOOD, GOOD, refused, lost], offered=5)
    assert (told["accepted"], told["lost"], told["refused_share"]) == (3, 1, 0.2)
    assert told["wrong"] == 3, "0 has two samples, 3 and 4 have none"
    assert told["end_to_end_p99_s"] == 1.2
    assert exceeded(told, {"lost": 0, "refused_share": 0.5}) == ["lost is 1, more than 0"]


def test_quantiles_are_values_that_were_measured() -> None:
    assert quantile([3.0, 1.0, 2.0, 4.0], 0.5) == 2.0
    assert quantile([1.0] * 99 + [9.0], 0.99) == 1.0
    assert quantile([1.0] * 98 + [9.0] * 2, 0.99) == 9.0
    assert exceeded({"end_to_end_p99_s": quantile([], 0.99)}, {"end_to_end_p99_s": 5.0})


def test_nobody_elses_machine_is_loaded_unless_that_is_allowed() -> None:
    plan = Plan(["http://127.0.0.1:8000", "http://inlay.example.org"], {}, [], 20, 1.0)
    with pytest.raises(Unsafe, match=r"inlay\.example\.org"):
        plan.check(allow_remote=False)
    plan.check(allow_remote=True)
    assert main(["--url", "http://inlay.example.org", "--seconds", "1"]) == 2


@pytest.mark.parametrize(
    "wrong", [["--seconds", "1e6"], ["--rate", "0"], ["--most", "1000000"], ["--limit", "nothing"], ["--pace", "x"]]
)
def test_what_has_no_bounds_or_no_meaning_is_refused(wrong: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(wrong)
    assert ended.value.code == 2


def test_plans_and_samples_are_read_as_they_were_written(tmp_path: Path) -> None:
    due = arrivals(PROFILES["steady"], 5.0, 2.0, 10, seed=1)
    plan = Plan(["http://127.0.0.1:1"], {"alone": "key"}, due, 20, 1.0)
    plan.write(tmp_path / "plan")
    assert Plan.read(tmp_path / "plan") == plan
    assert (tmp_path / "plan").stat().st_mode & 0o077 == 0
    write_samples(tmp_path / "samples", [GOOD])
    assert read_samples(tmp_path / "samples") == [GOOD]


def test_a_pace_is_read_from_the_engines_report(tmp_path: Path) -> None:
    rows = [{"measure": "network", "batch": size, "evaluations_per_s": 100.0 * size**0.5} for size in (1, 4)]
    rows += [{"measure": "jobs", "batch": size, "seconds_per_job": 0.5 * size} for size in (1, 4)]
    path = tmp_path / "rows.json"
    path.write_text(json.dumps({"command": "x --steps 20", "rows": rows}))
    pace = Pace.of_engine_report(path)
    assert pace.network(1) == pytest.approx(0.01)
    assert pace.network(4) == pytest.approx(0.02)
    assert pace.network(2) == pytest.approx(0.01 + 0.01 / 3)
    assert pace.network(8) == pytest.approx(0.04)
    assert pace.image(1) == pytest.approx(0.01)
    assert Pace.parse(pace.dump()) == pace
    with pytest.raises(ValueError, match="network_s"):
        Pace.parse("{}")


@pytest.mark.slow
def test_twenty_jobs_of_every_task_go_through_a_service_of_its_own(
    tmp_path: Path, missing_system_part: Callable[[str], NoReturn]
) -> None:
    if importlib.util.find_spec("locust") is None:
        missing_system_part("locust: pip install -r requirements-load.lock")
    options = ["--profile", "soak", "--engine", "stub", "--rate", "3", "--seconds", "20", "--most", "20"]
    options += ["--steps", "3", "--apis", "2", "--out", str(tmp_path), "--limit", "lag_p99_s=60", "submit_p99_s=60"]
    assert main(options) == 0
    (row,) = json.loads((tmp_path / "rows.json").read_text())["rows"]
    assert row["figures"]["succeeded"] == row["figures"]["offered"] == 20
    assert {path.name for path in tmp_path.iterdir()} == {"rows.json", "latency.png", "throughput.png"}
