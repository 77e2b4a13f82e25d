"""docs/api.md knows everything that the service does, and its commands work as they stand."""

from __future__ import annotations

import re
import shutil
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn, get_args

import pytest

from app.main import create_app
from app.problem_types import CATALOGUE, ProblemType
from jobs.errors import FailureCode
from jobs.settings import Settings
from jobs.spec import TASKS, AnySpec, CommonSpec
from tests.app.pictures import encoded, gradient, mask_image
from tests.app.service import ApiProcess
from tests.app.stand_in import StandIn

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text()


@pytest.mark.parametrize("kind", CATALOGUE.values(), ids=CATALOGUE)
def test_problem_is_documented_with_cause_and_cure(kind: ProblemType) -> None:
    again = "yes" if kind.retryable else "no"
    assert f'| <a id="{kind.code}"></a>`{kind.code}` | {kind.status} | {again} | {kind.cause} | {kind.cure} |' in PAGE


def test_no_documented_problem_is_unknown() -> None:
    assert set(re.findall(r'<a id="(\w+)">', PAGE)) == set(CATALOGUE)


def test_routes_are_documented() -> None:
    described = create_app(Settings()).openapi()["paths"]
    routes = {f"{method.upper()} {path}" for path, methods in described.items() for method in methods}
    assert set(re.findall(r"^\| `([A-Z]+ /[^`]*)` \|", PAGE, re.MULTILINE)) == routes


def test_tasks_are_documented() -> None:
    table = PAGE.partition("### Tasks")[2].partition("### Parameters")[0]
    assert set(re.findall(r"^\| `(\w+)` \| [`–]", table, re.MULTILINE)) == set(TASKS)


@pytest.mark.parametrize("spec", get_args(AnySpec))
def test_parameters_are_documented(spec: type[CommonSpec]) -> None:
    table = PAGE.partition("### Parameters")[2].partition("### Pictures")[0]
    documented = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\|([^|]*)\|", table, re.MULTILINE))))
    assert set(spec.model_fields) <= documented


def test_fields_of_jobs_and_failure_codes_are_documented() -> None:
    table = PAGE.partition("## Follow")[2].partition("## Fetch")[0]
    described = create_app(Settings()).openapi()["components"]["schemas"]
    for field in described["JobView"]["properties"]:
        assert f"`{field}`" in table, field
    for code in FailureCode:
        assert f"`{code}`" in table, code


def test_commands_work_as_they_stand(
    api: ApiProcess, worker: StandIn, tmp_path: Path, missing_system_part: Callable[[str], NoReturn]
) -> None:
    for program in ("bash", "curl", "jq"):
        if shutil.which(program) is None:
            missing_system_part(program)
    (tmp_path / "photo.jpg").write_bytes(encoded(gradient(), "JPEG"))
    (tmp_path / "mask.png").write_bytes(encoded(mask_image()))
    cutout = gradient(mode="RGBA")
    cutout.putalpha(mask_image())
    (tmp_path / "cutout.png").write_bytes(encoded(cutout))
    over = threading.Event()

    def work() -> None:
        while not over.wait(0.1):
            for job_id in worker.queue.waiting():
                record = worker.store.get(job_id)
                if record is not None and (record.metadata or record.spec.task == "complete"):
                    worker.finish(worker.start(job_id))

    thread = threading.Thread(target=work)
    thread.start()
    script = "set -euo pipefail\n" + "\n".join(re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL))
    try:
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=tmp_path,
            env={"PATH": "/usr/bin:/bin:/usr/local/bin", "INLAY": f"http://127.0.0.1:{api.port}", "NO_PROXY": "*"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        over.set()
        thread.join()
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "result.png").read_bytes().startswith(b"\x89PNG")
    assert '"state": "succeeded"' in done.stdout
    assert "\n304\n" in done.stdout
    assert done.stdout.count("\nevent: succeeded\n") == 2
    assert done.stdout.count("\nevent: queued\n") == 1
    assert '\n"canceled"\n' in done.stdout
