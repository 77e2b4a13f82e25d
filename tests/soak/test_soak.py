"""Jobs in a storm: workers and Redis die at random, callers cancel and delete, and the books are right at the end.

The long one: `pytest -m slow tests/soak --soak-jobs 2000 --soak-seed 1 --soak-report soak.json`. A seed draws the same
jobs, wishes and faults again; what meets what depends on the machine's pace.
"""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.soak.soak import Plan, Soak
from tests.soak.storm import Fault, faults
from tests.worker.tiny_model import make_tiny_model

TAKEN_OVER_S = 10.0
GROWTH_MIB = 32.0
"""One picture of 128 px, kept in float32 by every job, would be 100 MiB after five hundred jobs."""

QUICK = {"heartbeat_interval_s": 0.5, "worker_ttl_s": 3.0, "redis_timeout_s": 2.0, "recovery_interval_s": 0.5}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("model"))


def check(report: dict[str, Any], jobs: int) -> None:
    assert report["wrong"] == []
    assert report["accepted"] == sum(report["states"].values()) == jobs
    taken_over = report["takeovers"]["undisturbed"]
    if taken_over["jobs"]:
        assert taken_over["p95_s"] <= TAKEN_OVER_S, taken_over


@pytest.mark.slow
def test_forty_jobs_survive_the_death_of_redis_and_of_a_worker(tmp_path: Path, model: Path) -> None:
    storm = iter([Fault(of_worker=False, accepted=8), Fault(of_worker=True, accepted=12)])
    plan = Plan(jobs=40, seed=3, workers=2, faults=storm, compared=4, patience_s=150.0, settings=QUICK)
    with Soak(plan, tmp_path, model) as soak:
        report = soak.run()
    (tmp_path / "report.json").write_text(json.dumps(report, indent=2))
    check(report, plan.jobs)
    assert (len(report["kills"]), len(report["redis_restarts_at_s"])) == (1, 1)
    assert report["kills"][0]["held"] > 0
    assert report["states"]["deleted"] > 0
    assert report["states"].get("canceled", 0) + report["canceled_too_late"] > 0


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_thousands_of_jobs_end_once_in_a_storm_of_kills_and_restarts(
    tmp_path: Path, model: Path, pytestconfig: pytest.Config
) -> None:
    """With the settings that the service has by itself."""
    jobs, seed = pytestconfig.getoption("--soak-jobs"), pytestconfig.getoption("--soak-seed")
    path: Path | None = pytestconfig.getoption("--soak-report")
    plan = Plan(jobs, seed, workers=3, faults=faults(Random(f"{seed}/faults")), compared=24, patience_s=60 + 2.0 * jobs)
    with Soak(plan, tmp_path, model) as soak:
        report = soak.run()
        if path is not None:
            path.write_text(json.dumps(report, indent=2) + "\n")
        check(report, jobs)
        assert report["memory_of_the_spared_worker"].get("growth_mib", 0.0) <= GROWTH_MIB
        assert soak.settle(timeout_s=120.0) == []
