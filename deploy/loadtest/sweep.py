"""Runs of the generator at each offered rate, on a service for each number of workers."""

from __future__ import annotations

import argparse
import hashlib
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from deploy.loadtest.figures import by_caller, exceeded, figures
from deploy.loadtest.plan import Plan, Sample, read_samples
from deploy.loadtest.profiles import PROFILES, arrivals
from deploy.loadtest.report import Row
from deploy.loadtest.service import REAL_WORKER, ROOT, Fleet, LoadedService
from deploy.pace import Pace
from inlay.commands.keys import KEY_BYTES, add_line

STUB_WORKER = "deploy.loadtest.stub_worker"
UNLIMITED = "100000"


class GeneratorFailed(RuntimeError):
    """The generator ended without samples."""


def sweep(options: argparse.Namespace, folder: Path) -> Iterator[Row]:
    """A row for each number of workers and each rate, as soon as it is measured.

    Raises:
        Unsafe: the addresses are not this machine's, or the plan is too large.
        NotReady: the service did not start.
    """
    if options.url:
        for rate in options.rate:
            yield measure(options, rate, options.workers[0], options.url, _own_key(options), folder)
        return
    for workers in options.workers:
        place = folder / f"workers-{workers}"
        place.mkdir()
        keys = {name: make_key(name, place / "keys") for name in PROFILES[options.profile].callers}
        with LoadedService(fleet(options, workers, place / "keys"), place) as service:
            for rate in options.rate:
                yield measure(options, rate, workers, service.urls, keys, place)


def measure(
    options: argparse.Namespace, rate: float, workers: int, urls: list[str], keys: dict[str, str], folder: Path
) -> Row:
    """Offer one rate and wait for the ends."""
    profile = PROFILES[options.profile]
    due = arrivals(profile, rate, options.seconds, options.most, options.seed)
    plan = Plan(urls, keys, due, options.steps, options.patience)
    plan.check(allow_remote=options.allow_remote)
    samples = generate(plan, folder)
    told = figures(samples, len(due))
    return Row(
        profile=profile.name,
        rate=rate,
        seconds=options.seconds,
        seed=options.seed,
        most=options.most,
        steps=options.steps,
        workers=workers,
        apis=len(urls),
        engine="running" if options.url else options.engine,
        pace=str(options.pace) if options.pace else None,
        figures=told,
        callers=by_caller(samples),
        limits=options.limits,
        exceeded=exceeded(told, options.limits),
    )


def generate(plan: Plan, folder: Path) -> list[Sample]:
    """Run the generator in a process of its own. Raises `GeneratorFailed` with what it said."""
    plan_path, samples_path = folder / "plan.json", folder / "samples.jsonl"
    plan.write(plan_path)
    command = [sys.executable, "-m", "deploy.loadtest.driver", str(plan_path), str(samples_path)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise GeneratorFailed(ended.stderr[-3000:])
    return read_samples(samples_path)


def fleet(options: argparse.Namespace, workers: int, keys: Path) -> Fleet:
    """The processes to load; callers meet the queue's limit and no other."""
    environ = {
        "INLAY_API_KEYS_FILE": str(keys),
        "INLAY_RATE_LIMIT_JOBS": UNLIMITED,
        "INLAY_MAX_ACTIVE_JOBS": "10000",
        "INLAY_MAX_QUEUE_DEPTH": str(options.queue_depth),
        "INLAY_MODEL": options.model,
    }
    if options.threads:
        environ |= {"INLAY_THREADS": str(options.threads), "OMP_NUM_THREADS": str(options.threads)}
    if options.engine == "real":
        return Fleet(options.apis, workers, REAL_WORKER, environ)
    pace = Pace.of_engine_report(options.pace) if options.pace else Pace()
    return Fleet(options.apis, workers, (STUB_WORKER, "--pace", pace.dump()), environ)


def make_key(name: str, file: Path) -> str:
    """A key of a caller's, whose hash is added to the file, as `inlay keys new` makes one."""
    key = f"inlay_{secrets.token_urlsafe(KEY_BYTES)}"
    add_line(file, f"{name}:sha256:{hashlib.sha256(key.encode()).hexdigest()}")
    return key


def _own_key(options: argparse.Namespace) -> dict[str, str]:
    key = os.environ.get("INLAY_API_KEY")
    return dict.fromkeys(PROFILES[options.profile].callers, key) if key else {}
