"""The load generator: Locust users, one for each API process, whose submissions leave on time whatever is answered.

`python -m deploy.loadtest.driver PLAN SAMPLES` runs a `Plan` and writes its samples. In a process of its own, as Locust
replaces blocking calls of the whole process by its own.

Locust's users wait for an answer before they ask again, so a slow service is asked less often, and what it would have
done to those that did not ask is never seen. Here a user only reads the clock: each submission gets a greenlet of its
own at the moment when it is due, and its seconds count from that moment.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gevent
from gevent.pool import Group
from locust import FastHttpUser, task
from locust.env import Environment
from locust.exception import StopUser

from deploy.loadtest.orders import Body, body
from deploy.loadtest.plan import Plan, Sample, write_samples
from deploy.loadtest.profiles import Arrival

LEAD_S = 1.0
"""Users are spawned before the first submission is due."""
LONG_POLL_S = 20
FINAL = {"succeeded", "failed", "canceled"}
REFUSED = {429, 503}


class Run:
    """What the users of a run share: the plan, the moment at which it starts, the samples."""

    def __init__(self, plan: Plan, events: Any) -> None:  # noqa: ANN401  # Locust has no types here
        self.plan = plan
        self.events = events
        self.samples: list[Sample] = []
        self.bodies: dict[str, Body] = {arrival.task: body(arrival.task, plan.steps) for arrival in plan.arrivals}
        self.began = time.monotonic() + LEAD_S
        last_s = plan.arrivals[-1].at_s if plan.arrivals else 0.0
        self.give_up_at = self.began + last_s + plan.patience_s

    def headers(self, arrival: Arrival, **more: str) -> dict[str, str]:
        """With the caller's key."""
        key = self.plan.keys.get(arrival.caller)
        return more if key is None else {"Authorization": f"Bearer {key}", **more}

    def note(self, sample: Sample) -> None:
        """Keep it, and tell Locust's statistics, whose times count from the due moment, too."""
        self.samples.append(sample)
        figures = {"submit": sample.submit_s, "end to end": sample.end_to_end_s}
        error = None if sample.outcome == "succeeded" else RuntimeError(sample.outcome)
        for name, seconds in figures.items():
            if seconds is not None:
                self.events.request.fire(
                    request_type="due",
                    name=name,
                    response_time=1000 * seconds,
                    response_length=0,
                    exception=error,
                    context={},
                )


class Clock(FastHttpUser):
    """Sends the submissions that fall to one API process, each when it is due."""

    abstract = True
    fixed_count = 1
    network_timeout = connection_timeout = 60.0
    run_: Run
    mine: Sequence[Arrival]

    @task
    def keep_time(self) -> None:
        """All submissions, then wait for their ends."""
        group = Group()
        for arrival in self.mine:
            gevent.sleep(max(0.0, self.run_.began + arrival.at_s - time.monotonic()))
            group.spawn(self.serve, arrival)
        group.join(timeout=max(1.0, self.run_.give_up_at - time.monotonic() + 2 * LONG_POLL_S))
        raise StopUser

    def serve(self, arrival: Arrival) -> None:
        """Submit, follow, write down."""
        due = self.run_.began + arrival.at_s
        sent = time.monotonic()
        content = self.run_.bodies[arrival.task]
        with self.client.post(
            "/v1/jobs",
            data=content.data,
            headers=self.run_.headers(arrival, **{"Content-Type": content.content_type}),
            name="submit, from sending",
            catch_response=True,
        ) as response:
            status, job = response.status_code, _json(response)
            if status in REFUSED:
                response.success()  # counted below, not as an error of the generator
        answered = time.monotonic()
        first: dict[str, Any] = {
            "number": arrival.number,
            "at_s": arrival.at_s,
            "task": arrival.task,
            "caller": arrival.caller,
            "lag_s": sent - due,
            "submit_s": answered - due,
            "status": status,
        }
        if status not in {200, 202}:
            self.run_.note(Sample(outcome="refused" if status in REFUSED else "error", **first))
            return
        ended = self._follow(arrival, job["id"])
        if ended is None:
            self.run_.note(Sample(outcome="lost", **first))
            return
        timings = ended.get("timings") or {}
        self.run_.note(
            Sample(
                outcome=ended["state"],
                wait_s=timings.get("queue_s"),
                run_s=timings.get("run_s"),
                end_to_end_s=time.monotonic() - due,
                **first,
            )
        )

    def _follow(self, arrival: Arrival, job_id: str) -> dict[str, Any] | None:
        """The job once it has ended; None if that was not seen in time."""
        headers = self.run_.headers(arrival, Prefer=f"wait={LONG_POLL_S}")
        while time.monotonic() < self.run_.give_up_at:
            with self.client.get(
                f"/v1/jobs/{job_id}", headers=headers, name="wait for the end", catch_response=True
            ) as response:
                job = _json(response)
                if response.status_code == 200 and job.get("state") in FINAL:
                    return job
                failed = response.status_code != 200
            if failed:
                gevent.sleep(0.5)
        return None


def _json(response: Any) -> dict[str, Any]:  # noqa: ANN401  # Locust's own class has no types
    try:
        answer = json.loads(response.text or "{}")
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def run(plan: Plan) -> list[Sample]:
    """Run a plan to its end; samples in the order of their ends."""
    environment = Environment(catch_exceptions=False)
    shared = Run(plan, environment.events)
    count = len(plan.urls)
    environment.user_classes = [
        type(
            f"Clock{number}",
            (Clock,),
            {
                "abstract": False,
                "host": url,
                "run_": shared,
                "mine": plan.arrivals[number::count],
                "concurrency": max(1, len(plan.arrivals)),  # a pool that is too small would hold submissions back
            },
        )
        for number, url in enumerate(plan.urls)
    ]
    runner = environment.create_local_runner()
    runner.start(count, spawn_rate=count)
    runner.spawning_greenlet.join()
    while runner.user_count:
        gevent.sleep(0.05)
    runner.quit()
    return shared.samples


def main(arguments: Sequence[str]) -> int:
    """PLAN SAMPLES."""
    plan_path, samples_path = map(Path, arguments)
    write_samples(samples_path, run(Plan.read(plan_path)))
    return 0


if __name__ == "__main__":
    import sys

    raise SystemExit(main(sys.argv[1:]))
