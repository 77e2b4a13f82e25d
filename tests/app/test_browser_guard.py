"""Without API keys, pages of strangers in a browser that reaches the service neither read nor change anything."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from pydantic import ValidationError

from jobs.settings import Settings
from tests.app.answers import problem
from tests.app.keyed import KeyedService
from tests.app.pictures import picture_png
from tests.app.raw_http import raw
from tests.app.service import ApiProcess
from tests.app.stand_in import StandIn
from tests.redis_process import RedisProcess

EVIL = "https://evil.example"
CROSS = {"Origin": EVIL, "Sec-Fetch-Site": "cross-site"}


@pytest.fixture(scope="module")
def behind_a_proxy(app_redis: RedisProcess) -> Iterator[ApiProcess]:
    """A service whose operator says that only the right ones reach it."""
    with ApiProcess(redis_url=app_redis.url, allow_anonymous=True) as process:
        yield process


@pytest.fixture(scope="module")
def named(app_redis: RedisProcess) -> Iterator[ApiProcess]:
    """The same, with its names."""
    names = "inlay.example 2001:db8::7"
    with ApiProcess(redis_url=app_redis.url, allow_anonymous=True, allowed_hosts=names) as process:
        yield process


def post_a_form(client: httpx.Client, headers: dict[str, str]) -> httpx.Response:
    """What a form on a page sends: no browser asks for leave first."""
    return client.post("/v1/jobs", data={"task": "complete"}, files={"image": picture_png()}, headers=headers)


def test_a_name_bound_to_our_address_opens_nothing(http: httpx.Client, worker: StandIn) -> None:
    job = http.post("/v1/jobs", json={"task": "generate"}).json()
    rebound = {"Host": "rebind.evil.example:8000"}
    for path in ("/v1/jobs", job["links"]["self"], "/", "/openapi.json", "/metrics"):
        problem(http.get(path, headers=rebound), 403, "host_refused")
    same = {**rebound, "Origin": "http://rebind.evil.example:8000", "Sec-Fetch-Site": "same-origin"}
    problem(post_a_form(http, same), 403, "host_refused")
    problem(http.delete(job["links"]["self"], headers=same), 403, "host_refused")
    assert worker.store.active_ids() == [job["id"]]


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "localhost@evil.example",
        "192.168.1.2",
        "a b",
    ],
)
def test_names_that_only_look_like_ours_are_refused(http: httpx.Client, host: str) -> None:
    problem(http.get("/v1/jobs", headers={"Host": host}), 403, "host_refused")


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:8000", "localhost.:80", "inlay.localhost", "127.0.0.1", "127.8.0.1:1", "[::1]:8000"],
)
def test_loopback_is_ours_by_whatever_name(http: httpx.Client, host: str) -> None:
    assert http.get("/v1/jobs", headers={"Host": host}).status_code == 200


def test_a_client_that_names_nobody_is_no_browser(api: ApiProcess) -> None:
    assert raw(api, b"GET /healthz HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "headers",
    [CROSS, {"Origin": EVIL}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "null"}],
)
def test_pages_of_other_origins_change_nothing(http: httpx.Client, worker: StandIn, headers: dict[str, str]) -> None:
    job = http.post("/v1/jobs", json={"task": "generate"}).json()
    problem(post_a_form(http, headers), 403, "origin_refused")
    problem(http.post(job["links"]["cancel"], headers=headers), 403, "origin_refused")
    problem(http.delete(job["links"]["self"], headers=headers), 403, "origin_refused")
    openais = http.post("/v1/images/generations", json={"prompt": "a"}, headers=headers)
    assert (openais.status_code, openais.json()["error"]["code"]) == (403, "origin_refused")
    assert worker.store.active_ids() == [job["id"]]
    assert http.get("/v1/jobs", headers=headers).status_code == 200, "which the page cannot read"


def test_a_page_on_another_port_is_another_origin(http: httpx.Client) -> None:
    problem(post_a_form(http, {"Origin": "http://127.0.0.1:1"}), 403, "origin_refused")


def test_our_own_page_and_clients_that_are_no_browsers_may(http: httpx.Client) -> None:
    own = str(http.base_url).rstrip("/")
    for headers in ({}, {"Origin": own}, {"Origin": own, "Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}):
        assert post_a_form(http, headers).status_code == 202


def test_a_proxy_may_have_any_name_unless_told_but_its_pages_are_its_own(
    behind_a_proxy: ApiProcess, worker: StandIn
) -> None:
    client, host = behind_a_proxy.client, {"Host": "inlay.example"}
    assert client.get("/v1/jobs", headers=host).status_code == 200
    assert post_a_form(client, {**host, "Origin": "https://inlay.example"}).status_code == 202
    renamed = {"Host": "api:8000", "Origin": "https://inlay.example", "Sec-Fetch-Site": "same-origin"}
    assert post_a_form(client, renamed).status_code == 202
    problem(post_a_form(client, {**host, **CROSS}), 403, "origin_refused")


def test_names_of_the_setting_and_loopback_are_all_once_it_is_set(named: ApiProcess, worker: StandIn) -> None:
    for host in ("inlay.example", "Inlay.Example:8443", "[2001:db8::7]", "localhost"):
        assert named.client.get("/v1/jobs", headers={"Host": host}).status_code == 200, host
    for host in ("evil.example", "www.inlay.example", "[2001:db8::8]"):
        problem(named.client.get("/v1/jobs", headers={"Host": host}), 403, "host_refused")


def test_where_there_are_keys_no_page_has_one_and_names_do_not_matter(tmp_path_factory: pytest.TempPathFactory) -> None:
    with KeyedService(tmp_path_factory.mktemp("keys") / "keys", ("alice",)) as service:
        headers = {"Host": "inlay.example", **CROSS}
        assert service.of("alice").post("/v1/jobs", json={"task": "generate"}, headers=headers).status_code == 202
        assert service.client(None).post("/v1/jobs", json={"task": "generate"}, headers=headers).status_code == 401


@pytest.mark.parametrize("wrong", ["https://inlay.example", "inlay.example:8000", "inlay.example/x", "a,b"])
def test_what_is_no_name_is_refused_at_the_start(wrong: str) -> None:
    with pytest.raises(ValidationError):
        Settings(allowed_hosts=wrong)
    assert Settings(allowed_hosts="").allowed_hosts == ""
