"""The service with everything that a fault can hit, callers who write down what they are promised, and their ledger."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

import httpx
from pydantic import SecretStr

from deploy.pace import Pace
from inlay.commands.keys import add_line
from jobs.connect import RedisClient, connect
from jobs.record import JobState
from jobs.settings import Settings
from jobs.store import JobStore
from tests.app.keyed import new_key
from tests.app.receiver import Receiver
from tests.app.service import ApiProcess
from tests.chaos.invariants import shown_wrongly, untold, violations
from tests.chaos.ledger import FileLedger
from tests.chaos.place import Place
from tests.chaos.witness import Witness
from tests.soak.audit import Audit
from tests.soak.callers import Caller, Entry, Ledger
from tests.soak.fleet import Fleet, Kill
from tests.soak.orders import order, picture_png

STUB_WORKER = "deploy.loadtest.stub_worker"
CALLERS = ("anna", "ben")
PATIENCE_S = 180.0
QUICK = {"heartbeat_interval_s": 0.5, "worker_ttl_s": 3.0, "redis_timeout_s": 2.0, "recovery_interval_s": 0.5}
"""Half of the service's own times, where a test shall not take long."""


class World:
    """API processes, workers with a stub for their networks, two callers and a receiver of webhooks::

    with World(place, server.url) as world:
        ids = world.submit(6)
        ...
        world.settle()
        assert world.wrong() == []

    `redis_url` leads straight to Redis; `worker_urls`, one for each worker, and `api_url` may lead over a line that is
    cut. A call of the network takes `call_s` for any number of rows. `settings` are those of all processes, `environ`
    further variables of the workers'.
    """

    def __init__(
        self,
        place: Place,
        redis_url: str,
        *,
        workers: int = 2,
        apis: int = 1,
        worker: Sequence[str] = (STUB_WORKER,),
        worker_urls: Sequence[str] | None = None,
        environ: Mapping[str, str] | None = None,
        api_url: str | None = None,
        call_s: float = 0.05,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self._place, self._folder, self._url = place, place.folder, redis_url
        self._worker_urls = list(worker_urls or [redis_url] * workers)
        self._apis, self._api_url = apis, api_url or redis_url
        self._environ = dict(environ or {})
        self._worker = (*worker, "--pace", Pace({1: call_s, 64: call_s}, {1: call_s / 2, 4: call_s / 2}).dump())
        self._changes = dict(settings or {})
        self._stack = ExitStack()
        self.ledger = FileLedger(place.folder / "ledger.jsonl")
        self.kills: list[Kill] = []
        self.expected: dict[str, str] = {}
        """Ends other than success; `ANY` for a job that may end as it likes."""
        self._resent = Ledger()

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _start(self) -> None:
        self.settings = Settings(redis_url=SecretStr(self._url), **self._changes)
        self.redis: RedisClient = self._stack.enter_context(connect(self.settings))
        self.store = JobStore(self.redis, self.settings)
        self.receiver = self._stack.enter_context(Receiver())
        common = {f"INLAY_{name.upper()}": str(value) for name, value in self._changes.items()}
        environ = {**common, **self._environ, "INLAY_REDIS_URL": self._url, "INLAY_LOG_LEVEL": "warning"}
        self.fleet = self._stack.enter_context(Fleet(self.redis, environ, self._folder, self._worker))
        for url in self._worker_urls:
            self.fleet.start(INLAY_REDIS_URL=url)
        keys = {name: self._key(name) for name in CALLERS}
        self.apis = [self._stack.enter_context(self._api()) for _ in range(self._apis)]
        self.clients = {name: self._client(key) for name, key in keys.items()}
        self.wait(self._all_ready, "workers get ready")
        self.witness = self._stack.enter_context(Witness(self.ledger, self.clients, self.receiver))

    def submit(self, count: int, **params: Any) -> list[str]:
        """So many jobs, the callers in turn, half of them with an upload; each is written down when it is accepted.

        Ordinary ones, those without `params`, are as many more as the place lacks.
        """
        if not params:
            count = max(count, self._place.jobs - sum(1 for _ in self.ledger.of("accepted")))
        ids = []
        for number in range(count):
            caller = CALLERS[number % len(CALLERS)]
            task = ("generate", "complete")[number // 2 % 2]
            asked = {"task": task, "steps": 10, "webhook_url": self.receiver.url, **params}
            parts = {"params": ("params", json.dumps(asked).encode(), "application/json")}
            if task == "complete":
                parts["image"] = ("image.png", picture_png(0), "image/png")
            key = f"{time.time_ns()}-{number}"
            response = Caller(self.clients[caller], [], self._resent, "").send("POST", "/v1/jobs", files=parts, key=key)
            assert response.status_code in {200, 202}, response.text
            ids.append(response.json()["id"])
            self.ledger.write("accepted", ids[-1], caller)
        return ids

    def wait_until_running(self, ids: Iterable[str]) -> None:
        """Until at least one of these is in a worker's hands."""
        chosen = list(ids)
        self.wait(lambda: any(self.store.state(job_id) == "running" for job_id in chosen), "a job is running")

    def wait_for_end(self, ids: Iterable[str]) -> None:
        """Until the end of at least one of these was seen."""
        chosen = set(ids)
        self.wait(lambda: chosen & self.witness.ended(), "a job has ended")

    def wait_for_ends(self, ids: Iterable[str]) -> None:
        """Until the ends of all of these were seen."""
        chosen = set(ids)
        self.wait(lambda: chosen <= self.witness.ended(), "the jobs have ended")

    def kill_worker(self) -> Kill:
        """One that has jobs, by kill -9."""
        self.wait(lambda: any(self.fleet.held(life) for life in self.fleet.ready()), "a worker has jobs")
        life = max(self.fleet.ready(), key=lambda one: len(self.fleet.held(one)))
        kill = self.fleet.kill(life)
        self.kills.append(replace(kill, held=kill.held | self._running_by(kill.worker)))
        return self.kills[-1]

    def replace_dead(self) -> None:
        """Start a worker for each that has died by itself, as a supervisor does."""
        for life in self.fleet.lives:
            if life.process.poll() is not None and not life.killed:
                self.kills.append(self.fleet.kill(life))
                self.fleet.start()

    def kill_api(self, number: int = 0) -> float:
        """By kill -9; the Unix time of it."""
        api = self.apis[number]
        at = time.time()
        api.process.kill()
        api.process.wait(timeout=30)
        api.log.close()
        return at

    def start_api(self, number: int = 0) -> None:
        """Again, on the same port."""
        self.apis[number].__enter__()

    def settle(self) -> None:
        """Until all that was accepted has ended, been told, and let go of; then look at every end once more."""
        ids = {line.job_id: line.caller for line in self.ledger.of("accepted")}
        self.wait(lambda: ids.keys() <= self.witness.ended(), "all jobs have ended")
        self.wait(lambda: not self.fleet.busy(), "workers let go of their jobs")
        self.wait(lambda: not untold(self.ledger), "webhooks arrive")
        for job_id, caller in ids.items():
            self.witness.look(job_id, caller)

    def wrong(self) -> list[str]:
        """Everything that is: by ledger, over HTTP, and in Redis."""
        held = {job_id for kill in self.kills for job_id in kill.held}
        entries = {line.job_id: Entry(line.job_id, order(0, 0)) for line in self.ledger.of("accepted")}
        audit = Audit(self.redis, self.settings, Ledger(entries, self._resent.resent), held).everything()
        elsewhere = self.settings.blobs_url != "redis"  # the audit looks for pictures in Redis; over HTTP they are seen
        known = [
            sentence
            for sentence in audit
            if sentence.partition(" ")[0] not in self.expected
            and not (elsewhere and sentence.startswith("result ") and sentence.endswith(" is missing"))
        ]
        return [*violations(self.ledger, self.expected), *shown_wrongly(self.clients, self.ledger), *known]

    def first_end_after(self, at: float, among: Iterable[str] | None = None) -> float:
        """Seconds from Unix time `at` to the first later end of one of these jobs, as their callers saw it."""
        chosen = None if among is None else set(among)
        ends = [line.at for line in self.ledger.of("polled") if chosen is None or line.job_id in chosen]
        return min(end for end in ends if end > at) - at

    def wait(self, condition: Callable[[], object], what: str) -> None:
        """Until it is so."""
        until = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < until, f"waited {PATIENCE_S} s until {what}"
            time.sleep(0.05)

    def _running_by(self, worker: str) -> set[str]:
        """Jobs of a worker by their records: it may have died before it had them in RQ's books."""
        open_ids = {line.job_id for line in self.ledger.of("accepted")} - self.witness.ended()
        records = [record for job_id in open_ids if (record := self.store.get(job_id)) is not None]
        return {one.id for one in records if one.state is JobState.RUNNING and one.worker == worker}

    def _all_ready(self) -> bool:
        """Raises `AssertionError` with its log if one has ended instead."""
        self.fleet.look()
        return len(self.fleet.ready()) == len(self._worker_urls)

    def _key(self, name: str) -> str:
        file = self._folder / "keys"
        add_line(file, f"{name}:webhook:whsec_{base64.b64encode(name.encode().ljust(32, b'.')).decode()}")
        return new_key(name, file)

    def _api(self) -> ApiProcess:
        return ApiProcess(
            **{
                **self._changes,
                "redis_url": self._api_url,
                "api_keys_file": self._folder / "keys",
                "log_level": "warning",
                "webhook_retry_s": 0.5,
                "allow_http_urls": True,
                "allow_any_port": True,
                "allow_private_addresses": True,
            }
        )

    def _client(self, key: str) -> httpx.Client:
        headers = {"Authorization": f"Bearer {key}"}
        base_url = self.apis[0].client.base_url
        client = httpx.Client(base_url=base_url, headers=headers, timeout=30, trust_env=False)
        return self._stack.enter_context(client)
