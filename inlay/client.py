"""The blocking client."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, Self

import httpx

from inlay import calls
from inlay.calls import Call, Picture
from inlay.connecting import DEFAULT_URL, authorization, on_this_machine
from inlay.events import Event, Trail
from inlay.models import Deliveries, Job, JobState
from inlay.retries import RetryPolicy
from inlay.sending import Sending
from inlay.tasks import Tasks
from inlay.waiting import Patience, ended_well, poll_pause_s


class Client(Tasks[Job]):
    """A connection to an Inlay service::

        with Client("http://127.0.0.1:8000") as client:
            job = client.complete("half.png", keep="left", prompt="a red butterfly")
            client.wait(job.id, timeout_s=120)
            Path("whole.png").write_bytes(client.result(job.id))

    `api_key` is the environment's `INLAY_API_KEY` unless given.
    Every method raises `ConnectionFailed` and `ProblemError` (see `inlay.errors`). Safe to share between threads.
    """

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        api_key: str | None = None,
        retries: RetryPolicy | None = None,
        timeout_s: float = 30.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._retries = retries or RetryPolicy()
        self._timeout_s = timeout_s
        self._http = httpx.Client(
            base_url=url,
            headers=authorization(api_key),
            timeout=timeout_s,
            transport=transport,
            trust_env=not on_this_machine(url),
        )

    def submit(self, task: str, parameters: Mapping[str, object], **pictures: Picture | None) -> Job:
        """Submit any task; `pictures` are files by form field. Raises `OSError` for unreadable files.

        Lost answers are asked for again under one idempotency key, yours if `parameters` has one.
        """
        return calls.read_job(self._send(calls.submit(task, parameters, **pictures)))

    def get(self, job_id: str) -> Job:
        """The job as it is now."""
        return calls.read_job(self._send(calls.get(job_id)))

    def jobs(self, *, state: JobState | None = None, page_size: int = 50) -> Iterator[Job]:
        """Yield the caller's jobs that are still kept, newest first; further pages are fetched when they are needed."""
        cursor: str | None = None
        while True:
            page, cursor = calls.read_page(self._send(calls.list_jobs(state, page_size, cursor)))
            yield from page
            if cursor is None:
                return

    def wait(self, job_id: str, *, timeout_s: float | None = None) -> Job:
        """Return the job once it has succeeded. Raises `JobFailed`, `JobCanceled`, `WaitTimeout`."""
        patience = Patience(timeout_s, self._timeout_s)
        while True:
            response = self._send(calls.get(job_id, wait_s=patience.hold_s()))
            job = calls.read_job(response)
            if job.final:
                return ended_well(job)
            time.sleep(patience.pause_s(job, response))

    def follow(
        self, job_id: str, *, previews: bool = False, after: str | None = None, timeout_s: float | None = None
    ) -> Iterator[Event]:
        """Yield what happens to the job as it happens, from its first event or after the id `after`, to its end.

        A lost connection is taken up where it broke. With `previews` the service makes small pictures on the way.
        Ends without a final event only after `timeout_s`, at the next word from the service, if only a heartbeat.
        """
        trail = Trail(job_id, self._retries, previews=previews, after=after, timeout_s=timeout_s)
        while not trail.over:
            call = trail.call
            try:
                with self._http.stream(
                    call.method, call.path, headers=dict(call.headers), timeout=trail.timeout
                ) as response:
                    if response.is_error:
                        response.read()
                    if trail.begin(response):
                        for line in response.iter_lines():
                            event = trail.read(line)
                            if event is not None:
                                yield event
                            if not line and trail.late:
                                break
                        trail.end()
            except httpx.TransportError as error:
                trail.fail(error, self._http.base_url)
            time.sleep(trail.pause_s)

    def poll(self, job_id: str, *, interval_s: float | None = None, timeout_s: float | None = None) -> Iterator[Job]:
        """Yield the job now and at every change until it is final; polls at `interval_s`, else as the service asks.

        Raises `WaitTimeout` after `timeout_s`, also if nothing changes.
        """
        patience = Patience(timeout_s)
        last: Mapping[str, Any] | None = None
        while True:
            response = self._send(calls.get(job_id))
            job = calls.read_job(response)
            if job.raw != last:
                yield job
            if job.final:
                return
            last = job.raw
            time.sleep(patience.at_most_s(interval_s or poll_pause_s(response), job))

    def result(self, job_id: str, index: int = 0) -> bytes:
        """The encoded picture. Raises `Conflict` before it exists."""
        return self._send(calls.result(job_id, index)).content

    def deliveries(self, job_id: str) -> Deliveries:
        """What became of the job's webhook: every attempt to deliver it."""
        return calls.read_deliveries(self._send(calls.deliveries(job_id)))

    def cancel(self, job_id: str) -> Job:
        """Ask the job to stop; a running one stops within one network evaluation. Raises `Conflict` when final."""
        return calls.read_job(self._send(calls.cancel(job_id)))

    def delete(self, job_id: str) -> None:
        """Cancel the job and delete everything about it. Gone already, once an answer was lost, is as wanted."""
        self._send(calls.delete(job_id))

    def models(self) -> Mapping[str, Any]:
        """`GET /v1/models`: the models that live workers serve."""
        return self._json("/v1/models")

    def limits(self) -> Mapping[str, Any]:
        """`GET /v1/limits`: what the service accepts."""
        return self._json("/v1/limits")

    def ready(self) -> bool:
        """Whether the service takes jobs now: its Redis answers and a warmed worker lives."""
        try:
            return self._http.get("/readyz").status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _json(self, path: str) -> Mapping[str, Any]:
        body: Mapping[str, Any] = self._send(Call("GET", path)).json()
        return body

    def _send(self, call: Call) -> httpx.Response:
        sending = Sending(call, self._retries)
        while True:
            try:
                response = self._http.request(
                    call.method,
                    call.path,
                    headers=dict(call.headers),
                    json=call.json,
                    files=call.files,
                    follow_redirects=call.elsewhere,
                )
            except httpx.TransportError as error:
                sending.failed(error, self._http.base_url)
            else:
                if sending.answered(response):
                    return response
            time.sleep(sending.pause_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
