"""Who may call, and whose jobs are whose."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.auth import may_listen
from app.main import create_app
from jobs import keys
from jobs.settings import Settings
from tests.app.answers import problem
from tests.app.keyed import KeyedService, new_key
from tests.app.service import ROOT

RELOAD_S = 1.2
EVERYWHERE = "0.0.0.0"  # noqa: S104  # what must not be listened on
DESCRIBED: dict[str, Any] = create_app(Settings()).openapi()["paths"]
PROTECTED = [(method.upper(), path) for path in DESCRIBED for method in DESCRIBED[path] if path.startswith("/v1/")]
OF_JOBS = [(method, path) for method, path in PROTECTED if "{job_id}" in path]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeyedService]:
    file = tmp_path_factory.mktemp("keys") / "keys"
    with KeyedService(file, ("alice", "bob", "carol")) as running:
        yield running


def address(path: str, job_id: str) -> str:
    return path.replace("{job_id}", job_id).replace("{index}", "0")


def submit(client: httpx.Client, **more: object) -> str:
    response = client.post("/v1/jobs", json={"task": "generate", **more})
    assert response.status_code == 202, response.text
    job_id: str = response.json()["id"]
    return job_id


@pytest.mark.parametrize(("method", "path"), PROTECTED)
def test_every_route_of_the_api_asks_for_a_key(service: KeyedService, method: str, path: str) -> None:
    missing = service.client(None).request(method, address(path, "0" * 32))
    if path.startswith("/v1/images/"):  # whose clients know one shape of error only
        assert (missing.status_code, missing.json()["error"]["code"]) == (401, "unauthorized")
    else:
        problem(missing, 401, "unauthorized")
    assert missing.headers["www-authenticate"] == 'Bearer realm="inlay"'
    assert DESCRIBED[path][method.lower()]["security"] == [{"ApiKey": []}]
    assert "401" in DESCRIBED[path][method.lower()]["responses"]


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/docs", "/openapi.json", "/docs/problems"])
def test_health_and_documentation_stay_open(service: KeyedService, path: str) -> None:
    assert service.client(None).get(path).status_code == 200


def test_wrong_keys_are_refused_and_told_from_missing_ones(service: KeyedService) -> None:
    right = service.keys["alice"]
    for wrong in ("x", right[:-1], right + "x", right.upper(), "ä" * 40, "alice", "a" * 5000):
        header = f"Bearer {wrong}".encode()
        response = service.client(None).get("/v1/limits", headers={b"Authorization": header})
        problem(response, 401, "unauthorized")
        assert response.headers["www-authenticate"] == 'Bearer realm="inlay", error="invalid_token"'
        assert wrong not in response.text
    for scheme in (f"Basic {right}", right, "Bearer"):
        problem(service.client(None).get("/v1/limits", headers={"Authorization": scheme}), 401, "unauthorized")
    assert service.client(None).get("/v1/limits", headers={"Authorization": f"bearer {right}"}).status_code == 200


def test_an_upload_without_a_key_is_refused_before_it_is_read(service: KeyedService) -> None:
    response = service.client(None).post("/v1/jobs", content=b"{", headers={"Content-Type": "application/json"})
    problem(response, 401, "unauthorized")


def test_neither_file_nor_log_nor_store_holds_a_key(service: KeyedService) -> None:
    submit(service.of("alice"))
    held = service.file.read_bytes() + str(service.worker.redis.keys("*")).encode()
    for api in service.apis:
        api.log.seek(0)
        held += api.log.read()
    for key in service.keys.values():
        assert key.encode() not in held


@pytest.mark.parametrize("far", ["queued", "succeeded", "expired"])
def test_a_foreign_job_is_answered_like_one_that_never_was(service: KeyedService, far: str) -> None:
    job_id = submit(service.of("alice"))
    if far == "succeeded":
        service.worker.finish(service.worker.start(job_id))
    if far == "expired":
        service.worker.redis.delete(keys.job(job_id))
    assert OF_JOBS
    for method, path in OF_JOBS:
        answers = []
        for one in (job_id, "0" * 32):
            service.worker.redis.config_resetstat()
            answer = service.of("bob").request(method, address(path, one))
            asked = service.worker.redis.info("commandstats")
            work = {name: stats["calls"] for name, stats in asked.items() if name not in UNRELATED}
            headers = {name: value for name, value in answer.headers.items() if name not in {"date", "x-request-id"}}
            body = answer.json() | {"request_id": ""}
            answers.append((answer.status_code, headers, body, work))
        assert answers[0] == answers[1], (method, path)
        assert answers[0][2]["code"] == "job_not_found", "and nothing is done to it"
    own = service.of("alice").get(f"/v1/jobs/{job_id}")
    assert own.status_code == 410 if far == "expired" else own.json()["state"] == far


CONNECTING = ("ping", "hello", "select", "client", "client|setinfo")
UNRELATED = {f"cmdstat_{name}" for name in (*CONNECTING, "zcard", "info", "config|resetstat")}
"""What a connection, a health check, the courier of webhooks and this test itself ask Redis for."""


def test_jobs_stay_with_a_name_whose_key_is_replaced(service: KeyedService) -> None:
    job_id = submit(service.of("carol"))
    old = service.file.read_text()
    key = new_key("carol", service.file)
    time.sleep(RELOAD_S)
    for client in (service.client(key), service.of("carol"), service.client(key, replica=1)):
        assert client.get(f"/v1/jobs/{job_id}").status_code == 200, "both keys are valid now"
    lines = service.file.read_text().splitlines()
    service.file.write_text("# carol has a new key\n\n" + "\n".join(lines[:2] + lines[3:]) + "\n")
    time.sleep(RELOAD_S)
    problem(service.of("carol").get(f"/v1/jobs/{job_id}"), 401, "unauthorized")
    assert service.client(key).get(f"/v1/jobs/{job_id}").status_code == 200
    service.file.write_text(old)
    time.sleep(RELOAD_S)
    assert service.of("carol").get(f"/v1/jobs/{job_id}").status_code == 200


def test_without_keys_a_key_is_not_looked_at(http: httpx.Client) -> None:
    response = http.post("/v1/jobs", json={"task": "generate"}, headers={"Authorization": "Bearer whatever"})
    assert response.status_code == 202
    assert http.get(response.json()["links"]["self"]).status_code == 200


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.0.1", "localhost", "::1"])
def test_without_keys_the_service_may_listen_on_loopback(host: str) -> None:
    assert may_listen(host, Settings())


@pytest.mark.parametrize("host", [EVERYWHERE, "::", "192.168.1.2", "inlay.example", ""])
def test_other_addresses_need_keys_or_a_setting(host: str, tmp_path: Path) -> None:
    assert not may_listen(host, Settings())
    assert may_listen(host, Settings(allow_anonymous=True))
    assert may_listen(host, Settings(api_keys_file=tmp_path / "keys"))


@pytest.mark.parametrize(
    ("options", "settings", "reason"),
    [
        (("--host", EVERYWHERE), {}, "INLAY_ALLOW_ANONYMOUS"),
        ((), {"INLAY_API_KEYS_FILE": "/nowhere/keys"}, "cannot be read"),
    ],
)
def test_the_api_refuses_to_start_unprotected(options: tuple[str, ...], settings: dict[str, str], reason: str) -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("INLAY_")}
    command = [sys.executable, "-m", "app", "--port", "0", *options]
    ended = subprocess.run(
        command, cwd=ROOT, env=environ | settings, timeout=60, check=False, capture_output=True, text=True
    )
    assert ended.returncode == 78
    assert reason in ended.stderr
