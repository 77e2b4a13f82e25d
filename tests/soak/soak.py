"""One soak: the service, its callers, the storm, the audit, and the report of it all."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import httpx
import numpy as np
from PIL import Image
from pydantic import SecretStr

from deploy.loadtest import service
from jobs.connect import connect
from jobs.events import EventLog
from jobs.queue import JobQueue
from jobs.settings import Settings
from jobs.store import JobStore
from tests.app.keyed import new_key
from tests.redis_process import RedisProcess
from tests.soak.audit import Audit, memory, takeovers
from tests.soak.callers import Caller, Entry, Ledger
from tests.soak.fleet import Fleet
from tests.soak.orders import CALLERS, Order, order
from tests.soak.storm import Fault, Storm

LEVELS = 4
"""Of 255, by which pictures sampled in company may differ: batched convolutions round differently, and corrections
amplify that, in a random network over eighty steps to 2 so far. Pictures of two seeds differ by a hundred."""


@dataclass(frozen=True)
class Plan:
    """How large a soak is. `settings` are the workers', beside where Redis and the model are."""

    jobs: int
    seed: int
    workers: int
    faults: Iterator[Fault]
    compared: int
    """Pictures that are sampled again, alone."""
    patience_s: float
    """Seconds in which all jobs must have ended."""
    settings: dict[str, Any] = field(default_factory=dict)


class Soak:
    """Everything that a soak needs, in `folder`::

    with Soak(plan, folder, model) as soak:
        report = soak.run()

    Redis answers nothing before it is on the disk (`appendfsync always`): so the ledger may demand every job that was
    accepted. Under `everysec`, the service's own setting, a kill while the disk is busy may take what was answered in
    the last two seconds, as is documented of Redis, and nothing could be demanded of the jobs around it.
    """

    def __init__(self, plan: Plan, folder: Path, model: Path) -> None:
        self._plan, self._folder, self._model = plan, folder, model
        self._stack = ExitStack()
        self.ledger = Ledger()
        self._largest_difference = 0

    def __enter__(self) -> Soak:
        self._server = self._stack.enter_context(RedisProcess(append_only=True, sync_always=True))
        # Nothing may fail as poison here: how often a worker dies over a job is up to the draw.
        changes: dict[str, Any] = {"max_attempts": 50, "model": str(self._model), "threads": 1} | self._plan.settings
        self.settings = Settings(redis_url=SecretStr(self._server.url), **changes)
        self.redis = self._stack.enter_context(connect(self.settings))
        file = self._folder / "keys"
        keys = {name: new_key(name, file) for name in CALLERS}
        # Callers shall wait for a place on the queue, not for their key's limits.
        changes |= {
            "api_keys_file": file,
            "rate_limit_jobs": 100_000,
            "max_active_jobs": 10_000,
            "max_queue_depth": 150,
        }
        environ = {f"INLAY_{name.upper()}": str(value) for name, value in changes.items()}
        environ |= {"INLAY_DEVICE": "cpu", "OMP_NUM_THREADS": "1"}
        fleet = service.Fleet(workers=self._plan.workers, environ=environ, redis_url=self._server.url)
        running = self._stack.enter_context(service.LoadedService(fleet, self._folder))
        self.fleet = Fleet(self.redis, running)
        self._clients = {name: self._client(running.urls[0], key) for name, key in keys.items()}
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def run(self) -> dict[str, Any]:
        """Let it all happen; the report has what was counted and measured, and everything that was wrong."""
        began = time.monotonic()
        storm = Storm(self.fleet, self._server, Random(f"{self._plan.seed}/storm"))
        callers = [self._caller(name) for name in CALLERS]
        for caller in callers:
            caller.start()
        storm.blow(self._plan.faults, lambda: len(self.ledger.entries), lambda: self._going(callers, began))
        ended_s = time.monotonic() - began
        self._wait(lambda: not self.fleet.busy(), self._plan.patience_s)
        held = {job_id for kill in storm.kills for job_id in kill.held}
        audit = Audit(self.redis, self.settings, self.ledger, held)
        wrong = audit.everything()
        wrong += self._compare()
        return {
            "jobs": self._plan.jobs,
            "seed": self._plan.seed,
            "workers": self._plan.workers,
            "accepted": len(self.ledger.entries),
            "states": audit.states(),
            "canceled_too_late": sum(entry.too_late for entry in self.ledger.entries.values()),
            "requests_sent_again": self.ledger.resent,
            "kills": [{"at_s": self._since(began, kill.at), "held": len(kill.held)} for kill in storm.kills],
            "redis_restarts_at_s": [self._since(began, at) for at in storm.restarts],
            "ended_after_s": round(ended_s, 1),
            "takeovers": takeovers(EventLog(self.redis), storm.kills, storm.restarts),
            "memory_of_the_spared_worker": memory(self.fleet.lives[0]),
            "compared": self._plan.compared,
            "largest_difference": self._largest_difference,
            "wrong": wrong,
        }

    def settle(self, timeout_s: float) -> list[str]:
        """What of RQ's executions is left after so many seconds at most, in which those of killed workers expire."""
        until = time.monotonic() + timeout_s
        while (left := sorted(map(str, self.redis.scan_iter("rq:execution*")))) and time.monotonic() < until:
            time.sleep(1.0)
        return left

    def _caller(self, name: str) -> Caller:
        orders = [order(self._plan.seed, number) for number in range(self._plan.jobs)]
        mine = [one for one in orders if one.caller == name]
        return Caller(self._clients[name], mine, self.ledger, f"soak-{self._plan.seed}")

    def _going(self, callers: Sequence[Caller], began: float) -> bool:
        """Whether a caller has something to do, or a job has not ended."""
        for caller in callers:
            if caller.error is not None:
                raise AssertionError("a caller was answered what it must not be") from caller.error
        active = JobStore(self.redis, self.settings).active_ids()
        assert time.monotonic() - began < self._plan.patience_s, f"{len(active)} jobs have not ended: {active[:5]}"
        waiting = JobQueue(self.redis, self.settings).depth()
        return any(caller.is_alive() for caller in callers) or bool(active) or bool(waiting)

    def _compare(self) -> list[str]:
        """Pictures that are not what their seed gives when nothing else is sampled."""
        succeeded = [entry for entry in self.ledger.entries.values() if not (entry.canceled or entry.deleted)]
        succeeded.sort(key=lambda entry: entry.order.number)
        chosen = Random(f"{self._plan.seed}/compared").sample(succeeded, min(self._plan.compared, len(succeeded)))
        return [sentence for entry in chosen for sentence in self._compared(entry)]

    def _compared(self, entry: Entry) -> Iterator[str]:
        caller = Caller(self._clients[entry.order.caller], [], Ledger(), "")
        response = caller.send("POST", "/v1/jobs", files=entry.order.parts())
        again: str = response.json()["id"]
        while (job := caller.send("GET", f"/v1/jobs/{again}").json())["state"] in {"queued", "running"}:
            time.sleep(0.02)
        if job["state"] != "succeeded":
            yield f"{entry.job_id} sampled alone has {job['state']}"
            return
        for number in range(_pictures(entry.order)):
            paths = [f"/v1/jobs/{job_id}/result/{number}" for job_id in (entry.job_id, again)]
            before, alone = (_pixels(caller.send("GET", path)) for path in paths)
            if before.shape != alone.shape:
                yield f"picture {number} of {entry.job_id} has another size than sampled alone: {entry.order.params}"
            elif (difference := int(np.abs(before - alone).max())) > LEVELS:
                far = f"{difference} levels from that sampled alone"
                yield f"picture {number} of {entry.job_id} is {far}: {entry.order.params}"
            else:
                self._largest_difference = max(self._largest_difference, difference)

    def _client(self, url: str, key: str) -> httpx.Client:
        headers = {"Authorization": f"Bearer {key}"}
        client = httpx.Client(base_url=url, headers=headers, timeout=60, trust_env=False)
        return self._stack.enter_context(client)

    def _wait(self, condition: Callable[[], object], timeout_s: float) -> None:
        until = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < until, f"waited {timeout_s} s"
            time.sleep(0.1)

    def _since(self, began: float, at: float) -> float:
        return round(at - time.time() + time.monotonic() - began, 2)


def _pictures(order: Order) -> int:
    count: int = order.params["n"]
    return count


def _pixels(response: httpx.Response) -> np.ndarray[Any, np.dtype[np.int64]]:
    assert response.status_code == 200, response.text
    return np.asarray(Image.open(io.BytesIO(response.content)), dtype=np.int64)
