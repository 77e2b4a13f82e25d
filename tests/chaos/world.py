"""The service with everything that a fault can hit, callers who write down what they are promised, and their ledger."""

from __future__ import annotations

import base64
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from itertools import cycle
from types import TracebackType
from typing import Any, Self

import httpx
from pydantic import SecretStr

from deploy.loadtest import service
from deploy.loadtest.service import HERE, Host, LoadedService
from deploy.pace import Pace
from inlay.commands.keys import add_line
from jobs.connect import RedisClient, connect
from jobs.record import JobState
from jobs.settings import Settings
from jobs.store import JobStore
from tests.app.keyed import new_key
from tests.app.receiver import Receiver
from tests.chaos.invariants import GONE, shown_wrongly, untold, violations, wrong_contents
from tests.chaos.ledger import FileLedger
from tests.chaos.orders import Asked, Orders
from tests.chaos.place import Place
from tests.chaos.witness import Witness
from tests.soak.audit import Audit
from tests.soak.callers import Caller, Entry, Ledger
from tests.soak.fleet import Fleet, Kill, end
from tests.soak.orders import order

STUB_WORKER = "deploy.loadtest.stub_worker"
CALLERS = ("anna", "ben")
SENDERS = 4
"""So many submissions at a time, as workers would else be done with most before a fault comes."""
PATIENCE_S = 180.0
QUICK = {"heartbeat_interval_s": 0.5, "worker_ttl_s": 3.0, "redis_timeout_s": 2.0, "recovery_interval_s": 0.5}
"""Half of the service's own times, where a test shall not take long."""
USUAL = {
    "log_format": "json",
    "log_level": "info",
    "rate_limit_jobs": 100_000,
    "max_active_jobs": 10_000,
    "webhook_retry_s": 0.5,
    "allow_http_urls": True,
    "allow_any_port": True,
    "allow_private_addresses": True,
}


class World:
    """API processes, workers with a stub for their networks, two callers and a receiver of webhooks::

    with World(place, server.url) as world:
        ids = world.submit(6)
        ...
        world.settle()
        assert world.wrong() == []

    `redis_url` leads straight to Redis; the `hosts` of the workers and `api_host` may have ways of their own, which can
    be cut. A call of the network takes `call_s` for any number of rows. `settings` are those of all processes.
    """

    def __init__(
        self,
        place: Place,
        redis_url: str,
        *,
        workers: int = 2,
        worker: Sequence[str] = (STUB_WORKER,),
        hosts: Sequence[Host] = (),
        api_host: Host = HERE,
        call_s: float = 0.05,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self._place, self._url = place, redis_url
        pace = Pace({1: call_s, 64: call_s}, {1: call_s / 2, 4: call_s / 2})
        self._size = service.Fleet(
            workers=workers,
            worker=(*worker, "--pace", pace.dump()),
            redis_url=redis_url,
            hosts=hosts,
            api_host=api_host,
        )
        self._changes = dict(settings or {})
        self._stack = ExitStack()
        self._orders = Orders()
        self.ledger = FileLedger(place.folder / "ledger.jsonl")
        self.kills: list[Kill] = []
        self.expected: dict[str, str] = {}
        """Ends other than success, by job: also `ANY` and `GONE`."""
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
        file = self._place.folder / "keys"
        keys = {name: _key(name, file) for name in CALLERS}
        changes = {**USUAL, **self._changes, "api_keys_file": file}
        environ = {f"INLAY_{name.upper()}": str(value) for name, value in changes.items()} | {"OMP_NUM_THREADS": "1"}
        size = replace(self._size, environ=environ)
        self.service = self._stack.enter_context(LoadedService(size, self._place.folder))
        self.fleet = Fleet(self.redis, self.service)
        self._stack.callback(self._end_workers)
        self.clients = {name: self._client(key) for name, key in keys.items()}
        self.witness = self._stack.enter_context(Witness(self.ledger, self.clients, self.receiver))

    def submit(self, count: int, **params: Any) -> list[str]:
        """So many jobs, the callers in turn, half of them with an upload; each is written down when it is accepted.

        Ordinary ones, those without `params`, are as many more as the place lacks.
        """
        if not params:
            count = max(count, self._place.jobs - sum(1 for _ in self.ledger.of("accepted")))
        asked = [self._orders.next(**params) for _ in range(count)]
        with ThreadPoolExecutor(SENDERS) as senders:
            return list(senders.map(self.send, asked, cycle(CALLERS)))

    def send(self, asked: Asked, caller: str) -> str:
        """One job, sent until it is accepted, and written down."""
        parts = asked.parts(self.receiver.url)
        sender = Caller(self.clients[caller], [], self._resent, "")
        response = sender.send("POST", "/v1/jobs", files=parts, key=uuid.uuid4().hex)
        assert response.status_code in {200, 202}, response.text
        job_id: str = response.json()["id"]
        self.ledger.write("accepted", job_id, caller, asked=asked.dump())
        return job_id

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
            if life.process.exit_code is not None and not life.killed:
                self.kills.append(self.fleet.kill(life))
                self.fleet.start()

    def kill_api(self, number: int = 0) -> float:
        """By kill -9; the Unix time of it."""
        at = time.time()
        end(self.service.apis[number])
        return at

    def start_api(self, number: int = 0) -> None:
        """Again, on the same port."""
        self.service.apis[number].start()

    def settle(self) -> None:
        """Until all that was accepted has ended, been told, and let go of; then look at every end once more.

        What was asked for is asked for once more when all is quiet, by the other caller: whatever a fault did to a
        picture, it cannot have done it to that one.
        """
        self._wait_for_quiet()
        for asked, caller in self._orders.once_each(self.ledger, self.expected):
            self.send(asked, next(name for name in CALLERS if name != caller))
        self._wait_for_quiet()
        for line in self.ledger.of("accepted"):
            self.witness.look(line.job_id, line.caller)

    def _wait_for_quiet(self) -> None:
        gone = self.gone()
        ids = {line.job_id for line in self.ledger.of("accepted")} - gone
        self.wait(lambda: ids <= self.witness.ended(), "all jobs have ended")
        self.wait(lambda: not self.fleet.busy(), "workers let go of their jobs")
        self.wait(lambda: not untold(self.ledger) - gone, "webhooks arrive")

    def gone(self) -> set[str]:
        """Jobs that the disk never had."""
        return {job_id for job_id, state in self.expected.items() if state == GONE}

    def wrong(self) -> list[str]:
        """Everything that is: by ledger, over HTTP, and in Redis."""
        gone = self.gone()
        held = {job_id for kill in self.kills for job_id in kill.held} | gone
        entries = {
            line.job_id: Entry(line.job_id, order(0, 0))
            for line in self.ledger.of("accepted")
            if line.job_id not in gone
        }
        resent = self._resent.resent + len(gone)
        audit = Audit(self.redis, self.settings, Ledger(entries, resent), held).everything()
        elsewhere = self.settings.blobs_url != "redis"  # the audit looks for pictures in Redis; over HTTP they are seen
        known = [
            sentence
            for sentence in audit
            if sentence.partition(" ")[0] not in self.expected
            and not (elsewhere and sentence.startswith("result ") and sentence.endswith(" is missing"))
        ]
        seen = [*violations(self.ledger, self.expected), *wrong_contents(self.ledger)]
        return [*seen, *shown_wrongly(self.clients, self.ledger, gone), *known]

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

    def _end_workers(self) -> None:
        """At once: what they would finish when told to end is of no interest any more."""
        for life in self.fleet.lives:
            end(life.process)

    def _client(self, key: str) -> httpx.Client:
        headers = {"Authorization": f"Bearer {key}"}
        client = httpx.Client(base_url=self.service.urls[0], headers=headers, timeout=30, trust_env=False)
        return self._stack.enter_context(client)


def _key(name: str, file: Any) -> str:
    add_line(file, f"{name}:webhook:whsec_{base64.b64encode(name.encode().ljust(32, b'.')).decode()}")
    return new_key(name, file)
