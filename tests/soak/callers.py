"""Callers, and the ledger in which they write down what the service has promised them."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import httpx

from tests.soak.orders import Order

GIVE_UP_S = 180.0
"""Nobody is refused that long: Redis is away for a second or two, and the queue moves."""


@dataclass
class Entry:
    """A job that was accepted, and what became of its caller's later wish. Only its caller's thread writes it."""

    job_id: str
    order: Order
    canceled: bool = False
    """The service has said that it is, or will be."""
    too_late: bool = False
    """The service has said that it had ended before."""
    deleted: bool = False


@dataclass
class Ledger:
    """Kept outside the service, by whom it serves."""

    entries: dict[str, Entry] = field(default_factory=dict)
    resent: int = 0
    """Requests sent again, as the answer was lost or said that it was not possible now."""

    def __post_init__(self) -> None:
        self._lock = threading.Lock()

    def add(self, entry: Entry) -> None:
        with self._lock:
            if entry.job_id in self.entries:
                raise AssertionError(f"two submissions were answered with job {entry.job_id}")
            self.entries[entry.job_id] = entry

    def sent_again(self) -> None:
        with self._lock:
            self.resent += 1


class Caller(threading.Thread):
    """Submits its orders one after the other, under an idempotency key each, and cancels or deletes as they say."""

    def __init__(self, http: httpx.Client, orders: Sequence[Order], ledger: Ledger, run: str) -> None:
        super().__init__(daemon=True)
        self._http, self._orders, self._ledger, self._run = http, orders, ledger, run
        self._wishes: list[tuple[float, Entry]] = []
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            for order in self._orders:
                self._submit(order)
                self._fulfil()
            while self._wishes:
                time.sleep(0.05)
                self._fulfil()
        except BaseException as error:  # told by the main thread
            self.error = error

    def _submit(self, order: Order) -> None:
        response = self.send("POST", "/v1/jobs", files=order.parts(), key=f"{self._run}-{order.number}")
        assert response.status_code in {200, 202}, response.text
        entry = Entry(response.json()["id"], order)
        self._ledger.add(entry)
        if order.fate != "kept":
            self._wishes.append((time.monotonic() + order.later_s, entry))

    def _fulfil(self) -> None:
        for wish in [wish for wish in self._wishes if wish[0] <= time.monotonic()]:
            self._wishes.remove(wish)
            (self._cancel if wish[1].order.fate == "canceled" else self._remove)(wish[1])

    def _cancel(self, entry: Entry) -> None:
        status = self.send("POST", f"/v1/jobs/{entry.job_id}/cancel").status_code
        assert status in {200, 202, 409}, (status, entry)
        entry.canceled, entry.too_late = status != 409, status == 409

    def _remove(self, entry: Entry) -> None:
        before = self._ledger.resent
        status = self.send("DELETE", f"/v1/jobs/{entry.job_id}").status_code
        assert status == 204 or (status == 404 and self._ledger.resent > before), (status, entry)
        entry.deleted = True

    def send(
        self, method: str, path: str, *, files: dict[str, tuple[str, bytes, str]] | None = None, key: str | None = None
    ) -> httpx.Response:
        """Send it until there is an answer other than to try again."""
        give_up_at = time.monotonic() + GIVE_UP_S
        while True:
            try:
                response = self._http.request(
                    method, path, files=files, headers={} if key is None else {"Idempotency-Key": key}
                )
                if response.status_code not in {429, 503}:
                    return response
                story = response.text
            except httpx.TransportError as error:
                story = repr(error)
            assert time.monotonic() < give_up_at, story
            self._ledger.sent_again()
            time.sleep(0.2)
