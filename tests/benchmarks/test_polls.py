"""Polls beside a busy worker: what counts as a client's wait, and the benchmark from its command line to its JSON."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from benchmarks import polls
from benchmarks.throughput.polling import Clients, Poll

ANSWER_S = 0.2


class Slow(BaseHTTPRequestHandler):
    """Answers after a while, with the path that was asked for."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        time.sleep(ANSWER_S)
        body = self.path.encode()
        self.send_response(200 if self.path.endswith("0") else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the parent's name
        """Nothing is to be logged."""


@pytest.fixture
def slow_url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Slow) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def poll(url: str, clients: int) -> list[Poll]:
    return Clients(clients, rate=10.0, seconds=1.0).poll(url, str)


def test_a_poll_that_had_to_wait_for_the_one_before_counts_from_when_it_was_due(slow_url: str) -> None:
    told = poll(slow_url, 1)
    assert len(told) == 10
    behind_s = 9 * (ANSWER_S - 0.1)
    assert told[-1].from_due_s >= ANSWER_S + behind_s - 0.05
    assert all(one.from_due_s >= one.from_sent_s >= ANSWER_S for one in told)


def test_clients_ask_in_turn_and_answers_that_are_no_job_are_told(slow_url: str) -> None:
    told = poll(slow_url, 5)
    assert sorted(one.status for one in told) == [200] + [404] * 9


@pytest.mark.slow
def test_polls_are_measured_beside_an_idle_and_a_busy_worker(tiny_folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "polls.json"
    options = ["--seconds", "3", "--clients", "2", "--rate", "5", "--nice", "5", "--threads", "1"]
    assert polls.main([*options, "--model", str(tiny_folder), "--json", str(path)]) == 0
    rows = json.loads(path.read_text())["rows"]
    assert [(row["saturated"], row["polls"], row["failed"]) for row in rows] == [
        *((False, 15, 0), (True, 0, 0), (True, 15, 0), (True, 0, 0)),
    ]
    for row in rows[1:]:
        assert row["evaluations_per_s"] > 0
    for row in (rows[0], rows[2]):
        assert 0 < row["p50_ms"] <= row["p95_ms"] <= row["p99_ms"]
        assert {row["nice"], row["clients"]} == {5, 2}
